"""Leases: how owners ask for them, and what a holder makes of a statement.

Spec: docs/spec/mesh.md section 8. A lease never ends earlier by a statement that is not a delete,
and a deleted id stays refused for longer than a statement is fresh: so whoever repeats one that was
carried out changes nothing, whatever was forgotten of nonces. One that found nothing to change has
only its nonce against that. A refusal must never have changed anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from zentalk.crypto.ed25519 import SigningKey, verify
from zentalk.crypto.labels import Label
from zentalk.crypto.types import Entropy
from zentalk.errors import AuthenticationError, RefusedError
from zentalk.ids import NodeId, ShardId
from zentalk.mesh.nonces import NonceMemory
from zentalk.wire.rpc_shards import (
    CLOCK,
    DELETED,
    EXISTS,
    MAX_LEASE_HOURS,
    REPLAY,
    SIGNER,
    Changed,
)
from zentalk.wire.statement import (
    NONCE_BYTES,
    Op,
    SignedStatement,
    Statement,
    encode_statement,
)

HOUR_SECONDS: Final = 3600
MINUTE_SECONDS: Final = 60
WINDOW_MINUTES: Final = 15
"""The minutes before or after a holder's clock a statement may have been made."""
LEAST_TOMBSTONE_HOURS: Final = 2
"""The least time that a deleted id is refused: no statement from before is fresh after it."""
RENEWAL_HOURS: Final = 7 * 24
"""The time after a grant when its owner renews it, unless the lease is short."""


class LeaseSigner:
    """Makes the statements of one owner for one holder; `key` is the lease key of that holder."""

    __slots__ = ("_entropy", "_holder", "_key")

    def __init__(self, key: SigningKey, holder: NodeId, entropy: Entropy) -> None:
        self._key = key
        self._holder = holder
        self._entropy = entropy

    def keep(self, shard: ShardId, expiry_hour: int, wall: float) -> SignedStatement:
        """Return the statement that goes with a put."""
        return self._sign(Op.KEEP, (shard,), expiry_hour, wall)

    def renew(self, shards: Sequence[ShardId], expiry_hour: int, wall: float) -> SignedStatement:
        """Return the statement that lets leases run until an hour."""
        return self._sign(Op.RENEW, tuple(shards), expiry_hour, wall)

    def delete(self, shards: Sequence[ShardId], wall: float) -> SignedStatement:
        """Return the statement that ends leases, and the shards with them."""
        return self._sign(Op.DELETE, tuple(shards), 0, wall)

    def _sign(
        self, op: Op, shards: tuple[ShardId, ...], expiry_hour: int, wall: float
    ) -> SignedStatement:
        """Sign a statement; raises LocalProtocolError if it is not one that may be made."""
        minute, nonce = minute_at(wall), self._entropy(NONCE_BYTES)
        data = encode_statement(Statement(op, self._holder, expiry_hour, minute, nonce, shards))
        signature = self._key.sign(Label.MESH_STATEMENT, data)
        return SignedStatement(self._key.public, expiry_hour, minute, nonce, signature)


@dataclass(frozen=True, slots=True)
class KeptShard:
    """The knowledge of a holder about an id: its lease, or until when a deleted one is refused."""

    lease_key: bytes = field(repr=False)
    expiry_hour: int
    deleted: bool = False


def hour_at(wall: float) -> int:
    """Return the hour of a unix time in seconds."""
    return int(wall // HOUR_SECONDS)


def minute_at(wall: float) -> int:
    """Return the minute of a unix time in seconds."""
    return int(wall // MINUTE_SECONDS)


def longest_expiry(wall: float, lease_hours: int = MAX_LEASE_HOURS) -> int:
    """Return the last hour that a lease may be asked for now."""
    return hour_at(wall) + lease_hours


def renewal_hour(expiry_hour: int, lease_hours: int = MAX_LEASE_HOURS) -> int:
    """Return from which hour on a lease is to be renewed that was granted for so many hours.

    After a week, or a quarter of a shorter lease: an owner that is away for the rest of it loses
    nothing.
    """
    return expiry_hour - lease_hours + min(RENEWAL_HOURS, lease_hours // 4)


def check_statement(statement: Statement, signed: SignedStatement, wall: float) -> None:
    """Check that a statement is fresh and its signature right; nonce and lease are not looked at.

    Raises RefusedError (`clock`, `signer`).
    """
    now = minute_at(wall)
    if not now - WINDOW_MINUTES <= statement.made_minute <= now + WINDOW_MINUTES:
        raise RefusedError(CLOCK)
    if statement.op is not Op.DELETE and statement.expiry_hour <= hour_at(wall):
        raise RefusedError(CLOCK)
    try:
        verify(
            signed.lease_key, Label.MESH_STATEMENT, encode_statement(statement), signed.signature
        )
    except AuthenticationError:
        raise RefusedError(SIGNER) from None


def check_nonce(nonces: NonceMemory, signed: SignedStatement, wall: float) -> None:
    """Check that a statement that verifies was not seen before; raises RefusedError (`replay`).

    Every statement that comes so far is given to `nonces.see` then, also if it changes nothing.
    """
    nonces.forget_before(minute_at(wall) - WINDOW_MINUTES)
    if nonces.has_seen(signed.lease_key, signed.nonce, signed.made_minute):
        raise RefusedError(REPLAY)


def granted_hour(asked_hour: int, hour: int, lease_hours: int) -> int:
    """Return when a lease ends that is asked for at an hour: not later than the longest."""
    return min(asked_hour, hour + lease_hours)


def put_expiry(
    kept: KeptShard | None, signed: SignedStatement, hour: int, lease_hours: int = MAX_LEASE_HOURS
) -> int:
    """Return when the lease of a shard ends that is put at an hour.

    `kept` is what the holder knows of the id; if that is a lease which runs, nothing new is stored.
    Raises RefusedError (`deleted`, `exists`).
    """
    granted = granted_hour(signed.expiry_hour, hour, lease_hours)
    if kept is None or kept.expiry_hour <= hour:
        return granted
    if kept.deleted:
        raise RefusedError(DELETED)
    if kept.lease_key != signed.lease_key:
        raise RefusedError(EXISTS)
    return max(granted, kept.expiry_hour)


def judge_change(
    kept: Sequence[KeptShard | None], lease_key: bytes, hour: int
) -> tuple[Changed, ...]:
    """Return what becomes of each id of a renewal or a delete, done at an hour.

    Raises RefusedError (`signer`) if one of them is leased under another key; then none changes.
    """
    running = [one if one is not None and one.expiry_hour > hour else None for one in kept]
    leases = [one for one in running if one is not None and not one.deleted]
    if any(one.lease_key != lease_key for one in leases):
        raise RefusedError(SIGNER)
    return tuple(
        Changed.NOT_HERE if one is None else Changed.DELETED_BEFORE if one.deleted else Changed.DONE
        for one in running
    )


def renewed_expiry(
    kept: KeptShard, asked_hour: int, hour: int, lease_hours: int = MAX_LEASE_HOURS
) -> int:
    """Return when a lease ends that is renewed: never earlier than before."""
    return max(kept.expiry_hour, granted_hour(asked_hour, hour, lease_hours))


def tombstone_expiry(kept: KeptShard, hour: int) -> int:
    """Return until which hour an id is refused that is deleted now."""
    return max(kept.expiry_hour, hour + LEAST_TOMBSTONE_HOURS)
