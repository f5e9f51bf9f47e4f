"""What a relay answers over HTTP, read strictly: nothing of it is believed before it was checked.

Docs: docs/reference/relay-http.md. A relay may be anybody's, so every answer has a bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Final

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from zentalk.errors import DecodeError
from zentalk.ids import SEND_ID_BYTES, SendId
from zentalk.mailbox.http_credentials import decode_base64, decode_base64_any

WORK_HEADER: Final = "Zentalk-Work"
_MAX_BITS: Final = 256
_TOKEN_BYTES: Final = 32
MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
"""An answer above this is refused; a full window of the largest envelopes is far smaller."""
_MAX_U64: Final = 2**64 - 1
_MAX_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class Waiting:
    """A sealed envelope that waits; `number` is what to acknowledge once it is saved."""

    number: int
    send_id: SendId = field(repr=False)
    envelope: bytes = field(repr=False)
    arrived_hour: int


class _Envelope(BaseModel):
    number: Annotated[int, Field(ge=0, le=_MAX_U64)]
    send_id: str
    envelope: str
    arrived_hour: int


class _Token(BaseModel):
    token: str


class _Pending(BaseModel):
    model_config = ConfigDict(strict=True)
    envelopes: list[_Envelope]
    tokens: list[_Token]


class _Price(BaseModel):
    model_config = ConfigDict(strict=True)
    bits: Annotated[int, Field(ge=0, le=_MAX_BITS)]


def read_pending(data: bytes) -> tuple[list[Waiting], list[bytes]]:
    """Return envelopes and tokens of an answer; raises DecodeError."""
    try:
        found = _Pending.model_validate_json(data)
    except ValidationError:
        raise DecodeError("the relay's answer is not a list of envelopes") from None
    waiting = [
        Waiting(
            item.number,
            SendId(decode_base64(item.send_id, SEND_ID_BYTES)),
            decode_base64_any(item.envelope),
            item.arrived_hour,
        )
        for item in found.envelopes
    ]
    return waiting, [decode_base64(item.token, _TOKEN_BYTES) for item in found.tokens]


def read_price(data: bytes) -> int:
    """Return the bits of work of an answer; raises DecodeError."""
    try:
        return _Price.model_validate_json(data).bits
    except ValidationError:
        raise DecodeError("the relay's answer is not a number of bits") from None


def wanted_bits(answer: httpx.Response) -> int:
    """Return the bits of work that an answer asks for, 0 if it asks for none."""
    bits = answer.headers.get(WORK_HEADER, "0")
    if not (bits.isascii() and bits.isdigit() and len(bits) <= _MAX_DIGITS):
        raise DecodeError("the relay does not say how much work it asks for")
    return int(bits)


def check_length(answer: httpx.Response) -> None:
    """Refuse to read an answer that is longer than any honest one, or does not say how long."""
    length = answer.headers.get("Content-Length", "")
    if answer.status_code == HTTPStatus.NO_CONTENT:
        return
    if not (length.isascii() and length.isdigit() and len(length) <= _MAX_DIGITS):
        raise DecodeError("the relay's answer does not say how long it is")
    if int(length) > MAX_ANSWER_BYTES or "Content-Encoding" in answer.headers:
        raise DecodeError(
            f"the relay's answer has more than {MAX_ANSWER_BYTES} bytes, or is compressed"
        )
