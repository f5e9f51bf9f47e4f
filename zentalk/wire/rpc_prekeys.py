"""One-time prekeys at a mailbox (`mail.prekeys.put`, `.count`, `.take`), strictly encoded.

Spec: docs/spec/mailbox.md sections 9 and 10. A prekey is a sealed blob here; what is in it
is for `zentalk.wire.prekeys`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from zentalk.errors import DecodeError
from zentalk.ids import PREKEY_ID_BYTES, SEND_ID_BYTES, PrekeyId, SendId
from zentalk.wire.codec import Fields, Value
from zentalk.wire.deposit import NO_STAMP, STAMP_BYTES, Stamp, decode_stamp, encode_stamp
from zentalk.wire.rpc import decode_response, encode_call, encode_response
from zentalk.wire.rpc_send_ids import MAX_DIFFICULTY

PREKEYS_PUT: Final = "mail.prekeys.put"
PREKEYS_COUNT: Final = "mail.prekeys.count"
PREKEYS_TAKE: Final = "mail.prekeys.take"

QUERY_ID_BYTES: Final = 16
MAX_PREKEYS_PER_PUT: Final = 100
MAX_PREKEY_BYTES: Final = 2048
"""One blob: an X25519 and an ML-KEM-768 key with ids and signature are about 1.4 KB."""
MAX_POOL: Final = 1_024
"""Keys of one pool, and ids in one message."""


@dataclass(frozen=True, slots=True)
class PoolPrekey:
    """A one-time prekey of a pool, under the id that its owner gives it."""

    prekey_id: PrekeyId = field(repr=False)
    blob: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PrekeysPutRequest:
    """`mail.prekeys.put`: one-time prekeys for the pool, and the ids of some to drop first."""

    add: tuple[PoolPrekey, ...] = field(repr=False)
    remove: tuple[PrekeyId, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class PrekeysTakeRequest:
    """`mail.prekeys.take`: one prekey of the owner of a public send id, with the work for it."""

    send_id: SendId = field(repr=False)
    query_id: bytes = field(repr=False)
    stamp: Stamp = NO_STAMP


@dataclass(frozen=True, slots=True)
class PrekeysTakeResponse:
    """The response to `mail.prekeys.take`: a prekey, or the bits of work that one costs.

    Neither: no prekey is given out now.
    """

    blob: bytes = field(default=b"", repr=False)
    difficulty: int = 0


NO_PREKEY: Final = PrekeysTakeResponse()


@dataclass(frozen=True, slots=True)
class PrekeysCountResponse:
    """The response to `mail.prekeys.count`, with the ids of the pool if they were asked for."""

    pool: int
    last_resort_used: bool
    prekey_ids: tuple[PrekeyId, ...] = field(default=(), repr=False)


def encode_prekeys_put_request(request: PrekeysPutRequest) -> bytes:
    """Encode the request `mail.prekeys.put`."""
    add = [[item.prekey_id, item.blob] for item in request.add]
    return encode_call(PREKEYS_PUT, add, list(request.remove))


def decode_prekeys_put_request(fields: Fields) -> PrekeysPutRequest:
    """Read the fields of `mail.prekeys.put`; raises DecodeError."""
    add = tuple(map(_pool_prekey, fields.array(MAX_PREKEYS_PER_PUT)))
    remove = fields.fixed_array(MAX_POOL, PREKEY_ID_BYTES)
    fields.end()
    return PrekeysPutRequest(add, tuple(map(PrekeyId, remove)))


def _pool_prekey(item: Value) -> PoolPrekey:
    fields = Fields(item, "a one-time prekey of a pool")
    prekey_id = PrekeyId(fields.fixed(PREKEY_ID_BYTES))
    prekey = PoolPrekey(prekey_id, fields.blob(MAX_PREKEY_BYTES, minimum=1))
    fields.end()
    return prekey


def encode_prekeys_put_response(pool: int) -> bytes:
    """Encode the response to `mail.prekeys.put`: how many the pool has now."""
    return encode_response(pool)


def decode_prekeys_put_response(body: bytes) -> int:
    """Read the size of the pool after `mail.prekeys.put`; raises RefusedError or DecodeError."""
    fields = decode_response(body)
    pool = fields.uint(MAX_POOL)
    fields.end()
    return pool


def encode_prekeys_count_request(*, with_ids: bool) -> bytes:
    """Encode the request `mail.prekeys.count`."""
    return encode_call(PREKEYS_COUNT, with_ids)


def decode_prekeys_count_request(fields: Fields) -> bool:
    """Read whether `mail.prekeys.count` asks for the ids as well; raises DecodeError."""
    with_ids = fields.boolean()
    fields.end()
    return with_ids


def encode_prekeys_count_response(response: PrekeysCountResponse) -> bytes:
    """Encode the response to `mail.prekeys.count`."""
    return encode_response(response.pool, response.last_resort_used, list(response.prekey_ids))


def decode_prekeys_count_response(body: bytes) -> PrekeysCountResponse:
    """Read the response to `mail.prekeys.count`; raises RefusedError or DecodeError."""
    fields = decode_response(body)
    pool, last_resort_used = fields.uint(MAX_POOL), fields.boolean()
    prekey_ids = fields.fixed_array(MAX_POOL, PREKEY_ID_BYTES)
    fields.end()
    return PrekeysCountResponse(pool, last_resort_used, tuple(map(PrekeyId, prekey_ids)))


def encode_prekeys_take_request(request: PrekeysTakeRequest) -> bytes:
    """Encode the request `mail.prekeys.take`."""
    return encode_call(PREKEYS_TAKE, request.send_id, request.query_id, encode_stamp(request.stamp))


def decode_prekeys_take_request(fields: Fields) -> PrekeysTakeRequest:
    """Read the fields of `mail.prekeys.take`; raises DecodeError."""
    request = PrekeysTakeRequest(
        SendId(fields.fixed(SEND_ID_BYTES)),
        fields.fixed(QUERY_ID_BYTES),
        decode_stamp(fields.fixed(STAMP_BYTES)),
    )
    fields.end()
    return request


def encode_prekeys_take_response(response: PrekeysTakeResponse) -> bytes:
    """Encode the response to `mail.prekeys.take`."""
    return encode_response(response.blob, response.difficulty)


def decode_prekeys_take_response(body: bytes) -> PrekeysTakeResponse:
    """Read the response to `mail.prekeys.take`; raises RefusedError or DecodeError."""
    fields = decode_response(body)
    response = PrekeysTakeResponse(fields.blob(MAX_PREKEY_BYTES), fields.uint(MAX_DIFFICULTY))
    fields.end()
    if response.blob and response.difficulty:
        raise DecodeError("a one-time prekey came with a price")
    return response
