"""Strict MessagePack: canonical, bounded, positional records.

A record is an array whose fields have a fixed order and type. `unpack` accepts only
what `pack` would produce for the same value, so that there is one encoding of each
value and signatures over raw bytes mean one thing. Sizes are capped before anything
is built.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgpack

from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.wire.outline import check_outline

Value: TypeAlias = "bool | int | str | bytes | list[Value] | dict[str, Value] | None"

MAX_DEPTH: Final = 6
"""Nesting that any record of ours needs is at most 4; 6 leaves room to grow."""
MAX_ITEMS: Final = 16_384
"""Entries of one array or map: the longest lists of a node's own state need as many."""


def pack(value: Any) -> bytes:
    """Encode a value; raises LocalProtocolError if it has no encoding."""
    try:
        return bytes(msgpack.packb(value, use_bin_type=True))
    except (TypeError, ValueError, OverflowError) as error:
        raise LocalProtocolError("a value cannot be encoded") from error


def unpack(data: bytes, *, max_bytes: int, max_items: int = MAX_ITEMS) -> Value:
    """Decode exactly one canonical value of at most `max_bytes` bytes.

    Raises DecodeError on anything longer, deeper, truncated, trailing, of an
    extension type, or encoded in another way than `pack` would.
    """
    if len(data) > max_bytes:
        raise DecodeError(f"a record is longer than {max_bytes} bytes")
    check_outline(data, max_depth=MAX_DEPTH, max_items=max_items)
    try:
        value = msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            max_str_len=max_bytes,
            max_bin_len=max_bytes,
            max_array_len=max_items,
            max_map_len=max_items,
            max_ext_len=0,
        )
        _check_keys(value)
        canonical = pack(value)
    except DecodeError:
        raise
    except (ValueError, TypeError, RecursionError, OverflowError, msgpack.UnpackException) as error:
        raise DecodeError(f"a record is not well formed: {type(error).__name__}") from None
    except LocalProtocolError:
        raise DecodeError("a record holds a value that has no canonical form") from None
    if canonical != data:
        raise DecodeError("a record is not in its canonical encoding")
    return value  # type: ignore[no-any-return]  # msgpack is untyped; the shape was checked


def unpack_first(data: bytes, *, max_bytes: int) -> tuple[Value, bytes]:
    """Decode the canonical value that `data` begins with, and return it with what follows it.

    Raises DecodeError as `unpack` does.
    """
    end = check_outline(data, max_depth=MAX_DEPTH, max_items=MAX_ITEMS)
    return unpack(data[:end], max_bytes=max_bytes), data[end:]


def _check_keys(value: Any) -> None:
    """Refuse maps with keys that are not strings; the outline has seen all other types."""
    if isinstance(value, list):
        for item in value:
            _check_keys(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise DecodeError("a map key is not a string")
            _check_keys(item)


class Fields:
    """Reads the fields of one record in order, each with its type and bounds.

    Every reader raises DecodeError; `end` must be called last and refuses leftovers.
    """

    __slots__ = ("_items", "_next", "_what")

    def __init__(self, value: Value, what: str) -> None:
        if not isinstance(value, list):
            raise DecodeError(f"{what} is not a record")
        self._items, self._next, self._what = value, 0, what

    def _take(self) -> Value:
        if self._next >= len(self._items):
            raise DecodeError(f"{self._what} is too short")
        item = self._items[self._next]
        self._next += 1
        return item

    def _bad(self) -> DecodeError:
        return DecodeError(f"field {self._next} of {self._what} is not valid")

    def uint(self, maximum: int) -> int:
        """Read an integer in 0..maximum."""
        item = self._take()
        if isinstance(item, bool) or not isinstance(item, int) or not 0 <= item <= maximum:
            raise self._bad()
        return item

    def boolean(self) -> bool:
        """Read true or false."""
        item = self._take()
        if not isinstance(item, bool):
            raise self._bad()
        return item

    def fixed(self, length: int) -> bytes:
        """Read exactly `length` bytes."""
        item = self._take()
        if not isinstance(item, bytes) or len(item) != length:
            raise self._bad()
        return item

    def blob(self, maximum: int, minimum: int = 0) -> bytes:
        """Read minimum..maximum bytes."""
        item = self._take()
        if not isinstance(item, bytes) or not minimum <= len(item) <= maximum:
            raise self._bad()
        return item

    def text(self, maximum_bytes: int) -> str:
        """Read a string of at most that many UTF-8 bytes."""
        item = self._take()
        if not isinstance(item, str) or len(item.encode("utf-8")) > maximum_bytes:
            raise self._bad()
        return item

    def value(self) -> Value:
        """Take what comes next as it is, for another reader to check."""
        return self._take()

    def array(self, maximum: int) -> list[Value]:
        """Read an array of at most `maximum` entries."""
        item = self._take()
        if not isinstance(item, list) or len(item) > maximum:
            raise self._bad()
        return item

    def fixed_array(self, maximum: int, length: int) -> list[bytes]:
        """Read at most `maximum` byte strings of exactly `length` bytes each."""
        items = self.array(maximum)
        if not all(isinstance(item, bytes) and len(item) == length for item in items):
            raise self._bad()
        return [item for item in items if isinstance(item, bytes)]

    def blob_array(self, maximum: int, maximum_bytes: int) -> list[bytes]:
        """Read at most `maximum` byte strings of at most `maximum_bytes` each."""
        items = self.array(maximum)
        if not all(isinstance(item, bytes) and len(item) <= maximum_bytes for item in items):
            raise self._bad()
        return [item for item in items if isinstance(item, bytes)]

    def end(self) -> None:
        """Refuse fields that this version does not know."""
        if self._next != len(self._items):
            raise DecodeError(f"{self._what} has extra fields")
