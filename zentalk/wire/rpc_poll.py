"""Collection at the owner's own pace: `mail.poll`, whose answers have one of two sizes.

Spec: docs/spec/mailbox.md section 9. Which of the two, the owner's clock decides and never
the mail: a small answer fits one cell of a tunnel, a large one takes 16, empty or not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.ids import SEND_ID_BYTES, SendId
from zentalk.wire.codec import Fields, Value
from zentalk.wire.deposit import ENVELOPE_LARGE_BYTES
from zentalk.wire.rpc import encode_call, encode_response
from zentalk.wire.rpc_mailbox import MAX_U32, MAX_U64, TOKEN_BYTES, PushCall, TokenCall

POLL: Final = "mail.poll"
MAX_POLL_ACKS: Final = 64
MAX_TOKENS: Final = 8
"""Tokens in one answer, of either size."""
SMALL_ENVELOPES: Final = 1
LARGE_ENVELOPES: Final = 8
"""Small envelopes in one answer; a large answer holds them or one large envelope."""
LARGE_ANSWER_BYTES: Final = 12_000
"""What a large answer is filled up to: above 4 cells, so that it always takes 16."""


@dataclass(frozen=True, slots=True)
class PollCall:
    """`mail.poll`: what was saved since the last one, and which answer to give."""

    acked: tuple[int, ...]
    large: bool


@dataclass(frozen=True, slots=True)
class PollAnswer:
    """What an answer holds besides its fill."""

    pushes: tuple[PushCall, ...] = field(default=(), repr=False)
    tokens: tuple[TokenCall, ...] = field(default=(), repr=False)


def encode_poll(call: PollCall) -> bytes:
    """Encode the question; raises LocalProtocolError for more than `MAX_POLL_ACKS` acks."""
    if len(call.acked) > MAX_POLL_ACKS:
        raise LocalProtocolError("a poll acknowledges too much at once")
    return encode_call(POLL, list(call.acked), call.large)


def decode_poll(fields: Fields) -> PollCall:
    """Read the fields of `mail.poll`; raises DecodeError."""
    items = fields.array(MAX_POLL_ACKS)
    acked = Fields(items, "the acks of a poll")
    call = PollCall(tuple(acked.uint(MAX_U64) for _ in items), fields.boolean())
    fields.end()
    return call


def poll_answer_fields(answer: PollAnswer, *, large: bool) -> list[Any]:
    """Return the fields of an answer, filled up if it is a large one."""
    pushes = [[p.seq, p.send_id, p.envelope, p.arrived_hour] for p in answer.pushes]
    tokens = [[token.send_id, token.token] for token in answer.tokens]
    fields = [pushes, tokens, b""]
    if large:
        fields[2] = bytes(max(0, LARGE_ANSWER_BYTES - len(encode_response(*fields))))
    return fields


def decode_poll_answer(fields: Fields) -> PollAnswer:
    """Read an answer; raises DecodeError."""
    pushes = tuple(map(_push, fields.array(LARGE_ENVELOPES)))
    tokens = tuple(map(_token, fields.array(MAX_TOKENS)))
    fill = fields.blob(LARGE_ANSWER_BYTES)
    fields.end()
    if fill.count(0) != len(fill):
        raise DecodeError("the fill of a poll's answer is not zero")
    return PollAnswer(pushes, tokens)


def _push(item: Value) -> PushCall:
    fields = Fields(item, "a pushed envelope")
    push = PushCall(
        seq=fields.uint(MAX_U64),
        send_id=SendId(fields.fixed(SEND_ID_BYTES)),
        envelope=fields.blob(ENVELOPE_LARGE_BYTES, minimum=1),
        arrived_hour=fields.uint(MAX_U32),
    )
    fields.end()
    return push


def _token(item: Value) -> TokenCall:
    fields = Fields(item, "a token")
    token = TokenCall(SendId(fields.fixed(SEND_ID_BYTES)), fields.fixed(TOKEN_BYTES))
    fields.end()
    return token
