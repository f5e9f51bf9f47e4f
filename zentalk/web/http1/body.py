"""Finds the end of a request's body: after its length, or after its last chunk."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final, Protocol

from zentalk.web.http1.errors import RequestError, bad_request
from zentalk.web.http1.limits import MAX_CHUNK_LINE_BYTES, MAX_TRAILER_BYTES

_CHUNK_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_TRAILER: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n")


class RequestBody(Protocol):
    """A body that is being read."""

    @property
    def left(self) -> int | None:
        """The number of bytes still to come, 0 at the end; None if only the peer knows."""
        ...

    def take(self, buffer: bytearray) -> bytes:
        """Remove what belongs to the body from the start of `buffer` and return its content.

        Raises RequestError if that is not a body.
        """
        ...


class SizedBody:
    """A body of which the length was said beforehand."""

    __slots__ = ("left",)

    def __init__(self, length: int) -> None:
        self.left: int | None = length

    def take(self, buffer: bytearray) -> bytes:
        """Return what is there of the body."""
        assert self.left is not None
        part = bytes(buffer[: self.left])
        del buffer[: len(part)]
        self.left -= len(part)
        return part


class ChunkedBody:
    """A body in chunks (RFC 9112, section 7.1). Extensions and trailers are checked and dropped."""

    __slots__ = ("_in_chunk", "_trailer_bytes", "left")

    def __init__(self) -> None:
        self.left: int | None = None
        self._in_chunk: int | None = None
        """The rest of a chunk with the line end after it; None between two chunks."""
        self._trailer_bytes: int | None = None
        """Bytes of the trailers that were read; None before the last chunk."""

    def take(self, buffer: bytearray) -> bytes:
        """Return the content of the chunks that are there, as far as they are."""
        parts: list[bytes] = []
        while self.left is None and self._step(buffer, parts):
            pass
        return b"".join(parts)

    def _step(self, buffer: bytearray, parts: list[bytes]) -> bool:
        """Take one piece; False if more bytes must come first."""
        if self._trailer_bytes is not None:
            return self._take_trailer(buffer)
        if self._in_chunk is None:
            return self._take_size(buffer)
        return self._take_content(buffer, parts)

    def _take_size(self, buffer: bytearray) -> bool:
        line = _line(buffer, MAX_CHUNK_LINE_BYTES)
        if line is None:
            if len(buffer) > MAX_CHUNK_LINE_BYTES:
                raise bad_request(
                    f"a chunk's first line has more than {MAX_CHUNK_LINE_BYTES} bytes"
                )
            return False
        found = _CHUNK_LINE.fullmatch(line)
        if found is None:
            raise bad_request("the size of a chunk in the body is malformed")
        size = int(found[1], 16)
        if size:
            self._in_chunk = size + 2
        else:
            self._trailer_bytes = 0
        return True

    def _take_content(self, buffer: bytearray, parts: list[bytes]) -> bool:
        assert self._in_chunk is not None
        content = bytes(buffer[: max(0, self._in_chunk - 2)])
        if content:
            parts.append(content)
            del buffer[: len(content)]
            self._in_chunk -= len(content)
        if self._in_chunk > 2:
            return False
        # A wrong first byte is wrong whatever follows.
        if not b"\r\n".startswith(bytes(buffer[:2])):
            raise bad_request("a chunk of the body is longer than its size says")
        if len(buffer) < 2:
            return False
        del buffer[:2]
        self._in_chunk = None
        return True

    def _take_trailer(self, buffer: bytearray) -> bool:
        assert self._trailer_bytes is not None
        room = MAX_TRAILER_BYTES - self._trailer_bytes
        line = _line(buffer, room)
        if line is None:
            if len(buffer) > room:
                detail = f"the body's trailers are larger than {MAX_TRAILER_BYTES} bytes"
                raise RequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)
            return False
        self._trailer_bytes += len(line)
        if line == b"\r\n":
            self.left = 0
        elif not _TRAILER.fullmatch(line):
            raise bad_request("a trailer of the body is malformed")
        return True


def _line(buffer: bytearray, most: int) -> bytes | None:
    """Remove and return the first line; None if none of at most `most` bytes is there."""
    end = buffer.find(b"\n", 0, most) + 1
    if not end:
        return None
    line = bytes(buffer[:end])
    del buffer[:end]
    return line
