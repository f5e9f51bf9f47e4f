"""Reads a picture from its front to its end, part by part, and says where it is damaged."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from zentalk.errors import ZentalkError

MAX_PARTS: Final = 1_000_000
"""Segments, chunks or blocks of one file: a GIF of 240 MiB has as many. Each costs about 1 us."""


class MalformedPictureError(ZentalkError):
    """Bytes begin like a picture, and are not a whole one."""


class PictureShape(NamedTuple):
    """The sides of a picture in pixels as they are stored, and its orientation (1 to 8)."""

    width: int
    height: int
    orientation: int = 1


class PictureCursor:
    """A place in the bytes of a picture."""

    def __init__(
        self, data: bytes, kind: str, at: int = 0, parts: Iterator[int] | None = None
    ) -> None:
        self._data = data
        self._kind = kind
        self._end = len(data)
        self._parts = parts or itertools.count(1)
        self.at = at

    @property
    def is_at_end(self) -> bool:
        """Tell whether nothing is left."""
        return self.at >= self._end

    def end_after(self, count: int) -> None:
        """Leave out whatever comes after `count` bytes more.

        Raises MalformedPictureError if there are fewer.
        """
        if self.at + count > self._end:
            raise self.damaged("it ends too early")
        self._end = self.at + count

    def take(self, count: int) -> bytes:
        """Return the next bytes; raises MalformedPictureError if there are fewer."""
        start = self.at
        if start + count > self._end:
            raise self.damaged("it ends too early")
        self.at = start + count
        return self._data[start : self.at]

    def number(self, count: int, order: Literal["big", "little"]) -> int:
        """Return the number in the next bytes; raises MalformedPictureError if there are fewer."""
        return int.from_bytes(self.take(count), order)

    def inside(self, payload: bytes) -> PictureCursor:
        """Return a cursor for what lies inside a part; its parts count as parts of the whole."""
        return PictureCursor(payload, self._kind, parts=self._parts)

    def count_part(self) -> None:
        """Count a part; raises MalformedPictureError above `MAX_PARTS`."""
        if next(self._parts) > MAX_PARTS:
            raise self.damaged(f"it has more than {MAX_PARTS} parts")

    def damaged(self, why: str) -> MalformedPictureError:
        """Return the error that says what is wrong, and what to do."""
        return MalformedPictureError(
            f"this {self._kind} picture is damaged ({why}, at byte {self.at}):"
            " open it in a program for pictures and save it anew, or send another one"
        )
