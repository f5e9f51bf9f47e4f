"""The deposit payload: constant size, strict, and the same size whatever is inside."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.ids import DepositId, NodeId, SendId
from zentalk.wire.deposit import (
    ACK_BYTES,
    COMPACT_ACK_BYTES,
    DEPOSIT_LARGE_BYTES,
    DEPOSIT_SMALL_BYTES,
    ENVELOPE_LARGE_BYTES,
    ENVELOPE_SMALL_BYTES,
    AckRoute,
    Deposit,
    decode_deposit,
    encode_deposit,
)

FILLER = bytes(range(256)) * 2
ROUTE = AckRoute(NodeId(b"n" * 32), 7, b"a" * COMPACT_ACK_BYTES)
WHOLE = Deposit(SendId(b"s" * 16), DepositId(b"d" * 16), 86400, ROUTE, b"e" * ENVELOPE_SMALL_BYTES)


def encode(deposit: Deposit) -> bytes:
    return encode_deposit(deposit, FILLER[:ACK_BYTES])


@given(
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=16, max_size=16),
    st.integers(1, 65535),
    st.integers(0, 255),
    st.booleans(),
    st.booleans(),
)
def test_what_is_encoded_is_decoded(
    send_id: bytes, deposit_id: bytes, hours: int, lane: int, acked: bool, large: bool
) -> None:
    size = ENVELOPE_LARGE_BYTES if large else ENVELOPE_SMALL_BYTES
    deposit = Deposit(
        SendId(send_id),
        DepositId(deposit_id),
        hours * 3600,
        replace(ROUTE, lane=lane) if acked else None,
        bytes([lane]) * size,
    )
    assert decode_deposit(encode(deposit)) == deposit


def test_the_size_says_nothing() -> None:
    unacked = replace(WHOLE, ack=None, ttl_seconds=3600)
    assert len(encode(WHOLE)) == len(encode(unacked)) == DEPOSIT_SMALL_BYTES
    large = replace(WHOLE, envelope=bytes(ENVELOPE_LARGE_BYTES))
    assert len(encode(large)) == DEPOSIT_LARGE_BYTES


def test_the_time_to_live_is_rounded_up_to_hours() -> None:
    assert decode_deposit(encode(replace(WHOLE, ttl_seconds=1))).ttl_seconds == 3600
    assert decode_deposit(encode(replace(WHOLE, ttl_seconds=3601))).ttl_seconds == 7200


@pytest.mark.parametrize(
    "changes",
    [
        {"envelope": b"short"},
        {"ttl_seconds": 0},
        {"ttl_seconds": 65536 * 3600},
        {"ack": replace(ROUTE, blob=b"short")},
    ],
)
def test_our_own_mistakes_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(LocalProtocolError):
        encode(replace(WHOLE, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("offset", "value"),
    [(0, 0), (0, 1), (35, 2), (35, 255)],
    ids=["format 0", "format 1", "flag 2", "flag 255"],
)
def test_unknown_formats_and_flags_are_refused(offset: int, value: int) -> None:
    payload = bytearray(encode(WHOLE))
    payload[offset] = value
    with pytest.raises(DecodeError):
        decode_deposit(bytes(payload))


def test_a_time_to_live_of_zero_is_refused() -> None:
    payload = encode(WHOLE)
    with pytest.raises(DecodeError):
        decode_deposit(payload[:33] + bytes(2) + payload[35:])


@given(st.binary(max_size=3000))
def test_k24_other_sizes_are_refused(payload: bytes) -> None:
    if len(payload) != DEPOSIT_SMALL_BYTES:
        with pytest.raises(DecodeError):
            decode_deposit(payload)


@given(st.randoms(use_true_random=False))
def test_k24_random_bytes_of_the_right_size_decode_or_are_refused(random: object) -> None:
    payload = random.randbytes(DEPOSIT_SMALL_BYTES)  # type: ignore[attr-defined]
    try:
        deposit = decode_deposit(payload)
    except DecodeError:
        return
    assert decode_deposit(encode_deposit(deposit, payload[36 : 36 + ACK_BYTES])) == deposit
