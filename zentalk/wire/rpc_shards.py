"""What owners and readers ask holders: `shard.price`, `put`, `get`, `look` and `change`.

Spec: docs/spec/mesh.md section 9. Only shapes and bounds are checked here: a shard is some bytes,
and whether a statement verifies is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from zentalk.errors import DecodeError
from zentalk.ids import SHARD_ID_BYTES, ShardId
from zentalk.wire.codec import Fields, Value
from zentalk.wire.deposit import NO_STAMP, STAMP_BYTES, Stamp, decode_stamp, encode_stamp
from zentalk.wire.rpc import decode_response, encode_call, encode_response
from zentalk.wire.shard import HEADER_BYTES, MAX_SHARD_BYTES
from zentalk.wire.statement import MAX_IDS, Op, SignedStatement, read_signed_statement

PRICE: Final = "shard.price"
PUT: Final = "shard.put"
GET: Final = "shard.get"
LOOK: Final = "shard.look"
CHANGE: Final = "shard.change"

MIN_SHARD_BYTES: Final = HEADER_BYTES + 1
MAX_READ_BYTES: Final = 262_144
"""Bytes that one `shard.get` asks for at most."""
MAX_LEASE_HOURS: Final = 30 * 24
MAX_BITS: Final = 255
_MAX_U32: Final = 2**32 - 1

# How a holder refuses; one word each.
FORM: Final = "form"
"""The bytes are no shard, or of a version that the holder does not know."""
CLOCK: Final = "clock"
"""The statement was made too long before or after the holder's clock, or its hour is past."""
REPLAY: Final = "replay"
"""Its nonce was seen."""
SIGNER: Final = "signer"
"""It does not verify (as one for another holder does not), or its key is not the lease's."""
EXISTS: Final = "exists"
"""The shard is here under another key."""
DELETED: Final = "deleted"
"""Its owner deleted it, and the lease would still run."""
FULL: Final = "full"
"""There is no room for strangers now, or none at all."""
WORK: Final = "work"
"""The stamp is worth less than the price."""
ACCESS: Final = "access"
"""An access token is needed."""
UNKNOWN: Final = "unknown"
"""The shard is not here."""
UNAVAILABLE: Final = "unavailable"
"""The holder cannot read or write its disk now."""


@dataclass(frozen=True, slots=True)
class ShardPrice:
    """The response to `shard.price`: bits of work for one shard, and the longest lease."""

    bits: int
    lease_hours: int


@dataclass(frozen=True, slots=True)
class ShardPut:
    """`shard.put`: keep this shard; the statement is one to keep, and names its id alone."""

    signed: SignedStatement = field(repr=False)
    content: bytes = field(repr=False)
    stamp: Stamp = field(default=NO_STAMP, repr=False)


@dataclass(frozen=True, slots=True)
class ShardGet:
    """`shard.get`: some bytes of a shard."""

    id: ShardId = field(repr=False)
    offset: int = 0
    length: int = MAX_READ_BYTES


@dataclass(frozen=True, slots=True)
class ShardRead:
    """The response to `shard.get`: the size of the whole shard, and the bytes that were asked."""

    size: int
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ShardChange:
    """`shard.change`: renew or delete these shards."""

    op: Op
    signed: SignedStatement = field(repr=False)
    ids: tuple[ShardId, ...] = field(repr=False)


class Changed(IntEnum):
    """What became of one shard of a `shard.change`."""

    DONE = 0
    NOT_HERE = 1
    DELETED_BEFORE = 2


def encode_shard_price_request(size: int) -> bytes:
    """Encode the request `shard.price`: what does a shard of so many bytes take now?"""
    return encode_call(PRICE, size)


def decode_shard_price_request(fields: Fields) -> int:
    """Read the bytes that `shard.price` asks about, those of one shard; raises DecodeError."""
    size = fields.uint(MAX_SHARD_BYTES)
    fields.end()
    if size < MIN_SHARD_BYTES:
        raise DecodeError("no shard is so small")
    return size


def encode_shard_price_response(price: ShardPrice) -> bytes:
    """Encode the response to `shard.price`."""
    return encode_response(min(price.bits, MAX_BITS), price.lease_hours)


def decode_shard_price_response(body: bytes) -> ShardPrice:
    """Read the response to `shard.price`; raises RefusedError or DecodeError."""
    fields = decode_response(body)
    price = ShardPrice(fields.uint(MAX_BITS), fields.uint(MAX_LEASE_HOURS))
    fields.end()
    return price


def encode_shard_put_request(put: ShardPut) -> bytes:
    """Encode the request `shard.put`."""
    return encode_call(PUT, *put.signed.to_fields(), encode_stamp(put.stamp), put.content)


