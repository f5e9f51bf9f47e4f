"""Decides what strangers may store, and for how much work: a burst, and what comes back of it.

Spec: docs/spec/mesh.md section 10. No address is seen here, so there is no share for each stranger:
work decides who gets room when it is scarce. A new shard takes from the burst the part that it is
of a quarter of the free room, so that a flood gets less and less, and what it leaves is given out
over days. It must never decide about a shard that is here: renewing takes nothing, and nothing is
taken from anybody to make room.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from zentalk.errors import RefusedError
from zentalk.ids import DAY_SECONDS
from zentalk.wire.rpc_shards import FULL, WORK

BURST_SHARE: Final = 4
"""The burst is one in so many bytes of the free room."""
REFILL_DAYS: Final = 30
"""As much as the free room is given out again in this time: the longest lease."""
TOKEN_SHARE: Final = 4
"""One in so many bytes of a quota is kept for those who hold an access token."""
LEAST_BITS: Final = 16
MOST_BITS: Final = 22
"""Work for a MiB at the end of the burst."""
_MIB_BITS: Final = 20
WHOLE: Final = 2**40
"""Parts of a burst: a shard of a few bytes is some of them, however large a quota is."""
_REFILL_PER_SECOND: Final = WHOLE * BURST_SHARE // (REFILL_DAYS * DAY_SECONDS)


class BurstTaken(NamedTuple):
    """The taken part of the burst at a unix second, in parts of WHOLE: it survives restarts."""

    parts: int = 0
    at: int = 0

    def now(self, wall: float) -> BurstTaken:
        """Return what is still taken at a unix time; a clock that went back brings nothing back."""
        second = int(wall)
        back = max(0, second - self.at) * _REFILL_PER_SECOND
        return BurstTaken(max(0, self.parts - back), second)


class Quota(NamedTuple):
    """The bytes that a relay gives for shards; with tokens a share is kept for who holds one.

    Sizes are those that count: of a shard its own bytes, and those of its row.
    """

    bytes: int
    has_tokens: bool = False

    @property
    def token_holders(self) -> int:
        """The share of those who hold an access token."""
        return self.bytes // TOKEN_SHARE if self.has_tokens else 0

    @property
    def strangers(self) -> int:
        """The share of all others."""
        return self.bytes - self.token_holders


def price_bits(taken: BurstTaken, size: int, wall: float) -> int:
    """Return the bits of work for a new shard of `size` bytes of a stranger now, 0 for none."""
    half = WHOLE // 2
    beyond = taken.now(wall).parts - half
    if beyond < 0:
        return 0
    steps = MOST_BITS - LEAST_BITS + 1
    per_mib = min(LEAST_BITS + steps * beyond // half, MOST_BITS)
    return max(1, per_mib + (size - 1).bit_length() - _MIB_BITS)


def take(taken: BurstTaken, free: int, size: int, worth: int, wall: float) -> BurstTaken:
    """Return what is taken of the burst after a stranger's new shard is stored.

    `free` are the bytes that strangers' shards leave of their share; `worth` is that of the stamp.
    Raises RefusedError (`full`, `work`) and has changed nothing then.
    """
    before = taken.now(wall)
    left = WHOLE - before.parts
    if size * BURST_SHARE * WHOLE > free * left:
        raise RefusedError(FULL)
    if worth < price_bits(before, size, wall):
        raise RefusedError(WORK)
    return BurstTaken(before.parts - (-size * BURST_SHARE * WHOLE // free), before.at)


def check_token_room(quota: Quota, used: int, size: int) -> None:
    """Check that a shard of whoever holds an access token fits into their share.

    Raises RefusedError (`full`).
    """
    if used + size > quota.token_holders:
        raise RefusedError(FULL)
