"""One-time prekeys at a mailbox (`mail.prekeys.put`, `.count`, `.take`), strictly encoded.

Spec: docs/spec/mailbox.md sections 9 and 10. A prekey is a sealed blob here; what is in it
is for `zentalk.wire.prekeys`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from zentalk.errors import DecodeError
from zentalk.ids import SEND_ID_BYTES, SendId
from zentalk.wire.codec import Fields
from zentalk.wire.rpc import decode_response, encode_call, encode_response

PREKEYS_PUT: Final = "mail.prekeys.put"
PREKEYS_COUNT: Final = "mail.prekeys.count"
PREKEYS_TAKE: Final = "mail.prekeys.take"

QUERY_ID_BYTES: Final = 16
MAX_PREKEYS_PER_PUT: Final = 100
MAX_PREKEY_BYTES: Final = 2048
"""One blob: an X25519 and an ML-KEM-768 key with ids and signature are about 1.4 KB."""
MAX_POOL: Final = 65535


@dataclass(frozen=True, slots=True)
class PrekeysPutRequest:
    """`mail.prekeys.put`: one-time prekeys for the pool; `replace` drops the old ones."""

    blobs: tuple[bytes, ...] = field(repr=False)
    replace: bool


@dataclass(frozen=True, slots=True)
class PrekeysTakeRequest:
    """`mail.prekeys.take`: one prekey of the owner of a public send id."""

    send_id: SendId = field(repr=False)
    query_id: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PrekeysCountResponse:
    """The response to `mail.prekeys.count`."""

    pool: int
    last_resort_used: bool


def encode_prekeys_put_request(request: PrekeysPutRequest) -> bytes:
    """Encode the request `mail.prekeys.put`."""
    return encode_call(PREKEYS_PUT, list(request.blobs), request.replace)


def decode_prekeys_put_request(fields: Fields) -> PrekeysPutRequest:
    """Read the fields of `mail.prekeys.put`; raises DecodeError."""
    blobs = fields.blob_array(MAX_PREKEYS_PER_PUT, MAX_PREKEY_BYTES)
    request = PrekeysPutRequest(tuple(blobs), fields.boolean())
    fields.end()
    if not all(blobs):
        raise DecodeError("a one-time prekey is empty")
    return request


def encode_prekeys_put_response(pool: int) -> bytes:
    """Encode the response to `mail.prekeys.put`: how many the pool has now."""
    return encode_response(pool)


def decode_prekeys_put_response(body: bytes) -> int:
    """Read the size of the pool after `mail.prekeys.put`; raises RefusedError or DecodeError."""
    fields = decode_response(body)
    pool = fields.uint(MAX_POOL)
    fields.end()
    return pool


def encode_prekeys_count_request() -> bytes:
    """Encode the request `mail.prekeys.count`."""
    return encode_call(PREKEYS_COUNT)


def decode_prekeys_count_request(fields: Fields) -> None:
    """Read `mail.prekeys.count`, which has no fields; raises DecodeError."""
    fields.end()


def encode_prekeys_count_response(response: PrekeysCountResponse) -> bytes:
    """Encode the response to `mail.prekeys.count`."""
    return encode_response(response.pool, response.last_resort_used)


def decode_prekeys_count_response(body: bytes) -> PrekeysCountResponse:
    """Read the response to `mail.prekeys.count`; raises RefusedError or DecodeError."""
    fields = decode_response(body)
    response = PrekeysCountResponse(fields.uint(MAX_POOL), fields.boolean())
    fields.end()
    return response


def encode_prekeys_take_request(request: PrekeysTakeRequest) -> bytes:
    """Encode the request `mail.prekeys.take`."""
    return encode_call(PREKEYS_TAKE, request.send_id, request.query_id)


def decode_prekeys_take_request(fields: Fields) -> PrekeysTakeRequest:
    """Read the fields of `mail.prekeys.take`; raises DecodeError."""
    request = PrekeysTakeRequest(SendId(fields.fixed(SEND_ID_BYTES)), fields.fixed(QUERY_ID_BYTES))
    fields.end()
    return request


def encode_prekeys_take_response(blob: bytes) -> bytes:
    """Encode the response to `mail.prekeys.take`: a prekey, or nothing if there is none."""
    return encode_response(blob)


def decode_prekeys_take_response(body: bytes) -> bytes:
    """Read the prekey, empty if there is none; raises RefusedError or DecodeError."""
    fields = decode_response(body)
    blob = fields.blob(MAX_PREKEY_BYTES)
    fields.end()
    return blob
