"""h11 as the judge: what this server takes for a request, a strict one takes for the same.

Two programs that disagree on where a request ends are how one is smuggled past the other.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import h11
import pytest
from hypothesis import given

from tests.web.http1.parts import messages, requests
from zentalk.web.http1.errors import RequestError
from zentalk.web.http1.reader import RequestReader

CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
Seen = tuple[str, bytes, list[tuple[bytes, bytes]], bytes, int]


def ours(data: bytes) -> Seen | None:
    """Return the first request with its body, and how many bytes are left; None if refused."""
    reader = RequestReader()
    reader.feed(data)
    try:
        request = reader.next_request()
        if request is None:
            return None
        body = reader.take_body()
    except RequestError:
        return None
    if reader.body_left != 0:
        return None
    target = request.raw_path + (b"?" + request.query if request.query else b"")
    headers = [
        # h11 shows this value, which has no case, in small letters.
        (name, value.lower() if name == b"transfer-encoding" else value)
        for name, value in request.headers
        if name != b"host"
    ]
    return request.method, target, headers, body, reader.buffered


def theirs(data: bytes) -> Seen | None:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(data.removeprefix(b"\r\n"))
    body = b""
    try:
        request = connection.next_event()
        if not isinstance(request, h11.Request):
            return None
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                return None
            body += event.data
    except h11.RemoteProtocolError:
        return None
    place = urlsplit(request.target.decode())
    if place.scheme:
        target = (place.path or "/") + (f"?{place.query}" if place.query else "")
    else:
        target = request.target.decode().removesuffix("?")
    headers = [header for header in request.headers if header[0] != b"host"]
    rest = len(connection.trailing_data[0])
    return request.method.decode(), target.encode(), list(headers), body, rest


@given(messages())
def test_k24_whatever_is_taken_h11_takes_alike(data: bytes) -> None:
    taken = ours(data)
    if taken is not None:
        assert theirs(data) == taken


@given(requests())
def test_valid_requests_are_taken_by_both(data: bytes) -> None:
    assert ours(data) == theirs(data) != None  # noqa: E711 - both comparisons are meant


@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello",
        CHUNKED.replace(b"Transfer", b"Content-Length: 9\r\nTransfer") + b"5\r\nhello\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\nHost: a\nContent-Length: 5\n\nhello",
        b"POST / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\nContent-Length: 5\r\n\r\nhello",
        CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n",
    ],
)
def test_where_h11_is_lenient_about_the_end_of_a_request_this_server_is_not(data: bytes) -> None:
    assert theirs(data) is not None
    assert ours(data) is None
