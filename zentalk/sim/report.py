"""The report of a run: counts, latencies, sizes on the wire, load per relay."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RelayLoad:
    """The work of one relay; `alive` is False if it was killed in the run."""

    forwarded: int
    deposited: int
    alive: bool


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from writing to being announced by a recipient that was online."""

    p50: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Report:
    """One run; what the counts of messages mean stands at `Verdict`.

    `latency_ms` is of messages written while nothing was wrong, `latency_disturbed_ms`
    of those written afterwards (somebody left, relays died) to people who were there.
    `wire_sizes` are all sizes of units on links of API nodes, in bytes.
    `relay_disk_envelopes_left` counts envelopes in databases of relays that live. With
    `net` = processes, relay loads are the rounded numbers that relays show operators.
    """

    nodes: int
    users: int
    net: str
    seed: int
    messages: int
    killed: tuple[str, ...]
    sent: int
    delivered: int
    duplicates: int
    lost: int
    out_of_order: int
    altered: int
    confirmed: int
    confirmed_but_missing: int
    latency_ms: Latency
    latency_disturbed_ms: Latency
    wire_sizes: tuple[int, ...]
    relays: Mapping[str, RelayLoad]
    relay_disk_envelopes_left: int
    crashed: tuple[str, ...]
    startup_seconds: float
    wall_seconds: float
    peak_memory_mib: float

    @property
    def passed(self) -> bool:
        """Tell whether every message arrived, once, in order and unchanged."""
        return not self.faults()

    def faults(self) -> list[str]:
        """Return what went wrong, a few words each; empty in a good run."""
        counts = (
            (self.messages - self.sent, "not accepted by the sender's node"),
            (self.lost, "lost"),
            (self.duplicates, "duplicated"),
            (self.out_of_order, "out of order"),
            (self.altered, "altered"),
            (self.confirmed_but_missing, "confirmed but missing"),
            (len(self.crashed), "nodes crashed"),
        )
        return [f"{count} {what}" for count, what in counts if count]

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return asdict(self) | {
            "passed": self.passed,
            "wire_sizes": list(self.wire_sizes),
            "killed": list(self.killed),
            "crashed": list(self.crashed),
            "relays": {name: asdict(load) for name, load in self.relays.items()},
        }


def summarize(latencies_seconds: Sequence[float]) -> Latency:
    """Return percentiles in milliseconds; zeros without any value."""
    if not latencies_seconds:
        return Latency(0.0, 0.0, 0.0)
    ordered = sorted(value * 1000 for value in latencies_seconds)

    def at(share: float) -> float:
        return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 2)

    return Latency(at(0.50), at(0.99), round(ordered[-1], 2))
