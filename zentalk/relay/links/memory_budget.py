"""One byte budget for all that a relay holds in memory for others.

Spec: docs/spec/link.md section 11. Plain synchronous code. Every queue counts what it
holds in an account of its own; all accounts together stay under one total. As memory
gets short, new work is refused in a fixed order: connections, streams, then what the
greediest account wants on top. What one account has reserved no other gets, used or not.
What was counted is given back exactly once.
"""

from __future__ import annotations

from typing import Final

from zentalk.errors import LocalProtocolError

CONNECTIONS_SHARE: Final = 0.75
"""A share of the total: above it new connections are refused."""
STREAMS_SHARE: Final = 0.85
"""Above it streams are refused `busy`."""
GREEDY_SHARE: Final = 0.9
"""Above it an account that holds more than the average gets nothing more."""
ACCOUNT_SHARE: Final = 0.125
"""The share that one link may make the relay hold."""


class MemoryBudget:
    """The memory of one process; `used_bytes` is the sum of all accounts."""

    __slots__ = (
        "_holders",
        "_links_bytes",
        "_reserved_bytes",
        "refused",
        "total_bytes",
        "used_bytes",
    )

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self.used_bytes = 0
        self._links_bytes = 0
        self._holders = 0
        self._reserved_bytes = 0
        self.refused = 0
        """The number of times that an account asked for memory and did not get it."""

    def account(
        self, share: float = ACCOUNT_SHARE, *, greedy: bool = True, reserved: float = 0.0
    ) -> BudgetAccount:
        """Return a new account that may hold that share of the total.

        One that is not `greedy` is the relay's own: it is not compared with those of links. What
        it has `reserved` (a share, too) counts as used by it, for everybody else.
        """
        account = BudgetAccount(self, int(self.total_bytes * share), greedy=greedy)
        account.reserved_bytes = int(self.total_bytes * reserved)
        self._reserved_bytes += account.reserved_bytes
        return account

    @property
    def claimed_bytes(self) -> int:
        """The bytes that are used, and those that are reserved and not used yet."""
        return self.used_bytes + self._reserved_bytes

    @property
    def takes_connections(self) -> bool:
        """Whether there is memory for a new connection that nothing is reserved for."""
        return self.claimed_bytes <= self.total_bytes * CONNECTIONS_SHARE

    @property
    def takes_streams(self) -> bool:
        """Whether there is memory for a new stream."""
        return self.claimed_bytes <= self.total_bytes * STREAMS_SHARE

    # For BudgetAccount.

    def _allows(self, account: BudgetAccount, size_bytes: int) -> bool:
        after = self.used_bytes + self._reserved_bytes + size_bytes
        if account.reserved_bytes:
            after -= min(size_bytes, account.unused_reserve_bytes)
        if account.used_bytes + size_bytes > account.max_bytes or after > self.total_bytes:
            return False
        if not account.greedy or after <= self.total_bytes * GREEDY_SHARE:
            return True
        # One more than there are: who holds everything alone would be the average itself.
        return account.used_bytes * (self._holders + 1) <= self._links_bytes

    def _count(self, account: BudgetAccount, size_bytes: int) -> None:
        before = account.used_bytes
        if account.reserved_bytes:
            self._reserved_bytes -= account.unused_reserve_bytes
        account.used_bytes = after = before + size_bytes
        if account.reserved_bytes:
            self._reserved_bytes += account.unused_reserve_bytes
        self.used_bytes += size_bytes
        if after < 0:
            raise LocalProtocolError("more memory was given back than was taken")
        if account.greedy:
            self._links_bytes += size_bytes
            self._holders += (after > 0) - (before > 0)


class BudgetAccount:
    """The memory that one link, or one part of the relay, holds. Made by `MemoryBudget.account`."""

    __slots__ = ("_budget", "greedy", "max_bytes", "reserved_bytes", "used_bytes")

    def __init__(self, budget: MemoryBudget, max_bytes: int, *, greedy: bool) -> None:
        self._budget = budget
        self.max_bytes = max_bytes
        self.greedy = greedy
        self.reserved_bytes = 0
        self.used_bytes = 0

    @property
    def unused_reserve_bytes(self) -> int:
        """The bytes that may still be held without anybody's leave."""
        return max(0, self.reserved_bytes - self.used_bytes)

    def has_room(self, size_bytes: int) -> bool:
        """Tell whether that much more may be held."""
        allowed = self._budget._allows(self, size_bytes)  # noqa: SLF001 - one module's classes
        self._budget.refused += not allowed
        return allowed

    def take(self, size_bytes: int) -> bool:
        """Count that much if there is room for it."""
        if not self.has_room(size_bytes):
            return False
        self.add(size_bytes)
        return True

    def add(self, size_bytes: int) -> None:
        """Count what is held from now on, whether there is room or not."""
        self._budget._count(self, size_bytes)  # noqa: SLF001

    def release(self, size_bytes: int) -> None:
        """Count what is no longer held."""
        self._budget._count(self, -size_bytes)  # noqa: SLF001

    def set(self, size_bytes: int) -> None:
        """Let the account say what its owner has added up by itself."""
        self._budget._count(self, size_bytes - self.used_bytes)  # noqa: SLF001
