"""A program's access to the outside world: clocks, entropy and blocking calls.

Everything that runs takes one `Runtime` and reads time and randomness from nowhere
else, so that a whole network can run under a virtual clock and repeat itself exactly.
Protocol cores never see this object; they get `now` and `entropy` as arguments.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import trio

from zentalk.crypto.types import Entropy
from zentalk.net.threads import THREADS
from zentalk.store.blocking import RunBlocking

T = TypeVar("T")

_BLOCK_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Runtime:
    """Clocks (seconds), entropy and `run_blocking` of one program.

    `monotonic` never steps and is for durations; `wall` is unix time.
    """

    monotonic: Callable[[], float]
    wall: Callable[[], float]
    entropy: Entropy
    run_blocking: RunBlocking
    seed: bytes | None = None

    @classmethod
    def real(cls) -> Runtime:
        """Return the runtime of a program in the real world."""
        return cls(trio.current_time, time.time, os.urandom, THREADS.run)  # noqa: TID251  # the edge

    @classmethod
    def virtual(cls, seed: int, start_wall: float) -> Runtime:
        """Return a repeatable runtime for use under trio's MockClock.

        Blocking calls run inline: a worker thread would let virtual time jump while
        it works and fire timeouts that never were.
        """
        return cls(
            monotonic=trio.current_time,
            wall=lambda: start_wall + trio.current_time(),
            entropy=seeded_entropy(seed.to_bytes(8, "big")),
            run_blocking=_inline,
            seed=seed.to_bytes(8, "big"),
        )

    def for_part(self, name: str) -> Runtime:
        """Return the same runtime with an entropy stream of its own when seeded.

        Parts that draw from separate streams do not disturb each other's repeatability.
        """
        if self.seed is None:
            return self
        seed = hashlib.sha256(self.seed + name.encode()).digest()
        return replace(self, seed=seed, entropy=seeded_entropy(seed))


def seeded_entropy(seed: bytes) -> Entropy:
    """Return a repeatable entropy source: blocks of SHAKE256(seed || counter).

    For simulations and tests only; everyone who knows the seed knows every key.
    """
    buffer = b""
    counter = 0

    def draw(size: int) -> bytes:
        nonlocal buffer, counter
        while len(buffer) < size:
            block = seed + counter.to_bytes(8, "big")
            buffer += hashlib.shake_256(block).digest(_BLOCK_BYTES)
            counter += 1
        drawn, buffer = buffer[:size], buffer[size:]
        return drawn

    return draw


async def _inline(function: Callable[[], T], /) -> T:
    await trio.lowlevel.checkpoint()
    return function()
