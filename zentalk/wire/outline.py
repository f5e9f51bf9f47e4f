"""Walks over the headers of one MessagePack value before any of it is built.

msgpack reserves room for the length that an array or map claims, and has no limit on
nesting: 3 KB of nested headers would make it reserve over 100 MiB. So depth, lengths and
types are checked on the bytes first. Nothing here makes values; must never read past `data`.
"""

from __future__ import annotations

from typing import Final

from zentalk.errors import DecodeError

_REFUSED: Final = 0
_FLOATS_AND_EXTENSIONS: Final = (0xC1, 0xC7, 0xC8, 0xC9, 0xCA, 0xCB, *range(0xD4, 0xD9))


def _sizes() -> tuple[int, ...]:
    """Return the bytes that each first byte takes with what follows it, lengths aside."""
    sizes = [1] * 256
    for length in range(32):
        sizes[0xA0 + length] = 1 + length
    for first, size in ((0xCC, 2), (0xCD, 3), (0xCE, 5), (0xCF, 9)):
        sizes[first] = sizes[first + 4] = size
    for first in _FLOATS_AND_EXTENSIONS:
        sizes[first] = _REFUSED
    return tuple(sizes)


_SIZES: Final = _sizes()
_LENGTH_BYTES: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_COUNT_BYTES: Final = {0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}
_FIRST_MAP: Final = 0x80
_FIRST_ARRAY: Final = 0x90
_AFTER_ARRAYS: Final = 0xA0


def check_outline(data: bytes, *, max_depth: int, max_items: int) -> int:
    """Check depth, counts and types of the value that `data` begins with; return where it ends.

    Raises DecodeError if an array or map is nested deeper than `max_depth`, claims more
    than `max_items` entries or more than `data` can hold, if there is a float or an
    extension, or if the value is cut off.
    """
    at, end = 0, len(data)
    left = [1]
    while left:
        if at >= end:
            raise DecodeError("a record is cut off")
        first = data[at]
        at += _SIZES[first]
        left[-1] -= 1
        items = 0
        if first in _LENGTH_BYTES:
            start, at = at, at + _LENGTH_BYTES[first]
            at += int.from_bytes(data[start:at], "big")
        elif first in _COUNT_BYTES:
            start, at = at, at + _COUNT_BYTES[first]
            items = _items(first >= 0xDE, int.from_bytes(data[start:at], "big"), max_items)
        elif _FIRST_MAP <= first < _AFTER_ARRAYS:
            items = _items(first < _FIRST_ARRAY, first & 0x0F, max_items)
        elif not _SIZES[first]:
            raise DecodeError("a record holds a float or an extension")
        if items:
            if len(left) > max_depth:
                raise DecodeError("a record is nested too deep")
            if items > end - at:
                raise DecodeError("a record is cut off")
            left.append(items)
        while left and not left[-1]:
            left.pop()
    if at > end:
        raise DecodeError("a record is cut off")
    return at


def _items(is_map: bool, count: int, max_items: int) -> int:
    """Return how many values an array or map of `count` entries holds."""
    if count > max_items:
        raise DecodeError(f"a record lists more than {max_items} entries")
    return 2 * count if is_map else count
