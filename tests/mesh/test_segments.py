"""A segment comes back from any ten shards or not at all: filled, sealed, coded, and back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from tests.mesh import oracle
from tests.mesh.support import REBUILDS
from zentalk.errors import AuthenticationError, DecodeError, LocalProtocolError
from zentalk.mesh import segments
from zentalk.mesh.erasure import ErasureCode, TooFewShardsError
from zentalk.mesh.segments import (
    coded,
    filled_bytes,
    joined,
    open_segment,
    recoded,
    seal_segment,
    sealed_bytes,
)
from zentalk.wire.head import LARGE_SEGMENT_BYTES, SMALL_SEGMENT_BYTES
from zentalk.wire.shard import MAX_PAYLOAD_BYTES

KEY: Final = b"k" * 32
DATA: Final = random.Random(3).randbytes(5_000)
CLASSES: Final = sorted(
    4_096 * 2**power * quarters // 4 for power in range(10) for quarters in (4, 5, 6, 7)
)


@pytest.fixture(autouse=True, scope="module", params=REBUILDS)
def _each_code(request: pytest.FixtureRequest) -> Iterator[None]:
    code = ErasureCode(10, 5, request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "_code", lambda: code)
        yield


def payloads_of(data: bytes, number: int = 0) -> dict[int, bytes]:
    return dict(enumerate(coded(seal_segment(KEY, number, data, last=True))))


def opened(payloads: dict[int, bytes], length: int, number: int = 0) -> bytes:
    return open_segment(KEY, number, joined(payloads, length), length, last=True)


def nine_others(payloads: dict[int, bytes], index: int) -> dict[int, bytes]:
    """Return as many payloads as make that of `index` count, the last ones of them."""
    return {one: payloads[one] for one in [at for at in range(15) if at != index][-9:]}


# --- sizes ---------------------------------------------------------------------------------------


def test_a_segment_is_filled_to_the_smallest_class_that_holds_it() -> None:
    for smaller, size in zip([-1, *CLASSES], CLASSES, strict=False):
        if size > LARGE_SEGMENT_BYTES:
            break
        assert {filled_bytes(length) for length in (smaller + 1, size - 1, size)} == {size}
    assert filled_bytes(LARGE_SEGMENT_BYTES) == LARGE_SEGMENT_BYTES
    assert filled_bytes(SMALL_SEGMENT_BYTES) == SMALL_SEGMENT_BYTES


@given(st.integers(0, LARGE_SEGMENT_BYTES))
def test_no_class_lies_between(length: int) -> None:
    assert filled_bytes(length) == next(size for size in CLASSES if size >= length)


@pytest.mark.parametrize("length", [-1, LARGE_SEGMENT_BYTES + 1])
def test_no_segment_is_longer_than_2_mib(length: int) -> None:
    with pytest.raises(LocalProtocolError, match="2097152"):
        filled_bytes(length)


def test_the_longest_payload_fits_into_a_shard() -> None:
    assert -(-sealed_bytes(LARGE_SEGMENT_BYTES) // 10) <= MAX_PAYLOAD_BYTES


# --- sealing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "length", "last", "nonce"),
    [
        (0, 0, True, "000000000000000000000001"),
        (0, 4_097, True, "000000000000000000000001"),
        (258, 1, True, "000000000000010200000001"),
        (2_047, LARGE_SEGMENT_BYTES, True, "00000000000007ff00000001"),
        (0, SMALL_SEGMENT_BYTES, False, "000000000000000000000000"),
        (15, LARGE_SEGMENT_BYTES, False, "000000000000000f00000000"),
    ],
)
def test_it_is_sealed_as_the_specification_says(
    number: int, length: int, last: bool, nonce: str
) -> None:
    data = bytes(reversed(DATA)) * (length // len(DATA)) + DATA[: length % len(DATA)]
    sealed = seal_segment(KEY, number, data, last=last)
    size = next(size for size in CLASSES if size >= length)
    assert sealed == AESGCM(KEY).encrypt(bytes.fromhex(nonce), data.ljust(size, b"\0"), None)
    assert open_segment(KEY, number, sealed, length, last=last) == data


@pytest.mark.parametrize(
    ("number", "length", "last"),
    [(-1, 1, True), (2_048, 1, True), (1, 0, True), (0, 0, False), (3, 4_096, False)],
)
def test_a_segment_that_no_file_has_is_neither_sealed_nor_opened(
    number: int, length: int, last: bool
) -> None:
    with pytest.raises(LocalProtocolError):
        seal_segment(KEY, number, bytes(length), last=last)
    with pytest.raises(LocalProtocolError):
        open_segment(KEY, number, bytes(4_112), length, last=last)


def test_another_number_place_or_key_does_not_open() -> None:
    whole = bytes(SMALL_SEGMENT_BYTES)
    sealed = seal_segment(KEY, 1, whole, last=False)
    assert open_segment(KEY, 1, sealed, len(whole), last=False) == whole
    for key, number, last in ((KEY, 2, False), (KEY, 1, True), (b"other key" + KEY[9:], 1, False)):
        with pytest.raises(AuthenticationError, match=f"segment {number} of a file does not open"):
            open_segment(key, number, sealed, len(whole), last=last)


def test_fill_that_is_not_zero_is_refused() -> None:
    nonce = bytes(11) + b"\x01"
    for at in (100, 2_000, 4_095):
        filled = bytearray(b"x" * 100 + bytes(3_996))
        filled[at] = 1
        sealed = AESGCM(KEY).encrypt(nonce, bytes(filled), None)
        with pytest.raises(DecodeError, match="more bytes"):
            open_segment(KEY, 0, sealed, 100, last=True)
    sealed = AESGCM(KEY).encrypt(nonce, b"x" * 100 + bytes(3_996), None)
    assert open_segment(KEY, 0, sealed, 100, last=True) == b"x" * 100


def test_a_size_class_that_the_length_does_not_ask_for_is_refused() -> None:
    sealed = seal_segment(KEY, 0, bytes(5_000), last=True)
    with pytest.raises(DecodeError, match="length"):
        open_segment(KEY, 0, sealed, 4_000, last=True)


# --- coding --------------------------------------------------------------------------------------


@given(st.data(), st.integers(0, 20_000))
def test_any_ten_or_more_give_it_back(data: st.DataObject, length: int) -> None:
    there = data.draw(st.lists(st.integers(0, 14), min_size=10, max_size=15, unique=True))
    content = (DATA * 4)[:length]
    payloads = payloads_of(content)
    assert opened({index: payloads[index] for index in there}, length) == content


def test_the_shards_are_those_of_the_specification() -> None:
    sealed = seal_segment(KEY, 7, DATA, last=True)
    assert coded(sealed) == oracle.shards(sealed)


def test_nine_are_too_few() -> None:
    payloads = payloads_of(DATA)
    with pytest.raises(TooFewShardsError, match="9 of the 10"):
        joined(dict(list(payloads.items())[6:]), len(DATA))


@given(st.integers(0, 14), st.integers(0, 511), st.integers(1, 255))
def test_an_altered_shard_does_not_open(index: int, at: int, change: int) -> None:
    payloads = payloads_of(DATA)
    altered = bytearray(payloads[index])
    altered[at] ^= change
    with pytest.raises((AuthenticationError, DecodeError)):
        opened(nine_others(payloads, index) | {index: bytes(altered)}, len(DATA))


def test_shards_of_two_segments_or_two_files_do_not_open() -> None:
    one, next_one = payloads_of(DATA), payloads_of(DATA, 1)
    other = dict(enumerate(coded(seal_segment(b"o" * 32, 0, DATA, last=True))))
    for stranger in (next_one, other):
        for index in (0, 9, 14):
            mixed = nine_others(one, index) | {index: stranger[index]}
            with pytest.raises((AuthenticationError, DecodeError)):
                opened(mixed, len(DATA))
    swapped = {number: one[number] for number in range(10)} | {3: one[4], 4: one[3]}
    with pytest.raises(AuthenticationError):
        opened(swapped, len(DATA))


def test_control_the_unaltered_shards_of_these_tests_open() -> None:
    one = payloads_of(DATA)
    for index in range(15):
        assert opened(nine_others(one, index) | {index: one[index]}, len(DATA)) == DATA


@pytest.mark.parametrize("index", range(15))
def test_shards_of_another_length_are_refused(index: int) -> None:
    payloads = payloads_of(DATA)
    for wrong in (payloads[index][:-1], payloads[index] + b"\0", b""):
        with pytest.raises(DecodeError, match="length"):
            joined(payloads | {index: wrong}, len(DATA))
    with pytest.raises(DecodeError, match="length"):
        joined(payloads, 4_000)


def test_other_bytes_behind_the_sealed_segment_are_refused() -> None:
    sealed = seal_segment(KEY, 0, DATA, last=True)
    assert len(sealed) % 10
    payloads = dict(enumerate(oracle.shards(sealed + b"\x01")))
    with pytest.raises(DecodeError, match="do not belong together"):
        joined(payloads, len(DATA))
    for some in (range(10), range(5, 15)):
        with pytest.raises(DecodeError, match="do not belong together"):
            joined({index: payloads[index] for index in some}, len(DATA))


# --- repair --------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 14), min_size=1, max_size=5, unique=True), st.integers(1, 30_000))
def test_lost_shards_come_back_byte_for_byte_without_a_key(lost: list[int], length: int) -> None:
    payloads = payloads_of((DATA * 6)[:length])
    there = {index: payload for index, payload in payloads.items() if index not in lost}
    assert recoded(there, lost) == {index: payloads[index] for index in lost}


def test_nothing_is_repaired_from_nine() -> None:
    payloads = payloads_of(DATA)
    with pytest.raises(TooFewShardsError):
        recoded(dict(list(payloads.items())[:9]), [14])
