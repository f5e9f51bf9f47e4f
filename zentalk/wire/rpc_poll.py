"""Collection at the owner's own pace: `mail.poll`, whose responses have one of two sizes.

Spec: docs/spec/mailbox.md section 9. Which of the two, the owner's clock decides and never
the mail: a small response fits one cell of a tunnel, a large one takes 16, empty or not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.ids import SEND_ID_BYTES, SendId
from zentalk.wire.codec import Fields, Value
from zentalk.wire.rpc import decode_response, encode_call, encode_response
from zentalk.wire.rpc_mailbox import (
    MAX_U64,
    TOKEN_BYTES,
    PushNotification,
    TokenNotification,
    decode_push,
)

POLL: Final = "mail.poll"
MAX_POLL_ACKS: Final = 64
MAX_TOKENS: Final = 8
"""Tokens in one response, of either size."""
SMALL_ENVELOPES: Final = 1
LARGE_ENVELOPES: Final = 8
"""Small envelopes in one response; a large response holds them or one large envelope."""
LARGE_RESPONSE_BYTES: Final = 12_000
"""What a large response is filled up to: above 4 cells, so that it always takes 16."""


@dataclass(frozen=True, slots=True)
class PollRequest:
    """`mail.poll`: what was saved since the last one, and which response to give."""

    acked: tuple[int, ...]
    large: bool


@dataclass(frozen=True, slots=True)
class PollResponse:
    """What a response holds besides its fill."""

    pushes: tuple[PushNotification, ...] = field(default=(), repr=False)
    tokens: tuple[TokenNotification, ...] = field(default=(), repr=False)


def encode_poll_request(request: PollRequest) -> bytes:
    """Encode the request; raises LocalProtocolError for more than `MAX_POLL_ACKS` acks."""
    if len(request.acked) > MAX_POLL_ACKS:
        raise LocalProtocolError("a poll acknowledges too much at once")
    return encode_call(POLL, list(request.acked), request.large)


def decode_poll_request(fields: Fields) -> PollRequest:
    """Read the fields of `mail.poll`; raises DecodeError."""
    items = fields.array(MAX_POLL_ACKS)
    acked = Fields(items, "the acks of a poll")
    request = PollRequest(tuple(acked.uint(MAX_U64) for _ in items), fields.boolean())
    fields.end()
    return request


def encode_poll_response(response: PollResponse, *, large: bool) -> bytes:
    """Encode a response, filled up if it is a large one."""
    pushes: list[Any] = [push.to_fields() for push in response.pushes]
    tokens: list[Any] = [[token.send_id, token.token] for token in response.tokens]
    body = encode_response(pushes, tokens, b"")
    if not large or len(body) >= LARGE_RESPONSE_BYTES:
        return body
    return encode_response(pushes, tokens, bytes(LARGE_RESPONSE_BYTES - len(body)))


def decode_poll_response(body: bytes) -> PollResponse:
    """Read a response; raises RefusedError or DecodeError."""
    fields = decode_response(body)
    pushes = tuple(
        decode_push(Fields(item, "a pushed envelope")) for item in fields.array(LARGE_ENVELOPES)
    )
    tokens = tuple(map(_token, fields.array(MAX_TOKENS)))
    fill = fields.blob(LARGE_RESPONSE_BYTES)
    fields.end()
    if fill.count(0) != len(fill):
        raise DecodeError("the fill of a poll's response is not zero")
    return PollResponse(pushes, tokens)


def _token(item: Value) -> TokenNotification:
    fields = Fields(item, "a token")
    token = TokenNotification(SendId(fields.fixed(SEND_ID_BYTES)), fields.fixed(TOKEN_BYTES))
    fields.end()
    return token
