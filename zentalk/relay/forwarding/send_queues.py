"""Packets for neighbours to whom a link is just being made: small queues, bounded together.

Plain synchronous code. What does not fit is refused; nothing waits longer than the dial.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from zentalk.relay.links.memory_budget import BudgetAccount

K = TypeVar("K", bound=Hashable)

MAX_TARGET_BYTES: Final = 2 * 1024 * 1024
"""About 800 small packets for one neighbour while its link is being made."""


class SendQueues(Generic[K]):
    """One queue per target, of at most `target_bytes` each; together what the account allows."""

    __slots__ = ("_account", "_queues", "_sizes", "_target_bytes")

    def __init__(self, target_bytes: int, account: BudgetAccount) -> None:
        self._queues: dict[K, list[bytes]] = {}
        self._sizes: dict[K, int] = {}
        self._target_bytes = target_bytes
        self._account = account

    @property
    def size_bytes(self) -> int:
        """Return what all queues hold together."""
        return self._account.used_bytes

    def __contains__(self, target: K) -> bool:
        return target in self._queues

    def open(self, target: K) -> None:
        """Start a queue for a target."""
        self._queues.setdefault(target, [])
        self._sizes.setdefault(target, 0)

    def add(self, target: K, packet: bytes) -> bool:
        """Keep a packet in the target's open queue; False if there is no room."""
        size = len(packet)
        if self._sizes[target] + size > self._target_bytes:
            return False
        if not self._account.take(size):
            return False
        self._queues[target].append(packet)
        self._sizes[target] += size
        return True

    def close(self, target: K) -> list[bytes]:
        """End the target's queue and return what is in it, oldest first."""
        self._account.release(self._sizes.pop(target, 0))
        return self._queues.pop(target, [])
