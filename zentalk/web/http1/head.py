"""The head of a request, from bytes.

httptools (llhttp) splits and checks the header lines: tokens, control characters, folded lines,
bare line feeds. It has no limits and takes much that is only unusual, so the request line, all
limits and everything that decides where the request ends are checked here.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

import httptools

from zentalk.web.http1.errors import RequestError, bad_request
from zentalk.web.http1.limits import MAX_HEADERS, MAX_TARGET_BYTES
from zentalk.web.http1.request import Headers, Request
from zentalk.web.http1.target import AUTHORITY, split_target

_REQUEST_LINE: Final = re.compile(
    rb"(?:\r\n)?([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])\r\n"
)
"""An empty line before it is ignored, as some clients end a body with one (RFC 9112, 2.2)."""
_CONTENT_LENGTH: Final = re.compile(rb"[0-9]{1,18}")
_BOTH_LENGTHS: Final = re.compile(rb"\r\n(?i:content-length|transfer-encoding)[ \t]*:")
_DECIDING: Final = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"connection", b"expect", b"upgrade"}
)


def parse_head(head: bytes) -> Request:
    """Return the request of a whole head, its empty line included; raises RequestError."""
    line = _REQUEST_LINE.match(head)
    if line is None:
        raise bad_request("the request line is not: METHOD TARGET HTTP/1.1")
    if line[3] != b"1" or line[4] not in b"01":
        raise RequestError(
            HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "this server speaks HTTP/1.1 only"
        )
    if len(line[2]) > MAX_TARGET_BYTES:
        raise target_too_long()
    method = line[1].decode("ascii")
    target = split_target(method, line[2])
    headers = _headers(head)
    version = "1.0" if line[4] == b"0" else "1.1"
    said = _Said(headers, version)
    if target.authority is not None:
        headers = [(b"host", target.authority), *(item for item in headers if item[0] != b"host")]
    raw_path = target.raw_path
    return Request(
        method,
        unquote(raw_path.decode("ascii")) if b"%" in raw_path else raw_path.decode("ascii"),
        raw_path,
        target.query,
        version,
        headers,
        said.body_bytes,
        version == "1.1" and b"close" not in said.connection,
        said.expects_continue,
        said.upgrade,
    )


def target_too_long() -> RequestError:
    """Return the error for a request target above its limit."""
    detail = f"the request target is longer than {MAX_TARGET_BYTES} bytes"
    return RequestError(HTTPStatus.REQUEST_URI_TOO_LONG, detail)


class _Collector:
    """The object that httptools tells its findings to."""

    __slots__ = ("complete", "headers")

    def __init__(self) -> None:
        self.headers: Headers = []
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self.complete = True


def _headers(head: bytes) -> Headers:
    # A parser for each head: it carries nothing over from one request to the next.
    found = _Collector()
    try:
        httptools.HttpRequestParser(found).feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # An offer; what follows the head is not in `head`.
    except httptools.HttpParserInvalidMethodError:
        raise RequestError(HTTPStatus.NOT_IMPLEMENTED, "the request's method is unknown") from None
    except httptools.HttpParserError:
        # If only its reading of Transfer-Encoding failed, `_Said` has the better answer.
        if not found.complete:
            raise _why_not(head) from None
    if not found.complete:
        raise bad_request("the request's headers are malformed")
    if len(found.headers) > MAX_HEADERS:
        detail = f"the request has more than {MAX_HEADERS} headers"
        raise RequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)
    return found.headers


def _why_not(head: bytes) -> RequestError:
    if len(_BOTH_LENGTHS.findall(head)) > 1:
        return bad_request("the request says its length more than once")
    return bad_request("a header line of the request is malformed")


class _Said:
    """The statements of the headers about the connection and about the body."""

    __slots__ = ("body_bytes", "connection", "expects_continue", "upgrade")

    def __init__(self, headers: Headers, version: str) -> None:
        self.body_bytes: int | None = 0
        self.connection: list[bytes] = []
        self.expects_continue = False
        self.upgrade = b""
        hosts = lengths = 0
        for name, value in headers:
            if name not in _DECIDING:
                continue
            if name == b"host":
                hosts += 1
                if not AUTHORITY.fullmatch(value):
                    raise bad_request("the Host header is not a host name with an optional port")
            elif name == b"connection":
                self.connection += _tokens(value)
            elif name == b"expect":
                self._expect(value, version)
            elif name == b"upgrade":
                self.upgrade = value.lower()
            else:
                lengths += 1
                self._length(name, value, version)
        if hosts > 1 or (not hosts and version == "1.1"):
            raise bad_request("a request must have one Host header")
        if lengths > 1:
            raise bad_request("the request says its length more than once")
        if b"upgrade" not in self.connection:
            self.upgrade = b""

    def _expect(self, value: bytes, version: str) -> None:
        if value.lower() != b"100-continue":
            raise RequestError(
                HTTPStatus.EXPECTATION_FAILED, "the only expectation met here is 100-continue"
            )
        self.expects_continue = version == "1.1"  # HTTP/1.0 does not know 100 (RFC 9110, 10.1.1)

    def _length(self, name: bytes, value: bytes, version: str) -> None:
        if name == b"content-length":
            if not _CONTENT_LENGTH.fullmatch(value):
                raise bad_request("Content-Length must be one number of at most 18 digits")
            self.body_bytes = int(value)
        elif version == "1.0":
            raise bad_request("HTTP/1.0 knows no Transfer-Encoding")
        elif value.lower() != b"chunked":
            raise RequestError(
                HTTPStatus.NOT_IMPLEMENTED, "the only Transfer-Encoding known here is chunked"
            )
        else:
            self.body_bytes = None


def _tokens(value: bytes) -> list[bytes]:
    return [token.strip(b" \t") for token in value.lower().split(b",")]
