"""Checks that do not lean on what the library refuses today."""

from __future__ import annotations

import pytest

from zentalk.web.http1.errors import RequestError
from zentalk.web.http1.head import _Said, parse_head
from zentalk.web.http1.target import split_target

HOST = (b"host", b"a")


@pytest.mark.parametrize("first", [(b"content-length", b"5"), (b"transfer-encoding", b"chunked")])
@pytest.mark.parametrize("second", [(b"content-length", b"5"), (b"transfer-encoding", b"chunked")])
def test_a_length_is_said_once(first: tuple[bytes, bytes], second: tuple[bytes, bytes]) -> None:
    _Said([HOST, first], "1.1")
    with pytest.raises(RequestError):
        _Said([HOST, first, second], "1.1")


def test_a_head_has_an_end() -> None:
    with pytest.raises(RequestError):
        parse_head(b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n")


def test_a_host_in_a_target_is_one() -> None:
    assert split_target("GET", b"http://b/c").authority == b"b"
    with pytest.raises(RequestError):
        split_target("GET", b"http://b|c/")
