"""The room that a relay has for shards: its quota, the burst of strangers, and whose share is what.

Spec: docs/spec/mesh.md section 10. The rules are in `zentalk.mesh.price`; here is only what they
are applied to. Functions that take a transaction run inside it, one at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from zentalk.errors import RefusedError
from zentalk.ids import NodeId, ShardId, day_at
from zentalk.mailbox.events import Admittance
from zentalk.mesh.price import BurstTaken, Quota, check_token_room, price_bits, take
from zentalk.mesh.work import shard_worth
from zentalk.store.shards import rows
from zentalk.store.shards.rows import Used, counted_bytes
from zentalk.store.sqlite import Transaction
from zentalk.wire.deposit import Stamp
from zentalk.wire.rpc_shards import ACCESS, MAX_BITS

STRANGERS: Final = 0
HOLDERS: Final = 1
SHARES: Final = (STRANGERS, HOLDERS)
_BURST: Final = "burst"
_BURST_BYTES: Final = 8


class ShardRoom:
    """The room of one relay; `tokens` tells how many access tokens were given out."""

    def __init__(
        self,
        relay: NodeId,
        wall: Callable[[], float],
        quota_bytes: int,
        tokens: Callable[[], int],
    ) -> None:
        self._relay = relay
        self._wall = wall
        self._tokens = tokens
        self.quota_bytes = quota_bytes
        self.used = Used()
        """The amount that was stored after the last commit that was looked at."""
        self.coming_bytes = 0
        """Bytes of shards that are being written and are in no row yet."""

    def price(self, tx: Transaction | None, size: int, admittance: Admittance) -> int:
        """Return the bits of work that a new shard takes now; None stands for an empty store.

        Raises RefusedError (`access`, `full`).
        """
        if self._has_token_room(tx, size, admittance, self.coming_bytes):
            return 0
        self._take(tx, size, admittance, MAX_BITS, self.coming_bytes)
        return price_bits(_burst(tx), counted_bytes(size), self._wall())

    def check(
        self,
        tx: Transaction | None,
        shard_id: ShardId,
        size: int,
        stamp: Stamp,
        admittance: Admittance,
    ) -> None:
        """Check that there is room for a new shard beside those that come; raises RefusedError.

        None stands for an empty store.
        """
        if not self._has_token_room(tx, size, admittance, self.coming_bytes):
            worth = self._worth(shard_id, stamp)
            self._take(tx, size, admittance, worth, self.coming_bytes)

    def take(
        self, tx: Transaction, shard_id: ShardId, size: int, stamp: Stamp, admittance: Admittance
    ) -> int:
        """Take the room for a new shard; return its share. Raises RefusedError if it has none."""
        if self._has_token_room(tx, size, admittance, 0):
            return HOLDERS
        taken = self._take(tx, size, admittance, self._worth(shard_id, stamp), 0)
        rows.keep(tx, _BURST, b"".join(part.to_bytes(_BURST_BYTES, "big") for part in taken))
        return STRANGERS

    def count(self, tx: Transaction) -> None:
        """Take note of how much is stored."""
        self.used = rows.totals(tx, SHARES)

    def _has_token_room(
        self, tx: Transaction | None, size: int, admittance: Admittance, coming: int
    ) -> bool:
        """Tell whether somebody has a share of its own that has room."""
        if admittance is not Admittance.HOLDER:
            return False
        used, counted = _used(tx, HOLDERS).bytes + coming, counted_bytes(size)
        try:
            check_token_room(self._quota, used, counted)
        except RefusedError:
            return False
        return counted <= self._free(tx) - coming

    def _take(
        self, tx: Transaction | None, size: int, admittance: Admittance, worth: int, coming: int
    ) -> BurstTaken:
        if admittance is Admittance.UNINVITED:
            raise RefusedError(ACCESS)
        of_share = self._quota.strangers - _used(tx, STRANGERS).bytes
        free = max(0, min(of_share, self._free(tx)) - coming)
        return take(_burst(tx), free, counted_bytes(size), worth, self._wall())

    def _free(self, tx: Transaction | None) -> int:
        return self.quota_bytes - sum(_used(tx, share).bytes for share in SHARES)

    @property
    def _quota(self) -> Quota:
        return Quota(self.quota_bytes, bool(self._tokens()))

    def _worth(self, shard_id: ShardId, stamp: Stamp) -> int:
        return shard_worth(self._relay, shard_id, stamp, day_at(self._wall()))


def _used(tx: Transaction | None, share: int) -> Used:
    return Used() if tx is None else rows.used(tx, share)


def _burst(tx: Transaction | None) -> BurstTaken:
    kept = b"" if tx is None else rows.kept(tx, _BURST)
    parts, at = kept[:_BURST_BYTES], kept[_BURST_BYTES:]
    return BurstTaken(int.from_bytes(parts, "big"), int.from_bytes(at, "big"))
