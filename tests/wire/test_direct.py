"""Offers and probes: one encoding each, everything bounded, nothing secret shown."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.test_echo import places
from zentalk.errors import DecodeError
from zentalk.wire.codec import Value, pack, unpack
from zentalk.wire.direct import (
    MAC_BYTES,
    MAX_CANDIDATES,
    MAX_OFFER_BYTES,
    PROBE_BYTES,
    CandidateKind,
    DirectCandidate,
    DirectOffer,
    Nat,
    ProbeKind,
    decode_offer,
    decode_probe,
    encode_offer,
    probe_head,
)

candidates = st.builds(DirectCandidate, st.sampled_from(CandidateKind), places)
offers = st.builds(
    DirectOffer,
    session=st.binary(min_size=16, max_size=16),
    secret=st.binary(min_size=32, max_size=32),
    direct_key=st.binary(min_size=32, max_size=32),
    nat=st.sampled_from(Nat),
    candidates=st.lists(candidates, max_size=MAX_CANDIDATES, unique_by=lambda one: one.place).map(
        tuple
    ),
)
ONE = DirectOffer(
    bytes(16),
    b"s" * 32,
    b"k" * 32,
    Nat.UNKNOWN,
    (DirectCandidate(CandidateKind.LOCAL, ("192.0.2.1", 4000)),),
)


@given(offers)
def test_what_is_written_is_read_and_is_small(offer: DirectOffer) -> None:
    data = encode_offer(offer)
    assert decode_offer(data) == offer
    assert len(data) < MAX_OFFER_BYTES


def changed(at: int, value: Value) -> bytes:
    fields = unpack(encode_offer(ONE), max_bytes=MAX_OFFER_BYTES)
    assert isinstance(fields, list)
    fields[at] = value
    return pack(fields)


CANDIDATE: list[Value] = [0, b"\xc0\x00\x02\x01", 4000]


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, 2),
        (1, bytes(15)),
        (2, bytes(33)),
        (3, bytes(31)),
        (4, 3),
        (5, [[0, bytes((192, 0, 2, n)), 4000] for n in range(1, 10)]),
        (5, [CANDIDATE, CANDIDATE]),
        (5, [CANDIDATE, [1, *CANDIDATE[1:]]]),
        (5, [[2, *CANDIDATE[1:]]]),
        (5, [[0, CANDIDATE[1], 0]]),
        (5, [[0, CANDIDATE[1], 65536]]),
        (5, [[0, bytes(4), 4000]]),
        (5, [[0, b"\xe0\0\0\1", 4000]]),
        (5, [[0, bytes(5), 4000]]),
        (5, [[*CANDIDATE, 1]]),
    ],
)
def test_what_no_offer_says_is_refused(at: int, value: Value) -> None:
    with pytest.raises(DecodeError):
        decode_offer(changed(at, value))


def test_an_offer_shows_neither_its_secret_nor_addresses() -> None:
    assert "ssss" not in repr(ONE)
    assert "192.0.2.1" not in repr(ONE)
    assert repr(replace(ONE, secret=b"x" * 32)) == repr(ONE)


@given(
    st.sampled_from(ProbeKind),
    st.binary(min_size=8, max_size=8),
    st.binary(min_size=12, max_size=12),
)
def test_a_probe_is_of_one_size_and_no_quic(
    kind: ProbeKind, tag: bytes, transaction: bytes
) -> None:
    data = probe_head(kind, tag, transaction) + b"m" * MAC_BYTES
    assert decode_probe(data) == (kind, tag, transaction, b"m" * MAC_BYTES)
    assert len(data) == PROBE_BYTES
    assert data[0] < 0x40


@pytest.mark.parametrize("data", [b"", bytes(38), b"\x0a\x00" + bytes(36), b"\x0a\x04" + bytes(36)])
def test_what_is_no_probe_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_probe(data)


@pytest.mark.parametrize("length", [PROBE_BYTES - 1, PROBE_BYTES + 1])
def test_a_probe_of_another_length_is_none(length: int) -> None:
    with pytest.raises(DecodeError):
        decode_probe((b"\x0a\x01" + bytes(40))[:length])
