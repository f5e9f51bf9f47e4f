"""Puts and changes: what is there is read from the index, judged by the core, and written back.

Spec: docs/spec/mesh.md sections 8 to 10. The rules are in `zentalk.mesh`; functions here that take
a transaction run inside it, one at a time, and change nothing when they refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from zentalk.errors import RefusedError
from zentalk.ids import NodeId, ShardId
from zentalk.mailbox.events import Admittance
from zentalk.mesh import leases
from zentalk.mesh.leases import (
    KeptShard,
    check_nonce,
    check_statement,
    hour_at,
    minute_at,
    put_expiry,
)
from zentalk.mesh.nonces import NonceMemory
from zentalk.relay.shards.room import ShardRoom
from zentalk.store.shards import rows
from zentalk.store.shards.rows import Doomed, SeenNonce, ShardRow
from zentalk.store.sqlite import Transaction
from zentalk.wire.deposit import Stamp
from zentalk.wire.rpc_shards import REPLAY, UNAVAILABLE, Changed, ShardChange
from zentalk.wire.statement import Op, SignedStatement

UNKNOWN_KEY: Final = b""
FORGET_AFTER: Final = 1000
"""Statements after which old nonces are forgotten, besides every hour."""


@dataclass(frozen=True, slots=True)
class ShardArrival:
    """A shard that somebody wants kept, whose form was looked at."""

    id: ShardId = field(repr=False)
    content: bytes = field(repr=False)
    signed: SignedStatement = field(repr=False)
    stamp: Stamp = field(repr=False)
    admittance: Admittance


class ShardKeeper:
    """Judges for one relay; `wall` gives unix seconds."""

    def __init__(self, relay: NodeId, wall: Callable[[], float], room: ShardRoom) -> None:
        self._relay = relay
        self._wall = wall
        self.room = room
        self._nonces = NonceMemory(rows.MAX_NONCES)
        self._seen_since = 0

    def check(self, op: Op, signed: SignedStatement, ids: tuple[ShardId, ...]) -> None:
        """Check a statement by itself; raises RefusedError (`clock`, `signer`)."""
        check_statement(signed.statement(op, self._relay, ids), signed, self._wall())

    def judge_put(self, tx: Transaction, put: ShardArrival) -> ShardRow | None:
        """Look whether a put would be done now, before its bytes are written.

        Return the row that is in its place: one that is renewed, or one whose lease has ended.
        Raises RefusedError (`replay`, `deleted`, `exists`, `access`, `full`, `work`).
        """
        if self._nonces.has_seen(*_seen(put.signed)):
            raise RefusedError(REPLAY)
        row = rows.find(tx, put.id)
        put_expiry(self._kept(tx, put.id), put.signed, self._hour)
        if not self.is_leased(row):
            self.check_room(tx, put)
        return row

    def check_room(self, tx: Transaction | None, put: ShardArrival) -> None:
        """Check that a new shard has room; None stands for an empty store. Raises RefusedError."""
        self.room.check(tx, put.id, len(put.content), put.stamp, put.admittance)

    def is_leased(self, row: ShardRow | None) -> bool:
        """Tell whether there is a row whose lease runs."""
        return row is not None and row.expires > self._hour

    def put(self, tx: Transaction, put: ShardArrival, place: int) -> tuple[int, bool]:
        """Keep a shard whose bytes are at a place; return its hour, and whether it is new here.

        Raises RefusedError as `judge_put` does.
        """
        check_nonce(self._nonces, put.signed, self._wall())
        row = rows.find(tx, put.id)
        expires = put_expiry(self._kept(tx, put.id), put.signed, self._hour)
        if row is not None and not self.is_leased(row):
            raise RefusedError(UNAVAILABLE)  # it ended since somebody looked: try again
        if row is None:
            size = len(put.content)
            share = self.room.take(tx, put.id, size, put.stamp, put.admittance)
            new = ShardRow(put.id, put.signed.lease_key, size, expires, share, place)
            rows.add(tx, new, put.content)
        else:
            rows.renew(tx, put.id, expires)
        self._done(tx, put.signed)
        return expires, row is None

    def end(self, tx: Transaction, shard_id: ShardId) -> tuple[None, list[Doomed]]:
        """Remove a shard whose lease has ended, before the next sweep does it."""
        row = rows.find(tx, shard_id)
        return None, [] if row is None or self.is_leased(row) else [rows.remove(tx, row)]

    def change(
        self, tx: Transaction, change: ShardChange
    ) -> tuple[tuple[Changed, ...], list[Doomed]]:
        """Renew or delete; return what became of each id, and whose bytes are to be removed.

        Raises RefusedError (`replay`, `signer`).
        """
        check_nonce(self._nonces, change.signed, self._wall())
        kept = [self._kept(tx, one) for one in change.ids]
        changed = leases.judge_change(kept, change.signed.lease_key, self._hour)
        doomed = []
        for shard_id, lease, what in zip(change.ids, kept, changed, strict=True):
            if what is not Changed.DONE or lease is None:
                continue
            if change.op is Op.RENEW:
                asked = change.signed.expiry_hour
                rows.renew(tx, shard_id, leases.renewed_expiry(lease, asked, self._hour))
                continue
            row = rows.find(tx, shard_id)
            assert row is not None  # that is where the lease was read
            rows.bury(tx, shard_id, leases.tombstone_expiry(lease, self._hour))
            doomed.append(rows.remove(tx, row))
        if Changed.DONE in changed:
            self._done(tx, change.signed)
        return changed, doomed

    def look(self, tx: Transaction, ids: Sequence[ShardId]) -> list[int]:
        """Return for each id the hour at which its lease ends, 0 if it is not here."""
        found = [rows.find(tx, one) for one in ids]
        return [one.expires if one is not None and self.is_leased(one) else 0 for one in found]

    def load(self, tx: Transaction) -> None:
        """Know what an index has kept: how much there is, and nonces, so that none is forgotten."""
        for one in rows.nonces(tx):
            self._nonces.see(*one)
        self.room.count(tx)

    def forget_nonces(self, tx: Transaction) -> None:
        """Forget the nonces of statements that would be refused for their age."""
        self._seen_since = 0
        rows.drop_nonces(tx, minute_at(self._wall()) - leases.WINDOW_MINUTES)

    @property
    def _hour(self) -> int:
        return hour_at(self._wall())

    def _kept(self, tx: Transaction, shard_id: ShardId) -> KeptShard | None:
        row = rows.find(tx, shard_id)
        if row is not None:
            return KeptShard(row.lease_key, row.expires)
        until = rows.buried_until(tx, shard_id, self._hour)
        return KeptShard(UNKNOWN_KEY, until, deleted=True) if until else None

    def _done(self, tx: Transaction, signed: SignedStatement) -> None:
        """Remember a statement that is carried out in this transaction, and count what is there."""
        seen = _seen(signed)
        self._nonces.see(*seen)
        rows.see(tx, seen)
        self._seen_since += 1
        if self._seen_since >= FORGET_AFTER:
            self.forget_nonces(tx)
        self.room.count(tx)


def _seen(signed: SignedStatement) -> SeenNonce:
    return SeenNonce(signed.lease_key, signed.nonce, signed.made_minute)
