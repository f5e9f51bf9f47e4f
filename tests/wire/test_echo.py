"""The question for one's own address: short, of one network, and never a weapon."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.wire.echo import (
    QUESTION_BYTES,
    decode_echo_answer,
    decode_echo_question,
    encode_echo_answer,
    encode_echo_question,
    network_tag,
)

TAG = network_tag("local")
TRANSACTION = bytes(range(12))
PLACE = ("203.0.113.9", 40_001)

addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).filter(
    lambda one: not (one.is_unspecified or one.is_multicast or getattr(one, "ipv4_mapped", None))
)
places = st.tuples(addresses.map(str), st.integers(1, 65_535))


@given(st.binary(min_size=12, max_size=12), places)
def test_an_answer_says_the_address_and_is_shorter_than_its_question(
    transaction: bytes, place: tuple[str, int]
) -> None:
    question = encode_echo_question(TAG, transaction)
    assert decode_echo_question(question, TAG) == transaction
    answer = encode_echo_answer(TAG, transaction, place)
    assert decode_echo_answer(answer, TAG) == (transaction, place)
    assert len(answer) < len(question) == QUESTION_BYTES
    assert question[0] < 0x40 > answer[0]


def test_the_address_is_not_there_to_be_rewritten() -> None:
    answer = encode_echo_answer(TAG, TRANSACTION, PLACE)
    assert ipaddress.ip_address(PLACE[0]).packed not in answer
    assert PLACE[1].to_bytes(2, "big") not in answer


def test_another_network_neither_asks_nor_answers() -> None:
    other = network_tag("main")
    with pytest.raises(DecodeError):
        decode_echo_question(encode_echo_question(other, TRANSACTION), TAG)
    with pytest.raises(DecodeError):
        decode_echo_answer(encode_echo_answer(other, TRANSACTION, PLACE), TAG)


@pytest.mark.parametrize("length", [0, 1, 25, 26, 47, 49, 1472])
def test_a_question_of_another_length_is_none(length: int) -> None:
    question = encode_echo_question(TAG, TRANSACTION).ljust(length, b"\0")[:length]
    with pytest.raises(DecodeError):
        decode_echo_question(question, TAG)


@pytest.mark.parametrize("at", [*range(13), 25, 47])
def test_a_changed_question_is_none(at: int) -> None:
    question = bytearray(encode_echo_question(TAG, TRANSACTION))
    question[at] ^= 1
    with pytest.raises(DecodeError):
        decode_echo_question(bytes(question), TAG)


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "::ffff:1.2.3.4", "a.b"]
)
def test_no_single_machine_is_echoed(address: str) -> None:
    with pytest.raises(LocalProtocolError):
        encode_echo_answer(TAG, TRANSACTION, (address, 1))


def test_an_answer_without_a_port_is_none() -> None:
    with pytest.raises(DecodeError):
        decode_echo_answer(encode_echo_answer(TAG, TRANSACTION, (PLACE[0], 0)), TAG)
