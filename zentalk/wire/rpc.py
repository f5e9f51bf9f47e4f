"""Bodies of requests, responses and notifications, which links carry in Rpc frames.

A call is a request or a notification: `[method, *fields]`. A response is `[0, *fields]`, or the
refusal `[1, reason]`. What the
fields mean is for the method's own module; this one must never know a method.
"""

from __future__ import annotations

from typing import Any, Final

from zentalk.errors import DecodeError, RefusedError
from zentalk.wire.codec import Fields, pack, unpack

MAX_CALL_BYTES: Final = 256 * 1024
"""A call: the largest is a batch of one-time prekeys."""
MAX_RESPONSE_BYTES: Final = 2 * 1024 * 1024
"""A response: the largest holds the descriptors of one request to the directory."""

_MAX_METHOD_BYTES: Final = 32
_MAX_REASON_BYTES: Final = 32
_OK: Final = 0
_REFUSED: Final = 1
UNKNOWN_METHOD: Final = "unknown"
"""How somebody refuses a method that it does not know, perhaps because it is of a later version."""


def encode_call(method: str, *fields: Any) -> bytes:
    """Encode a request or notification."""
    return pack([method, *fields])


def decode_call(body: bytes) -> tuple[str, Fields]:
    """Return the method and its fields still to be read; raises DecodeError."""
    fields = Fields(unpack(body, max_bytes=MAX_CALL_BYTES), "a call")
    return fields.text(_MAX_METHOD_BYTES), fields


def encode_response(*fields: Any) -> bytes:
    """Encode a positive response."""
    return pack([_OK, *fields])


def encode_refusal(reason: str) -> bytes:
    """Encode a refusal; `reason` is a short word such as `busy`."""
    return pack([_REFUSED, reason])


def decode_response(body: bytes) -> Fields:
    """Return the fields of a positive response.

    Raises RefusedError with the peer's reason, or DecodeError.
    """
    fields = Fields(unpack(body, max_bytes=MAX_RESPONSE_BYTES), "a response")
    status = fields.uint(_REFUSED)
    if status == _OK:
        return fields
    reason = fields.text(_MAX_REASON_BYTES)
    fields.end()
    if not reason.isascii() or not reason.replace("-", "").isalpha():
        raise DecodeError("a refusal's reason is not a word")
    raise RefusedError(reason)
