"""What linked nodes tell each other: every body survives, and nothing else is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import DecodeError
from zentalk.ids import MessageId, UserAddress
from zentalk.wire.codec import pack, unpack
from zentalk.wire.content import Content, decode_content, encode_content
from zentalk.wire.sync import (
    CHUNK_BYTES,
    MAX_CHUNKS,
    SYNC,
    Cell,
    Chunk,
    Have,
    RowChange,
    SyncBody,
    Write,
    WriteAnswer,
    decode_rows,
    decode_sync,
    encode_row,
    encode_sync,
)

numbers = st.integers(0, 2**53 - 1)
ids = st.binary(min_size=16, max_size=16)
bodies: st.SearchStrategy[SyncBody] = st.one_of(
    st.builds(Have, st.one_of(st.just(b""), ids), numbers, st.integers(0, 99), numbers),
    st.builds(
        Write,
        ids.map(MessageId),
        st.binary(min_size=32, max_size=32).map(UserAddress),
        st.binary(min_size=1, max_size=200),
    ),
    st.builds(WriteAnswer, ids.map(MessageId), numbers, st.text(max_size=100)),
    st.builds(
        lambda feed, page, upto, index, more, data: Chunk(
            feed, page, upto - 1, upto, 13, index, index + more, data
        ),
        ids,
        st.binary(min_size=8, max_size=8),
        st.integers(1, 2**53 - 1),
        st.integers(0, 20),
        st.integers(1, 20),
        st.binary(min_size=1, max_size=100),
    ),
)
cells: st.SearchStrategy[Cell] = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.binary(max_size=20),
)
rows = st.builds(
    RowChange,
    st.text(max_size=16),
    st.text(max_size=40),
    st.none() | st.dictionaries(st.text(max_size=10), cells, max_size=8),
)


@given(bodies)
def test_a_body_survives_in_a_content(body: SyncBody) -> None:
    content = Content(kind=SYNC, message_id=MessageId(bytes(16)), raw_body=encode_sync(body))
    assert decode_sync(decode_content(encode_content(content)).raw_body) == body


@given(st.lists(rows, max_size=10))
def test_rows_survive_in_a_page(changes: list[RowChange]) -> None:
    assert decode_rows(b"".join(map(encode_row, changes))) == changes


@given(st.binary(max_size=200))
def test_no_other_page_is_read(page: bytes) -> None:
    try:
        changes = decode_rows(page)
    except DecodeError:
        return
    assert b"".join(map(encode_row, changes)) == page


@given(
    st.recursive(st.none() | st.integers(0, 9) | st.binary(max_size=16), st.lists, max_leaves=12)
)
def test_no_other_body_is_read(value: object) -> None:
    raw = unpack(pack(value), max_bytes=10_000)
    try:
        body = decode_sync(raw)
    except DecodeError:
        return
    assert encode_sync(body) == raw


def test_a_full_chunk_needs_no_parts() -> None:
    chunk = Chunk(b"f" * 16, b"p" * 8, 1, 2, 13, 0, MAX_CHUNKS, bytes(CHUNK_BYTES))
    content = Content(kind=SYNC, message_id=MessageId(bytes(16)), raw_body=encode_sync(chunk))
    assert len(encode_content(content)) < 31_000


@pytest.mark.parametrize("upto", [0, 1])
def test_a_page_ends_after_it_begins(upto: int) -> None:
    with pytest.raises(DecodeError, match="out of place"):
        decode_sync(encode_sync(Chunk(b"f" * 16, b"p" * 8, 1, upto, 13, 0, 1, b"x")))
