"""Statements: what the owner of shards wants of one holder, as bytes that are signed.

Spec: docs/spec/mesh.md section 8. Most of a statement never travels: the holder knows its own id,
and the call says the rest. Whether a statement is fresh and rightly signed is for
`zentalk.mesh.leases`.

| offset | bytes | field |
|---|---|---|
| 0 | 1 | op |
| 1 | 32 | node id of the holder |
| 33 | 4 | hour at which the lease shall end, 0 for a delete |
| 37 | 4 | minute at which it was made |
| 41 | 16 | nonce |
| 57 | 32 each | 1 to 256 shard ids, each once |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from zentalk.crypto.ed25519 import PUBLIC_BYTES, SIGNATURE_BYTES
from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.ids import NODE_ID_BYTES, SHARD_ID_BYTES, NodeId, ShardId
from zentalk.wire.codec import Fields

NONCE_BYTES: Final = 16
MAX_IDS: Final = 256
"""Ids in one statement, and in one question about shards."""
_MAX_U32: Final = 2**32 - 1
_IDS_AT: Final = 1 + NODE_ID_BYTES + 4 + 4 + NONCE_BYTES


class Op(IntEnum):
    """What an owner wants."""

    KEEP = 1
    """Take one shard and keep it."""
    RENEW = 2
    """Keep what is there for longer."""
    DELETE = 3
    """Forget what is there at once."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What an owner wants of one holder; hour and minute are of unix time."""

    op: Op
    holder: NodeId = field(repr=False)
    expiry_hour: int
    made_minute: int
    nonce: bytes = field(repr=False)
    ids: tuple[ShardId, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """What travels of a statement: its key, what only its author knows, and the signature."""

    lease_key: bytes = field(repr=False)
    expiry_hour: int
    made_minute: int
    nonce: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    def statement(self, op: Op, holder: NodeId, ids: tuple[ShardId, ...]) -> Statement:
        """Return the statement, with what a call said besides."""
        return Statement(op, holder, self.expiry_hour, self.made_minute, self.nonce, ids)

    def to_fields(self) -> list[Any]:
        """Return the fields in the order in which `read_signed_statement` reads them."""
        return [self.lease_key, self.expiry_hour, self.made_minute, self.nonce, self.signature]


def read_signed_statement(fields: Fields) -> SignedStatement:
    """Read what travels of a statement, as part of a call; raises DecodeError."""
    return SignedStatement(
        lease_key=fields.fixed(PUBLIC_BYTES),
        expiry_hour=fields.uint(_MAX_U32),
        made_minute=fields.uint(_MAX_U32),
        nonce=fields.fixed(NONCE_BYTES),
        signature=fields.fixed(SIGNATURE_BYTES),
    )


def encode_statement(statement: Statement) -> bytes:
    """Return the bytes that are signed; raises LocalProtocolError if a field is out of bounds."""
    fault = _fault(statement)
    if fault:
        raise LocalProtocolError(fault)
    return b"".join(
        (
            bytes([statement.op]),
            statement.holder,
            statement.expiry_hour.to_bytes(4, "big"),
            statement.made_minute.to_bytes(4, "big"),
            statement.nonce,
            *statement.ids,
        )
    )


def decode_statement(data: bytes) -> Statement:
    """Read the bytes of a statement; raises DecodeError."""
    if not _IDS_AT < len(data) <= _IDS_AT + MAX_IDS * SHARD_ID_BYTES:
        raise DecodeError("a statement has the wrong length")
    rest = data[_IDS_AT:]
    if len(rest) % SHARD_ID_BYTES or data[0] not in set(Op):
        raise DecodeError("a statement is not well formed")
    statement = Statement(
        op=Op(data[0]),
        holder=NodeId(data[1:33]),
        expiry_hour=int.from_bytes(data[33:37], "big"),
        made_minute=int.from_bytes(data[37:41], "big"),
        nonce=data[41:_IDS_AT],
        ids=tuple(
            ShardId(rest[at : at + SHARD_ID_BYTES]) for at in range(0, len(rest), SHARD_ID_BYTES)
        ),
    )
    fault = _fault(statement)
    if fault:
        raise DecodeError(fault)
    return statement


def _fault(statement: Statement) -> str:
    """Return what is the matter with a statement, empty if nothing is."""
    lengths = [len(statement.holder), len(statement.nonce), *map(len, statement.ids)]
    if lengths != [NODE_ID_BYTES, NONCE_BYTES] + [SHARD_ID_BYTES] * len(statement.ids):
        return "an id or nonce of a statement has the wrong length"
    if not 1 <= len(statement.ids) <= MAX_IDS:
        return f"a statement names not 1 to {MAX_IDS} shards"
    if len(set(statement.ids)) != len(statement.ids):
        return "a statement names a shard twice"
    if statement.op is Op.KEEP and len(statement.ids) != 1:
        return "a statement to keep names more than one shard"
    if (statement.op is Op.DELETE) != (statement.expiry_hour == 0):
        return "a statement to keep or renew says no hour, or one to delete says one"
    if not 0 <= statement.expiry_hour <= _MAX_U32 or not 0 <= statement.made_minute <= _MAX_U32:
        return "a time of a statement is out of bounds"
    return ""
