"""Transcripts: these bytes go in, these requests come out, or this refusal."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.http1.parts import messages, requests, splits
from zentalk.web.http1.errors import RequestError
from zentalk.web.http1.limits import (
    MAX_CHUNK_LINE_BYTES,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_TARGET_BYTES,
    MAX_TRAILER_BYTES,
)
from zentalk.web.http1.reader import RequestReader

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def read(*pieces: bytes) -> list[Any]:
    """Return requests and joined bodies; the status of a refusal comes last."""
    reader, found = RequestReader(), list[Any]()
    request = None
    try:
        for piece in pieces:
            reader.feed(piece)
            while True:
                if reader.body_left != 0:
                    found[-1] += reader.take_body()
                    if reader.body_left != 0:
                        break
                request = reader.next_request()
                if request is None:
                    break
                found += [request, b""]
    except RequestError as error:
        found.append(error.status)
    return found


def test_requests_in_one_piece_come_out_one_by_one() -> None:
    first, body, second, rest = read(
        b"POST /a%20b?c=%20d HTTP/1.1\r\nHOST: h:1\r\nContent-Length: 5\r\nX:  y z \t\r\n\r\nhello"
        b"GET / HTTP/1.0\r\n\r\n"
    )
    assert (first.method, first.path, first.raw_path) == ("POST", "/a b", b"/a%20b")
    assert (first.query, first.version, first.keep_alive) == (b"c=%20d", "1.1", True)
    assert first.headers == [(b"host", b"h:1"), (b"content-length", b"5"), (b"x", b"y z")]
    assert (first.body_bytes, body) == (5, b"hello")
    assert (second.version, second.keep_alive, second.headers, rest) == ("1.0", False, [], b"")


def test_chunks_their_extensions_and_trailers_are_taken_off() -> None:
    request, body, after, _ = read(
        CHUNKED + b"5;a=b\r\nhello\r\n00A\r\n, \r\n world\r\n0\r\nX: y\r\n\r\n" + HEAD + b"\r\n"
    )
    assert (request.body_bytes, body, after.method) == (None, b"hello, \r\n world", "GET")


@pytest.mark.parametrize(
    ("target", "path", "raw_path", "query", "host"),
    [
        (b"/", "/", b"/", b"", b"a"),
        (b"/?", "/", b"/", b"", b"a"),
        (b"/a?b?c", "/a", b"/a", b"b?c", b"a"),
        (b"//b/../c", "//b/../c", b"//b/../c", b"", b"a"),
        (b"/%C3%A9%2f%zz", "/\xe9/%zz", b"/%C3%A9%2f%zz", b"", b"a"),
        (b"/%ff", "/\ufffd", b"/%ff", b"", b"a"),
        (b"http://b:80/c?d", "/c", b"/c", b"d", b"b:80"),
        (b"HTTPS://[::1]", "/", b"/", b"", b"[::1]"),
        (b"http://b?c", "/", b"/", b"c", b"b"),
    ],
)
def test_forms_of_targets(
    target: bytes, path: str, raw_path: bytes, query: bytes, host: bytes
) -> None:
    request, _ = read(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (request.path, request.raw_path, request.query) == (path, raw_path, query)
    assert request.headers == [(b"host", host)]


def test_options_may_ask_about_the_server() -> None:
    request, _ = read(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (request.method, request.path, request.raw_path) == ("OPTIONS", "*", b"*")


@pytest.mark.parametrize(
    ("lines", "keep_alive", "expects", "upgrade"),
    [
        (b"", True, False, b""),
        (b"Connection: close\r\n", False, False, b""),
        (b"Connection: x\r\nConnection: y ,\tCLOSE\r\n", False, False, b""),
        (b"Connection: closed\r\n", True, False, b""),
        (b"Expect: 100-Continue\r\n", True, True, b""),
        (b"Connection: Upgrade\r\nUpgrade: WebSocket\r\n", True, False, b"websocket"),
        (b"Upgrade: websocket\r\n", True, False, b""),
    ],
)
def test_what_is_said_about_the_connection(
    lines: bytes, keep_alive: bool, expects: bool, upgrade: bytes
) -> None:
    request, _ = read(HEAD + lines + b"\r\n")
    assert (request.keep_alive, request.expects_continue) == (keep_alive, expects)
    assert request.upgrade == upgrade


REFUSED = {
    "not HTTP": (b"\x16\x03\x01\x02", 400),
    "no version": (b"GET /\r\n\r\n", 400),
    "two spaces": (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "space after the version": (b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
    "tab in the request line": (b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "two empty lines first": (b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "bare line feeds": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "bare line feed in the headers": (HEAD + b"X: y\nZ: a\r\n\r\n", 400),
    "bare line feed at the end": (HEAD + b"X: y\n\r\n", 400),
    "bare carriage return": (HEAD + b"X: y\rZ: a\r\n\r\n", 400),
    "folded line": (HEAD + b"X: y\r\n z\r\n\r\n", 400),
    "folded first line": (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    "NUL in a value": (HEAD + b"X: y\0z\r\n\r\n", 400),
    "control character in a value": (HEAD + b"X: y\x01z\r\n\r\n", 400),
    "space before the colon": (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    "space in a name": (HEAD + b"X y: z\r\n\r\n", 400),
    "no name": (HEAD + b": z\r\n\r\n", 400),
    "no colon": (HEAD + b"X\r\n\r\n", 400),
    "other bytes in a target": (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "no path": (b"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "fragment": (b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "user in a target": (b"GET http://b@c/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "other scheme": (b"GET ftp://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "odd host in a target": (b"GET http://b|c/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "asterisk without OPTIONS": (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (HEAD + b"Host: a\r\n\r\n", 400),
    "two hosts in HTTP/1.0": (b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "path in the host": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    "user in the host": (b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
    "list of hosts": (b"GET / HTTP/1.1\r\nHost: a, b c\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
    "a length twice": (POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
    "list of lengths": (POST + b"Content-Length: 5, 5\r\n\r\nhello", 400),
    "signed length": (POST + b"Content-Length: +5\r\n\r\nhello", 400),
    "negative length": (POST + b"Content-Length: -5\r\n\r\nhello", 400),
    "hexadecimal length": (POST + b"Content-Length: 0x5\r\n\r\nhello", 400),
    "empty length": (POST + b"Content-Length:\r\n\r\nhello", 400),
    "huge length": (POST + b"Content-Length: 9999999999999999999\r\n\r\n", 400),
    "length and chunks": (CHUNKED[:-2] + b"Content-Length: 5\r\n\r\n0\r\n\r\n", 400),
    "chunks and length": (
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunks and length in a GET": (HEAD + b"Content-Length: 0\r\n" + CHUNKED[25:], 400),
    "chunked twice": (CHUNKED[:-2] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked in HTTP/1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "other encoding": (POST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    "identity": (POST + b"Transfer-Encoding: identity\r\n\r\n", 501),
    "other encoding before": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "other encoding after": (POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n", 400),
    "vertical tab in an encoding": (POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n", 400),
    "space before an encoding's colon": (POST + b"Transfer-Encoding : chunked\r\n\r\n", 400),
    "quoted encoding": (POST + b'Transfer-Encoding: "chunked"\r\n\r\n', 501),
    "other expectation": (POST + b"Expect: 200-ok\r\n\r\n", 417),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    "CONNECT": (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    "unknown method": (b"FETCH / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    "method in lower case": (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    "long target": (b"GET /" + b"a" * MAX_TARGET_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "endless target": (b"GET /" + b"a" * MAX_HEAD_BYTES, 414),
    "many headers": (HEAD + b"X: y\r\n" * MAX_HEADERS + b"\r\n", 431),
    "large headers": (HEAD + b"X: " + b"y" * MAX_HEAD_BYTES + b"\r\n\r\n", 431),
    "endless headers": (HEAD + b"X: " + b"y" * MAX_HEAD_BYTES, 431),
    "no chunk size": (CHUNKED + b"\r\n", 400),
    "chunk size that is none": (CHUNKED + b"g\r\n", 400),
    "signed chunk size": (CHUNKED + b"+1\r\na\r\n", 400),
    "chunk size with 0x": (CHUNKED + b"0x1\r\na\r\n", 400),
    "chunk size with an underscore": (CHUNKED + b"1_0\r\na\r\n", 400),
    "space after a chunk size": (CHUNKED + b"1 \r\na\r\n", 400),
    "space before a chunk size": (CHUNKED + b" 1\r\na\r\n", 400),
    "huge chunk size": (CHUNKED + b"f" * 16 + b"\r\n", 400),
    "bare line feed after a chunk size": (CHUNKED + b"1\na\r\n", 400),
    "line feed in a chunk extension": (CHUNKED + b"1;a\nb\r\na\r\n", 400),
    "carriage return in an extension": (CHUNKED + b"1;a\rb\r\na\r\n", 400),
    "long chunk extension": (CHUNKED + b"1;" + b"a" * MAX_CHUNK_LINE_BYTES, 400),
    "long chunk": (CHUNKED + b"1\r\nab", 400),
    "bare line feed after a chunk": (CHUNKED + b"1\r\na\n0\r\n\r\n", 400),
    "other bytes after a chunk": (CHUNKED + b"1\r\naXX0\r\n\r\n", 400),
    "malformed trailer": (CHUNKED + b"0\r\nX y: z\r\n\r\n", 400),
    "folded trailer": (CHUNKED + b"0\r\nX: y\r\n z\r\n\r\n", 400),
    "bare line feed after trailers": (CHUNKED + b"0\r\nX: y\r\n\n", 400),
    "large trailers": (CHUNKED + b"0\r\n" + b"X: y\r\n" * MAX_TRAILER_BYTES, 431),
    "endless trailer": (CHUNKED + b"0\r\n" + b"X" * (MAX_TRAILER_BYTES + 1), 431),
}


@pytest.mark.parametrize(("data", "status"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_and_how(data: bytes, status: int) -> None:
    assert read(data)[-1] == HTTPStatus(status)


@pytest.mark.parametrize(("data", "status"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_alike_when_it_drips(data: bytes, status: int) -> None:
    assert read(*(data[i : i + 1] for i in range(len(data))))[-1] == HTTPStatus(status)


def test_a_short_head_is_found_after_a_long_one_that_dripped() -> None:
    long = HEAD + b"X: " + b"y" * 1000 + b"\r\n\r\n"
    assert len(read(*(long[i : i + 1] for i in range(len(long))), HEAD + b"\r\n")) == 4


def test_http_1_0_does_not_know_continue() -> None:
    request, _ = read(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n")
    assert not request.expects_continue


def test_what_is_just_small_enough_is_taken() -> None:
    line = b"GET /" + b"a" * (MAX_TARGET_BYTES - 1) + b" HTTP/1.1\r\nHost: a\r\n"
    assert len(read(line + b"X: y\r\n" * (MAX_HEADERS - 1) + b"\r\n")) == 2
    filling = b"y" * (MAX_HEAD_BYTES - len(HEAD) - len(b"X: \r\n\r\n"))
    assert len(read(HEAD + b"X: " + filling + b"\r\n\r\n")) == 2
    extension = b"a" * (MAX_CHUNK_LINE_BYTES - len(b"1;\r\n"))
    assert read(CHUNKED + b"1;" + extension + b"\r\nx\r\n0\r\n\r\n")[-1] == b"x"


def test_an_empty_line_before_a_request_is_passed_over() -> None:
    assert [read(b"\r\n" + HEAD + b"\r\n")[0].method] == ["GET"]


@given(st.binary(max_size=300))
def test_any_bytes_are_requests_or_refused(data: bytes) -> None:
    read(data)


@given(st.data(), requests() | messages())
def test_k24_it_does_not_matter_how_bytes_are_cut(data: st.DataObject, sent: bytes) -> None:
    assert read(*splits(data, sent)) == read(sent)


@given(st.data(), st.lists(requests(), min_size=1, max_size=4))
def test_valid_requests_in_a_row_are_all_read(data: st.DataObject, sent: list[bytes]) -> None:
    assert len(read(*splits(data, b"".join(sent)))) == 2 * len(sent)
