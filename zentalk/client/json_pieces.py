"""Reads a large JSON file piece by piece, in memory that does not grow with the file.

Only what is in a file's outer objects and lists is walked; each value in them is decoded as a whole
and may have so many characters. Every error is a DecodeError; nothing of the file is in its text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NoReturn, TextIO

from zentalk.errors import DecodeError

MAX_VALUE_CHARS: Final = 2**20
_CHUNK_CHARS: Final = 2**16
_NUMBER_TAIL: Final = 3
"""A number may go on after what looks like its end: 1 is the beginning of 1e+5."""
_SPACE: Final = " \t\n\r"


class JsonPieces:
    """Walks through a text file that holds one JSON document."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._at = 0
        self._is_read = False
        self._decoder = json.JSONDecoder(parse_constant=_refuse)

    def members(self) -> Iterator[str]:
        """Yield the keys of an object; the value of each is to be read before the next."""
        self._take("{")
        if self._is_next("}"):
            return
        while True:
            key = self.value()
            if not isinstance(key, str):
                raise DecodeError("a key is no string")
            self._take(":")
            yield key
            if self._is_next("}"):
                return
            self._take(",")

    def items(self) -> Iterator[int]:
        """Yield the places of a list's values, from 0; each is to be read before the next."""
        self._take("[")
        if self._is_next("]"):
            return
        number = 0
        while True:
            yield number
            if self._is_next("]"):
                return
            self._take(",")
            number += 1

    def value(self) -> Any:
        """Read a whole value."""
        self._peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                self._read_more()
                continue
            except (ValueError, RecursionError):  # a number or a nesting that nothing needs
                raise DecodeError("it is not JSON") from None
            if len(self._text) - end < _NUMBER_TAIL and not self._is_read:
                self._read_more()
                continue
            self._at = end
            return value

    def end(self) -> None:
        """Make sure that nothing follows."""
        if self._peek():
            raise DecodeError("something follows the end of the document")

    def _take(self, char: str) -> None:
        if not self._is_next(char):
            raise DecodeError(f"it is not JSON, or has no {char} where an export has one")

    def _is_next(self, char: str) -> bool:
        found = self._peek() == char
        self._at += found
        return found

    def _peek(self) -> str:
        """Return the next character that is no space; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if self._is_read:
                return ""
            self._text, self._at = self._chunk(), 0

    def _read_more(self) -> None:
        """Read on; raises DecodeError at the end, or if a value is too large."""
        kept = self._text[self._at :]
        if self._is_read or len(kept) > MAX_VALUE_CHARS:
            raise DecodeError("it is not JSON, or one of its values is too large")
        # As much again as there is: a large value is not decoded from its start too often.
        self._text, self._at = kept + self._chunk(len(kept)), 0

    def _chunk(self, least: int = 0) -> str:
        try:
            chunk = self._file.read(max(least, _CHUNK_CHARS))
        except UnicodeDecodeError:
            raise DecodeError("it is not UTF-8") from None
        self._is_read = not chunk
        return chunk


def _refuse(_word: str) -> NoReturn:
    raise DecodeError("it has a number that JSON does not have")
