"""Files as answers: piece by piece, whole or one range of it, and never run or shown as a page.

A file is somebody else's: whatever it says that it is, a browser must save it or show it as data
(`nosniff`, a sandbox without anything, and a picture at most). Its tag is its CID, which stands for
the same bytes for ever.

Source: RFC 9110 sections 13.1.5 (If-Range), 14 (ranges) and 15.5.17 (416); RFC 6266 and RFC 8187
(names of files).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from zentalk.web.json_response import SAFE_HEADERS
from zentalk.web.problems import problem

_RANGE: Final = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))")
_SHOWN: Final = re.compile(r"image/(?:jpeg|png|gif|webp)|audio/[a-z0-9.+-]+|video/[a-z0-9.+-]+")
"""Types that a page of ours may show where they are; everything else is saved."""
_PLAIN: Final = re.compile(r"[\x20-\x7e]*")

ReadPieces: TypeAlias = Callable[[int, int], AsyncIterator[bytes]]
"""Yields the bytes from a place on, so many of them."""


class ByteRange(NamedTuple):
    """Some bytes of a file: from `start` on, `length` of them."""

    start: int
    length: int


class UnsatisfiableError(Exception):
    """No byte of the file is within the range."""


def read_range(header: str | None, size: int) -> ByteRange | None:
    """Return the range that a request asks for, None for all of it.

    What is malformed, and more than one range, counts as nothing. Raises UnsatisfiableError.
    """
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        length = min(int(suffix), size)
        if not length:
            raise UnsatisfiableError
        return ByteRange(size - length, length)
    start = int(first)
    end = min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return None
    if start >= size:
        raise UnsatisfiableError
    return ByteRange(start, end - start)


class DownloadedFile(NamedTuple):
    """A file as an answer describes it; `tag` names its bytes."""

    name: str
    media_type: str
    size: int
    tag: str

    def __repr__(self) -> str:
        return "<downloaded file>"


def file_answer(
    file: DownloadedFile, pieces: ReadPieces, request_headers: Mapping[str, str]
) -> Response:
    """Return the answer with a file, with the range that is asked for, or with what is wrong."""
    wanted = request_headers.get("range")
    same = request_headers.get("if-range", f'"{file.tag}"') == f'"{file.tag}"'
    try:
        asked = read_range(wanted if same else None, file.size)
    except UnsatisfiableError:
        return problem(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"no byte of this file is in that range: it has {file.size}",
            {"Content-Range": f"bytes */{file.size}"},
        )
    return FileAnswer(file, pieces, asked)


class FileAnswer(Response):
    """Answers with a file, or with a range of it."""

    def __init__(self, file: DownloadedFile, pieces: ReadPieces, asked: ByteRange | None) -> None:
        self._pieces = pieces
        self.background = None
        self.body = b""
        self._part = asked or ByteRange(0, file.size)
        self.status_code = (HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK).value
        self.raw_headers = [*_headers(file), (b"content-length", b"%d" % self._part.length)]
        if asked:
            place = (asked.start, asked.start + asked.length - 1, file.size)
            self.raw_headers.append((b"content-range", b"bytes %d-%d/%d" % place))

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the head once the first piece is there: an error before it has its own status."""
        part = self._part
        pieces = self._pieces(*part) if part.length else None
        first = b"" if pieces is None else await anext(pieces, b"")
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        if pieces is not None:
            await send({"type": "http.response.body", "body": first, "more_body": True})
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _headers(file: DownloadedFile) -> list[tuple[bytes, bytes]]:
    kind = "inline" if _SHOWN.fullmatch(file.media_type) else "attachment"
    return [
        (b"content-type", file.media_type.encode("ascii")),
        (b"content-disposition", disposition(kind, file.name).encode("ascii")),
        (b"accept-ranges", b"bytes"),
        (b"etag", f'"{file.tag}"'.encode("ascii")),
        *((name, value) for name, value in SAFE_HEADERS if name != b"content-security-policy"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
    ]


def disposition(kind: str, name: str) -> str:
    """Return the value of Content-Disposition for the name of a file."""
    if not name:
        return kind
    simple = name.replace("\\", "_").replace('"', "_")
    if _PLAIN.fullmatch(simple) and simple == name:
        return f'{kind}; filename="{name}"'
    plain = "".join(char if " " <= char <= "~" else "_" for char in simple)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
