"""A load of messages that wait for their confirmation, for LXMF and for ours alike.

Five processes each: a sender, a recipient and three relays between them, all on loopback; more
relays where that is asked for.
"""

from __future__ import annotations

import statistics
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.programs import Program

RELAYS = 3
SIZE_BYTES = 1024


class Run(NamedTuple):
    """What one run saw: confirmed messages only."""

    in_flight: int
    rate: float
    """Messages a second, until the last was confirmed."""
    p50_ms: float
    cpu_ms: Mapping[str, float]
    """CPU time per message by program."""

    @property
    def cpu_ms_in_all(self) -> float:
        """CPU time per message of all programs."""
        return sum(self.cpu_ms.values())


class Sent(NamedTuple):
    """What a sender saw confirmed."""

    seconds: float
    latencies: Sequence[float]


class PeerLoad(ABC):
    """One network of processes."""

    def __init__(self, programs: Sequence[Program]) -> None:
        self._programs = programs

    async def run(self, count: int, in_flight: int) -> Run:
        """Send messages, `in_flight` at a time: the next when one was confirmed."""
        before = [program.cpu_seconds() for program in self._programs]
        sent = await self.send(count, in_flight)
        done = len(sent.latencies)
        if not done:
            raise RuntimeError("no message was confirmed")
        used = {
            program.name: (program.cpu_seconds() - start) / done * 1e3
            for program, start in zip(self._programs, before, strict=True)
        }
        p50_ms = statistics.median(sent.latencies) * 1e3
        return Run(in_flight, done / sent.seconds, p50_ms, used)

    @abstractmethod
    async def send(self, count: int, in_flight: int) -> Sent:
        """Send messages and wait for their confirmations."""

    @abstractmethod
    async def verdict(self) -> tuple[int, int]:
        """Return how many confirmed messages are missing, and how many came twice."""
