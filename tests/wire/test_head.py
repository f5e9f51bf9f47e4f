"""Heads: one encoding each, filled to few sizes, strict about everything a file says of itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.mesh import HEADS, MIB, head_of, segment_ids
from zentalk.errors import DecodeError, LocalProtocolError, NewerVersionError
from zentalk.ids import NodeId, ShardId
from zentalk.wire.codec import Value, pack, unpack_first
from zentalk.wire.head import (
    MAX_FILE_BYTES,
    MAX_HEAD_BYTES,
    Head,
    decode_head,
    decode_index,
    encode_head,
    encode_index,
    segment_count_of,
)

HEAD = head_of(2 * MIB, 5)
BIG = head_of(100 * MIB)


@given(st.integers(0, MAX_FILE_BYTES), st.integers(1, 15), st.booleans())
def test_what_is_written_is_read_and_is_of_few_sizes(size: int, holders: int, zero: bool) -> None:
    head = head_of(size, holders)
    if zero:  # what ends with zeros must not be taken for fill
        row = tuple(ShardId(bytes(32)) for _ in range(15))
        head = replace(head, segments=(row,) * len(head.segments), index=(row,) * len(head.index))
    data = encode_head(head)
    assert decode_head(data) == head
    assert len(data) in (1024, 2048, 4096, 8192, 16384)


def test_the_largest_head_is_as_long_as_any_may_be() -> None:
    assert len(encode_head(head_of(31 * MIB))) == MAX_HEAD_BYTES


@pytest.mark.parametrize(
    ("size", "count"),
    [
        (0, 1),
        (1, 1),
        (MIB, 1),
        (MIB + 1, 2),
        (16 * MIB - 1, 16),
        (16 * MIB, 8),
        (32 * MIB, 16),
        (32 * MIB + 1, 17),
        (MAX_FILE_BYTES, 2048),
    ],
)
def test_files_have_so_many_segments(size: int, count: int) -> None:
    assert segment_count_of(size) == count
    assert len(head_of(size).segments) == (count if count <= 16 else 0)
    assert len(head_of(size).index) == (0 if count <= 16 else 1)


def test_an_index_of_the_largest_file_is_one_segment() -> None:
    rows = tuple(map(segment_ids, range(2048)))
    data = encode_index(rows)
    assert len(data) <= MIB
    assert decode_index(data, 2048) == rows
    for other in (2047, 2049):
        with pytest.raises(DecodeError):
            decode_index(data, other)


def fields_of(head: Head) -> list[Value]:
    value, _ = unpack_first(encode_head(head), max_bytes=MAX_HEAD_BYTES)
    assert isinstance(value, list)
    return value


def filled(fields: list[Value], length: int = 1024) -> bytes:
    record = pack(fields)
    while length < len(record):
        length *= 2
    return record.ljust(length, b"\0")


def changed(at: int, value: Value, head: Head = HEAD) -> bytes:
    return filled([value if here == at else old for here, old in enumerate(fields_of(head))])


def test_control_nothing_changed_is_read() -> None:
    assert decode_head(filled(fields_of(HEAD))) == HEAD


ROW = b"".join(segment_ids(0))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(1024),
        changed(0, 0),
        changed(1, bytes(31)),
        changed(2, MAX_FILE_BYTES + 1),
        changed(2, 2 * MIB + 1),
        changed(3, 2 * MIB),
        changed(3, MIB, BIG),
        changed(4, []),
        changed(4, [bytes(32)] * 5),
        changed(4, [bytes([n]) * 32 for n in range(16)]),
        changed(4, [bytes([n]) * 31 for n in range(5)]),
        changed(5, bytes(14)),
        changed(5, bytes(15)),
        changed(5, bytes([5, *range(5), *range(5), *range(4)])),
        changed(6, [ROW]),
        changed(6, [ROW, ROW[:-1]]),
        changed(6, [ROW] * 17),
        changed(6, []),
        changed(7, [ROW]),
        changed(7, [], BIG),
        changed(7, [ROW, ROW], BIG),
        changed(6, [ROW], BIG),
        filled([*fields_of(HEAD), 1]),
        filled(fields_of(HEAD), 4096),
        encode_head(HEAD)[:-1],
        encode_head(HEAD)[:-1] + b"\1",
        encode_head(HEAD) + b"\0",
        pack(fields_of(HEAD)),
        filled(fields_of(BIG), 2 * MAX_HEAD_BYTES),
    ],
)
def test_what_is_no_head_is_refused_and_is_not_called_newer(data: bytes) -> None:
    with pytest.raises(DecodeError) as refused:
        decode_head(data)
    assert not isinstance(refused.value, NewerVersionError)


@pytest.mark.parametrize("fields", [[2], [127, "anything"], [2, *range(14)]])
def test_a_later_version_asks_for_a_newer_program(fields: list[Value]) -> None:
    with pytest.raises(NewerVersionError, match="newer version of this program"):
        decode_head(filled(fields))


@pytest.mark.parametrize(
    "changes",
    [
        {"size": -1},
        {"size": MAX_FILE_BYTES + 1},
        {"content_secret": bytes(31)},
        {"slots": (0,) * 15},
        {"slots": (0, 1, 2, 3, 4)},
        {"holders": ()},
        {"holders": (NodeId(bytes(32)),) * 5},
        {"holders": tuple(NodeId(bytes([n]) * 3) for n in range(5))},
        {"segments": ()},
        {"segments": (segment_ids(0)[:14],) * 2},
        {"segments": ((ShardId(b"short"),) * 15,) * 2},
        {"index": (segment_ids(0),)},
    ],
)
def test_what_could_not_be_read_is_not_written(changes: dict[str, object]) -> None:
    with pytest.raises(LocalProtocolError):
        encode_head(replace(HEAD, **changes))  # type: ignore[arg-type]


def test_a_head_shows_nothing_of_its_file() -> None:
    assert [repr(head) for head in HEADS] == ["Head()"] * len(HEADS)
