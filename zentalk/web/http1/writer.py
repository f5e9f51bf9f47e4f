"""One answer as bytes: the status line, checked headers, and a body that ends where it says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from zentalk.web.http1.errors import AnswerError

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_STATUS_LINES: Final = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode("ascii"))
    for status in HTTPStatus
}
_HEADER_LINES: Final = re.compile(
    rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [\t\x20-\x7e\x80-\xff]*\r\n)*"
)
_OURS: Final = frozenset({b"content-length", b"transfer-encoding", b"connection", b"date"})
_LAST_CHUNK: Final = b"0\r\n\r\n"


class AnswerWriter:
    """The answer to one request: `start` once, then `body` until `more` is false.

    Nothing is written before the first part of the body is there: a small answer is one piece.
    """

    __slots__ = (
        "_bodiless",
        "_chunked",
        "_is_1_1",
        "_left",
        "_lines",
        "closes",
        "complete",
        "started",
        "status",
        "written",
    )

    def __init__(self, method: str, version: str) -> None:
        self._is_1_1 = version == "1.1"
        self._bodiless = method == "HEAD"
        self._chunked = False
        self._left: int | None = None
        self._lines = b""
        self.status = 0
        self.started = False
        self.written = False
        """Whether bytes of the answer were given out, so that it can no longer be replaced."""
        self.complete = False
        self.closes = False
        """Whether the connection ends after this answer."""

    def start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Take status and headers; raises AnswerError if they cannot be sent.

        `Connection: close` is heard, other words about the connection are not: they are ours.
        """
        if self.started:
            raise AnswerError("an answer was started twice")
        if not 200 <= status <= 599:
            raise AnswerError(f"{status} is not the status of an answer")
        lines = []
        for name, value in headers:
            lowered = name.lower()
            if lowered in _OURS:
                self._frame(lowered, value)
            else:
                lines.append(b"%b: %b\r\n" % (name, value))
        self._lines = _checked(lines)
        self.status = status
        self.started = True

    def body(self, data: bytes, more: bool, date: bytes) -> bytes:
        """Return the bytes for a part of the body, the first time with the head before it.

        `date` is the value of the Date header. Raises AnswerError if the body is longer or shorter
        than its Content-Length.
        """
        if not self.started or self.complete:
            raise AnswerError("a body was sent outside of an answer")
        head = b"" if self.written else self._head(len(data), more, date)
        framed = self._framed(data, more)
        self.written = True
        self.complete = not more
        return head + framed if head else framed

    def _frame(self, name: bytes, value: bytes) -> None:
        if name == b"content-length":
            if not value.isdigit() or self._left is not None:
                raise AnswerError("the Content-Length of an answer must be one number")
            self._left = int(value)
        elif name == b"connection":
            self.closes = self.closes or value.lower() == b"close"
        elif name == b"transfer-encoding":
            raise AnswerError("the transfer encoding is the server's, not the application's")

    def _head(self, size: int, more: bool, date: bytes) -> bytes:
        length = self._left
        if self.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            self._bodiless = True
            length = length if self.status == HTTPStatus.NOT_MODIFIED else None
        elif length is None and not more:
            length = self._left = size
        elif length is None and not self._is_1_1:
            self.closes = True  # HTTP/1.0 has no chunks: the end of the connection is the body's.
        elif length is None:
            self._chunked = True
        parts = [status_line(self.status), self._lines, b"date: %b\r\n" % date]
        if length is not None:
            parts.append(b"content-length: %d\r\n" % length)
        elif self._chunked:
            parts.append(b"transfer-encoding: chunked\r\n")
        if self.closes:
            parts.append(b"connection: close\r\n")
        parts.append(b"\r\n")
        return b"".join(parts)

    def _framed(self, data: bytes, more: bool) -> bytes:
        if self._bodiless:
            return b""
        if self._chunked:
            chunk = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            return chunk if more else chunk + _LAST_CHUNK
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0 or (self._left and not more):
                raise AnswerError("the body of an answer is not as long as its Content-Length")
        return data


def header_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return headers as lines; raises AnswerError if one of them cannot be sent."""
    return _checked([b"%b: %b\r\n" % header for header in headers])


def _checked(lines: list[bytes]) -> bytes:
    block = b"".join(lines)
    # As many line ends as headers: none of them hides another.
    if not _HEADER_LINES.fullmatch(block) or block.count(b"\n") != len(lines):
        raise AnswerError("a header of an answer has characters that no header may have")
    return block


def status_line(status: int) -> bytes:
    """Return the first line of an answer."""
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
