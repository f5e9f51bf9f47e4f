"""The strict codec: one encoding of each value, and no more memory than the bytes deserve."""

import tracemalloc

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import DecodeError
from zentalk.wire import codec
from zentalk.wire.codec import MAX_DEPTH, MAX_ITEMS, Value, pack, unpack

MAX_BYTES = 1 << 20
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(max_size=300)
    | st.binary(max_size=300)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=40), inner, max_size=18)
    ),
    max_leaves=40,
)


def depth(value: Value) -> int:
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 0


@given(VALUES.filter(lambda value: depth(value) <= MAX_DEPTH))
def test_values_come_back(value: Value) -> None:
    assert unpack(pack(value), max_bytes=MAX_BYTES) == value


@given(st.binary(max_size=400))
def test_k24_any_bytes_are_canonical_or_refused(data: bytes) -> None:
    try:
        value = unpack(data, max_bytes=MAX_BYTES)
    except DecodeError:
        return
    assert pack(value) == data


@pytest.mark.parametrize("size", [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536])
def test_every_width_of_a_length_is_read(size: int) -> None:
    for value in (bytes(size), "x" * size, [0] * min(size, MAX_ITEMS)):
        assert unpack(pack([value]), max_bytes=MAX_BYTES) == [value]
    short = {f"{n}": n for n in range(min(size, MAX_ITEMS))}
    assert unpack(pack(short), max_bytes=MAX_BYTES) == short


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "cut off"),
        (b"\x92\x01", "cut off"),
        (b"\xc4\x05abc", "cut off"),
        (b"\xd9", "cut off"),
        (b"\xdd\xff\xff\xff\xff", "more than"),
        (b"\xdf\x00\x01\x00\x00", "more than"),
        (b"\xdc\x40\x00" + bytes(100), "cut off"),
        (b"\xde\x00\x10" + bytes(16), "cut off"),
        (b"\x91" * (MAX_DEPTH + 1) + b"\x00", "too deep"),
        (b"\x00\x00", "not well formed"),
        (b"\xcc\x01", "canonical"),
        (b"\x81\xc4\x01a\x00", "key"),
        (b"\x81\x01\x00", "not well formed"),
        (b"\xca\x00\x00\x00\x00", "float"),
        (b"\xd4\x01\x00", "extension"),
        (b"\xd6\xff\x00\x00\x00\x00", "extension"),
        (b"\xc1", "extension"),
        (b"\xa1\xff", "not well formed"),
    ],
)
def test_malformed(data: bytes, complaint: str) -> None:
    with pytest.raises(DecodeError, match=complaint):
        unpack(data, max_bytes=MAX_BYTES)


NESTED_BOMB = b"\xdc\x40\x00" * 1000 + bytes(16_384)
"""A thousand arrays, each the first entry of the one before, each claiming 16,384 entries."""


def peak_bytes() -> int:
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError):
            unpack(NESTED_BOMB, max_bytes=MAX_BYTES)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_k24_nested_claims_reserve_next_to_nothing() -> None:
    assert peak_bytes() < 1024 * 1024


def test_k24_control_without_the_walk_over_headers_nested_claims_reserve_100_mib(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(codec, "check_outline", lambda data, **_: len(data))
    assert peak_bytes() > 64 * 1024 * 1024


def test_the_walk_agrees_with_msgpack_on_what_is_whole() -> None:
    """Every first byte, alone and with plenty behind it."""
    for first in range(256):
        for rest in (b"", b"\x00", bytes(70_000)):
            data = bytes([first]) + rest
            try:
                unpack(data, max_bytes=MAX_BYTES)
            except DecodeError:
                continue
            assert msgpack.packb(msgpack.unpackb(data)) == data
