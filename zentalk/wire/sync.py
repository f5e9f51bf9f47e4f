"""What two linked nodes of one owner tell each other: the bodies of contents of kind `sync`.

Spec: docs/spec/linked-nodes.md section 2. A page of changed rows is longer than an envelope may
be, so it travels in chunks; of rows only shape and size are checked here, and which tables and
columns there are is for the history to say.

| body | fields |
|---|---|
| chunk | 0, feed 16, page 8, after, upto, schema, index, count, bytes |
| have | 1, feed 16 or none, number, schema, stamp |
| write | 2, request 16, conversation 32, content |
| answer | 3, request 16, number, reason |
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from zentalk.errors import DecodeError
from zentalk.ids import MESSAGE_ID_BYTES, USER_ADDRESS_BYTES, MessageId, UserAddress
from zentalk.wire.codec import Fields, Value, pack, unpack

SYNC: Final = "sync"
FEED_BYTES: Final = 16
PAGE_ID_BYTES: Final = 8
CHUNK_BYTES: Final = 30_000
"""With everything around it, a chunk is a content that needs no parts."""
PAGE_BYTES: Final = 28_000
"""A page ends with the row that brings it to this size: nearly always it is one chunk."""
MAX_PAGE_BYTES: Final = 2 * 2**20
"""The longest row is an event that shows a message of 64 KB, whose every byte JSON may escape."""
MAX_CHUNKS: Final = -(-MAX_PAGE_BYTES // CHUNK_BYTES)
MAX_ROWS: Final = 1_000
MAX_REASON_BYTES: Final = 512
MAX_WRITE_BYTES: Final = 66_048
_MAX_U53: Final = 2**53
_MAX_SCHEMA: Final = 2**16
_MAX_NAME_BYTES: Final = 64
_MAX_KEY_BYTES: Final = 512
_MAX_COLUMNS: Final = 64
_FLOAT: Final = struct.Struct(">d")

Cell: TypeAlias = "int | float | str | bytes | None"
"""What a column may hold."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a page: what has changed after one number of a feed, up to another."""

    feed: bytes = field(repr=False)
    page: bytes = field(repr=False)
    after: int
    upto: int
    schema: int
    index: int
    count: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Have:
    """The replica has all changes up to a number; an empty feed says that it has nothing.

    `stamp` orders what one replica says: milliseconds of unix time, and always higher.
    """

    feed: bytes = field(repr=False)
    number: int
    schema: int
    stamp: int


@dataclass(frozen=True, slots=True)
class Write:
    """What the owner did at the replica: an encoded content for a conversation."""

    request: MessageId
    contact: UserAddress = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class WriteAnswer:
    """What became of a write: it is in the history from `number` on, or a reason why it is not."""

    request: MessageId
    number: int
    reason: str = field(repr=False)


SyncBody: TypeAlias = Chunk | Have | Write | WriteAnswer


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row of a table as it is now; without cells it is gone. `key` names it in its table."""

    place: str
    key: str = field(repr=False)
    cells: Mapping[str, Cell] | None = field(repr=False)


def encode_sync(body: SyncBody) -> list[Any]:
    """Return a body's place in a content."""
    kinds = (Chunk, Have, Write, WriteAnswer)
    return [kinds.index(type(body)), *(getattr(body, name) for name in body.__slots__)]


def decode_sync(value: Value) -> SyncBody:
    """Read a body; raises DecodeError."""
    fields = Fields(value, "a body of kind sync")
    body = _READERS[fields.uint(len(_READERS) - 1)](fields)
    fields.end()
    return body


def _chunk(fields: Fields) -> Chunk:
    chunk = Chunk(
        feed=fields.fixed(FEED_BYTES),
        page=fields.fixed(PAGE_ID_BYTES),
        after=fields.uint(_MAX_U53),
        upto=fields.uint(_MAX_U53),
        schema=fields.uint(_MAX_SCHEMA),
        index=fields.uint(MAX_CHUNKS),
        count=fields.uint(MAX_CHUNKS),
        data=fields.blob(CHUNK_BYTES, 1),
    )
    if chunk.index >= chunk.count or chunk.upto <= chunk.after:
        raise DecodeError("a chunk of a page is out of place")
    return chunk


def _have(fields: Fields) -> Have:
    feed = fields.blob(FEED_BYTES)
    if len(feed) not in (0, FEED_BYTES):
        raise DecodeError("a feed's name has the wrong length")
    return Have(feed, fields.uint(_MAX_U53), fields.uint(_MAX_SCHEMA), fields.uint(_MAX_U53))


def _write(fields: Fields) -> Write:
    request = MessageId(fields.fixed(MESSAGE_ID_BYTES))
    contact = UserAddress(fields.fixed(USER_ADDRESS_BYTES))
    return Write(request, contact, fields.blob(MAX_WRITE_BYTES, 1))


def _answer(fields: Fields) -> WriteAnswer:
    request = MessageId(fields.fixed(MESSAGE_ID_BYTES))
    return WriteAnswer(request, fields.uint(_MAX_U53), fields.text(MAX_REASON_BYTES))


_READERS: Final = (_chunk, _have, _write, _answer)


def encode_row(change: RowChange) -> bytes:
    """Encode one row; a page is the rows, each behind its length in 4 bytes."""
    cells: dict[str, Any] | None = None
    if change.cells is not None:
        cells = {
            name: [_FLOAT.pack(cell)] if isinstance(cell, float) else cell
            for name, cell in change.cells.items()
        }
    row = pack([change.place, change.key, cells])
    return len(row).to_bytes(4, "big") + row


def decode_rows(page: bytes) -> list[RowChange]:
    """Read the rows of a page; raises DecodeError."""
    rows: list[RowChange] = []
    place = 0
    while place < len(page):
        start = place + 4
        place = start + int.from_bytes(page[place:start], "big")
        if place > len(page) or len(rows) >= MAX_ROWS:
            raise DecodeError("a page of rows is not well formed")
        rows.append(_row(page[start:place]))
    return rows


def _row(data: bytes) -> RowChange:
    value = unpack(data, max_bytes=MAX_PAGE_BYTES, max_items=_MAX_COLUMNS)
    if not isinstance(value, list) or len(value) != 3:
        raise DecodeError("a row of a page is not a record")
    fields = Fields(value[:2], "a row of a page")
    place, key = fields.text(_MAX_NAME_BYTES), fields.text(_MAX_KEY_BYTES)
    cells = value[2]
    if cells is None:
        return RowChange(place, key, None)
    if not isinstance(cells, dict):
        raise DecodeError("a row of a page has no columns")
    return RowChange(place, key, {name: _cell(cell) for name, cell in cells.items()})


def _cell(value: Value) -> Cell:
    if isinstance(value, list):
        fields = Fields(value, "a number of a row")
        number: float = _FLOAT.unpack(fields.fixed(_FLOAT.size))[0]
        fields.end()
        return number
    if isinstance(value, bool | dict):
        raise DecodeError("a column holds what no column can")
    return value
