"""`mail.poll`: strict, and of one size for each kind of response whatever it holds."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.ids import DepositId, SendId
from zentalk.link.geometry import UNIT_OVERHEAD_BYTES, cell_bytes
from zentalk.link.rpc import split_message
from zentalk.wire.codec import Fields
from zentalk.wire.deposit import ENVELOPE_LARGE_BYTES, ENVELOPE_SMALL_BYTES
from zentalk.wire.frames import RPC_OVERHEAD_BYTES, RPC_REQUEST, RPC_RESPONSE
from zentalk.wire.rpc import decode_call, encode_response
from zentalk.wire.rpc_mailbox import PushNotification, TokenNotification
from zentalk.wire.rpc_poll import (
    LARGE_ENVELOPES,
    LARGE_RESPONSE_BYTES,
    MAX_POLL_ACKS,
    MAX_TOKENS,
    POLL,
    PollRequest,
    PollResponse,
    decode_poll_request,
    decode_poll_response,
    encode_poll_request,
    encode_poll_response,
)

DEPTH = 2
"""Of the innermost link of a tunnel over guard and middle."""
PIECE_BYTES = cell_bytes(DEPTH) - UNIT_OVERHEAD_BYTES - RPC_OVERHEAD_BYTES
TOKENS = tuple(
    TokenNotification(SendId(bytes([n]) * 16), bytes([n]) * 32) for n in range(MAX_TOKENS)
)


def push(number: int, size_bytes: int) -> PushNotification:
    return PushNotification(
        2**64 - 1 - number, SendId(b"s" * 16), b"e" * size_bytes, 2**32 - 1, DepositId(b"d" * 16)
    )


SMALL = push(0, ENVELOPE_SMALL_BYTES)
SMALL_RESPONSES = [
    PollResponse(),
    PollResponse((SMALL,)),
    PollResponse((), TOKENS),
    PollResponse((SMALL,), TOKENS),
]
LARGE_RESPONSES = [
    PollResponse(),
    PollResponse((push(0, ENVELOPE_LARGE_BYTES),), TOKENS),
    PollResponse(tuple(push(n, ENVELOPE_SMALL_BYTES) for n in range(LARGE_ENVELOPES)), TOKENS),
    PollResponse((SMALL,)),
]


def cells(kind: int, body: bytes) -> int:
    return len(split_message(kind, 7, body, PIECE_BYTES, padded=True))


@pytest.mark.parametrize("acked", [0, 1, MAX_POLL_ACKS])
@pytest.mark.parametrize("large", [False, True])
def test_every_request_takes_one_cell(acked: int, large: bool) -> None:
    call = PollRequest((2**64 - 1,) * acked, large)
    body = encode_poll_request(call)
    assert cells(RPC_REQUEST, body) == 1
    method, fields = decode_call(body)
    assert (method, decode_poll_request(fields)) == (POLL, call)


@pytest.mark.parametrize("response", SMALL_RESPONSES)
def test_every_small_response_takes_one_cell(response: PollResponse) -> None:
    body = encode_poll_response(response, large=False)
    assert cells(RPC_RESPONSE, body) == 1
    assert decode_poll_response(body) == response


@pytest.mark.parametrize("response", LARGE_RESPONSES)
def test_every_large_response_takes_sixteen(response: PollResponse) -> None:
    body = encode_poll_response(response, large=True)
    assert cells(RPC_RESPONSE, body) == 16
    assert decode_poll_response(body) == response


def test_control_without_fill_a_large_response_shows_what_it_holds() -> None:
    sizes = {
        cells(RPC_RESPONSE, encode_poll_response(response, large=False))
        for response in LARGE_RESPONSES
    }
    assert len(sizes) > 1


def test_too_many_acks_are_our_own_mistake() -> None:
    with pytest.raises(LocalProtocolError):
        encode_poll_request(PollRequest((1,) * (MAX_POLL_ACKS + 1), large=False))


@pytest.mark.parametrize(
    "fields",
    [
        [[1] * (MAX_POLL_ACKS + 1), True],
        [[-1], True],
        [["1"], True],
        [[], 1],
        [[], True, 0],
    ],
)
def test_other_requests_are_refused(fields: list[object]) -> None:
    with pytest.raises(DecodeError):
        decode_poll_request(Fields(fields, "a poll"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "fields",
    [
        [[], []],
        [[[1, b"s" * 16, b"", 0]], [], b""],
        [[[1, b"s" * 15, b"e", 0]], [], b""],
        [[[1, b"s" * 16, b"e", 0, 0]], [], b""],
        [[], [[b"s" * 16, b"t" * 31]], b""],
        [[], [], b"\x01"],
        [[], [], bytes(LARGE_RESPONSE_BYTES + 1)],
        [[], [], b"", 0],
    ],
)
def test_other_responses_are_refused(fields: list[object]) -> None:
    with pytest.raises(DecodeError):
        decode_poll_response(encode_response(*fields))


VALUES = st.recursive(
    st.integers(-1, 2**64 - 1) | st.booleans() | st.binary(max_size=40) | st.text(max_size=4),
    lambda children: st.lists(children, max_size=5),
    max_leaves=12,
)


@given(VALUES)
def test_k24_any_fields_give_a_value_or_a_decode_error(value: object) -> None:
    with suppress(DecodeError):
        decode_poll_request(Fields(value, "anything"))  # type: ignore[arg-type]
    with suppress(DecodeError):
        decode_poll_response(encode_response(*value) if isinstance(value, list) else b"")