def decode_shard_put_request(fields: Fields) -> ShardPut:
    """Read the fields of `shard.put`; raises DecodeError."""
    signed = read_signed_statement(fields)
    stamp = decode_stamp(fields.fixed(STAMP_BYTES))
    content = fields.blob(MAX_SHARD_BYTES, minimum=MIN_SHARD_BYTES)
    fields.end()
    return ShardPut(signed, content, stamp)


def encode_shard_put_response(expiry_hour: int) -> bytes:
    """Encode the response to `shard.put`: the hour at which the lease ends."""
    return encode_response(expiry_hour)


def decode_shard_put_response(body: bytes) -> int:
    """Return the hour at which the lease ends; raises RefusedError or DecodeError."""
    fields = decode_response(body)
    hour = fields.uint(_MAX_U32)
    fields.end()
    return hour


def encode_shard_get_request(get: ShardGet) -> bytes:
    """Encode the request `shard.get`."""
    return encode_call(GET, get.id, get.offset, get.length)


def decode_shard_get_request(fields: Fields) -> ShardGet:
    """Read the fields of `shard.get`; raises DecodeError."""
    get = ShardGet(
        ShardId(fields.fixed(SHARD_ID_BYTES)),
        fields.uint(MAX_SHARD_BYTES),
        fields.uint(MAX_READ_BYTES),
    )
    fields.end()
    if get.length == 0:
        raise DecodeError("no bytes of a shard were asked for")
    return get


def encode_shard_get_response(read: ShardRead) -> bytes:
    """Encode the response to `shard.get`."""
    return encode_response(read.size, read.content)


def decode_shard_get_response(body: bytes, get: ShardGet) -> ShardRead:
    """Read the response to `shard.get`; raises RefusedError or DecodeError.

    It has exactly what was asked for, as far as the shard goes.
    """
    fields = decode_response(body)
    read = ShardRead(fields.uint(MAX_SHARD_BYTES), fields.blob(MAX_READ_BYTES))
    fields.end()
    if read.size < MIN_SHARD_BYTES:
        raise DecodeError("no shard is so small")
    if len(read.content) != max(0, min(get.length, read.size - get.offset)):
        raise DecodeError("another part of a shard came than was asked for")
    return read


def encode_shard_look_request(ids: Sequence[ShardId]) -> bytes:
    """Encode the request `shard.look`: until when are these kept?"""
    return encode_call(LOOK, list(ids))


def decode_shard_look_request(fields: Fields) -> tuple[ShardId, ...]:
    """Read the ids of `shard.look`; raises DecodeError."""
    ids = _ids(fields)
    fields.end()
    return ids


def encode_shard_look_response(expiry_hours: Sequence[int]) -> bytes:
    """Encode the response to `shard.look`: for each id the hour its lease ends, 0 if not here."""
    return encode_response(list(expiry_hours))


def decode_shard_look_response(body: bytes, asked: int) -> tuple[int, ...]:
    """Return an hour for each of so many ids; raises RefusedError or DecodeError."""
    return _numbers(body, asked, _MAX_U32)


def encode_shard_change_request(change: ShardChange) -> bytes:
    """Encode the request `shard.change`."""
    return encode_call(CHANGE, int(change.op), *change.signed.to_fields(), list(change.ids))


def decode_shard_change_request(fields: Fields) -> ShardChange:
    """Read the fields of `shard.change`; raises DecodeError."""
    op = fields.uint(max(Op))
    if op not in (Op.RENEW, Op.DELETE):
        raise DecodeError("a change of shards is neither a renewal nor a delete")
    change = ShardChange(Op(op), read_signed_statement(fields), _ids(fields))
    fields.end()
    if (change.op is Op.DELETE) != (change.signed.expiry_hour == 0):
        raise DecodeError("a renewal says no hour, or a delete says one")
    return change


def encode_shard_change_response(changed: Sequence[Changed]) -> bytes:
    """Encode the response to `shard.change`."""
    return encode_response([int(one) for one in changed])


def decode_shard_change_response(body: bytes, asked: int) -> tuple[Changed, ...]:
    """Return what became of each of so many ids; raises RefusedError or DecodeError."""
    return tuple(map(Changed, _numbers(body, asked, max(Changed))))


def _ids(fields: Fields) -> tuple[ShardId, ...]:
    ids = tuple(map(ShardId, fields.fixed_array(MAX_IDS, SHARD_ID_BYTES)))
    if not ids or len(set(ids)) != len(ids):
        raise DecodeError("a call names no shard, or one twice")
    return ids


def _numbers(body: bytes, asked: int, maximum: int) -> tuple[int, ...]:
    fields = decode_response(body)
    items = fields.array(MAX_IDS)
    fields.end()
    if len(items) != asked:
        raise DecodeError("a response is not about as many shards as were asked about")
    return tuple(_number(item, maximum) for item in items)


def _number(item: Value, maximum: int) -> int:
    if isinstance(item, bool) or not isinstance(item, int) or not 0 <= item <= maximum:
        raise DecodeError("a response about shards has a number that is not valid")
    return item
