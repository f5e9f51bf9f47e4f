"""The form of a shard: one encoding, everything bounded, later versions told apart from garbage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.crypto.hashing import sha256
from zentalk.errors import DecodeError, LocalProtocolError, NewerVersionError
from zentalk.wire import rpc, rpc_shards
from zentalk.wire.deposit import Stamp
from zentalk.wire.shard import (
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    MAX_SHARD_BYTES,
    Coding,
    Shard,
    decode_shard,
    encode_shard,
    shard_id,
)
from zentalk.wire.statement import SignedStatement

shards = st.sampled_from(Coding).flatmap(
    lambda coding: st.builds(
        Shard,
        st.just(coding),
        st.integers(0, coding.indexes - 1),
        st.binary(min_size=1, max_size=300),
    )
)
GOOD = encode_shard(Shard(Coding.PIECE, 3, b"payload"))


@given(shards)
def test_what_is_written_is_read(shard: Shard) -> None:
    data = encode_shard(shard)
    assert decode_shard(data) == shard
    assert len(data) == HEADER_BYTES + len(shard.payload)
    assert shard_id(data) == sha256(data)


def changed(at: int, value: int) -> bytes:
    return GOOD[:at] + bytes([value]) + GOOD[at + 1 :]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        GOOD[:HEADER_BYTES],
        GOOD[:-1],
        GOOD + b"x",
        *(changed(at, 0) for at in (0, 4, 5, 6, 7)),
        changed(6, 11),
        changed(8, 15),
        changed(9, 1),
        changed(10, 1),
        b"ZTSH\x01\x01\x01\x05\x01\x00\x00\x00\x00\x01x",
        encode_shard(Shard(Coding.COPY, 0, bytes(MAX_PAYLOAD_BYTES))) + b"x",
    ],
)
def test_what_is_no_shard_is_refused_and_is_not_called_newer(data: bytes) -> None:
    with pytest.raises(DecodeError) as refused:
        decode_shard(data)
    assert not isinstance(refused.value, NewerVersionError)


@pytest.mark.parametrize("data", [changed(4, 2), changed(4, 255), changed(5, 2)])
def test_a_later_version_or_suite_asks_for_a_newer_program(data: bytes) -> None:
    with pytest.raises(NewerVersionError, match="newer version of this program"):
        decode_shard(data)


@pytest.mark.parametrize(
    "shard",
    [
        Shard(Coding.PIECE, 15, b"x"),
        Shard(Coding.COPY, 1, b"x"),
        Shard(Coding.PIECE, -1, b"x"),
        Shard(Coding.PIECE, 0, b""),
        Shard(Coding.PIECE, 0, bytes(MAX_PAYLOAD_BYTES + 1)),
    ],
)
def test_what_could_not_be_read_is_not_written(shard: Shard) -> None:
    with pytest.raises(LocalProtocolError):
        encode_shard(shard)


def test_the_largest_shard_fits_into_one_call_and_a_piece_of_any_segment_into_a_shard() -> None:
    signed = SignedStatement(b"k" * 32, 2**32 - 1, 2**32 - 1, b"o" * 16, b"s" * 64)
    put = rpc_shards.ShardPut(signed, bytes(MAX_SHARD_BYTES), Stamp(255, b"12345678"))
    assert len(rpc_shards.encode_shard_put_request(put)) <= rpc.MAX_CALL_BYTES
    piece = -(-(2**21 + 16) // 10)
    assert piece <= MAX_PAYLOAD_BYTES


def test_a_shard_shows_nothing_of_its_payload() -> None:
    assert "payload" not in repr(Shard(Coding.PIECE, 3, b"payload"))
