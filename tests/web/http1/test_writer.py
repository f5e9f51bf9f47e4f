"""Transcripts of answers: what an application gives, what goes over the wire."""

from __future__ import annotations

from typing import Any

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.web.http1.errors import AnswerError
from zentalk.web.http1.writer import AnswerWriter

DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"


def written(
    *parts: bytes,
    method: str = "GET",
    version: str = "1.1",
    status: int = 200,
    headers: Any = (),
) -> tuple[bytes, bytes, bool]:
    """Return head and body of an answer given in parts, and whether the connection closes."""
    answer = AnswerWriter(method, version)
    answer.start(status, headers)
    last = len(parts) - 1
    data = b"".join(answer.body(part, i < last, DATE) for i, part in enumerate(parts))
    assert answer.complete
    head, _, body = data.partition(b"\r\n\r\n")
    return head.replace(b"\r\ndate: " + DATE, b""), body, answer.closes


def test_a_small_answer_is_one_piece_that_says_its_length() -> None:
    head, body, closes = written(b"hello", headers=[(b"content-type", b"text/plain")])
    assert head == b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5"
    assert (body, closes) == (b"hello", False)


def test_an_answer_has_one_date_and_no_name_of_the_server() -> None:
    answer = AnswerWriter("GET", "1.1")
    answer.start(200, [(b"date", b"yesterday")])
    data = answer.body(b"", False, DATE)
    assert data.count(b"date: ") == data.count(b"date: " + DATE) == 1
    assert b"server" not in data


def test_parts_of_unknown_length_are_chunks_or_end_with_the_connection() -> None:
    head, body, closes = written(b"one", b"", b"two", b"")
    assert head == b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked"
    assert (body, closes) == (b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n", False)
    head, body, closes = written(b"one", b"", b"two", version="1.0")
    assert head == b"HTTP/1.1 200 OK\r\nconnection: close"
    assert (body, closes) == (b"onetwo", True)


def test_nothing_is_written_before_the_body_begins_and_each_part_at_once() -> None:
    answer = AnswerWriter("GET", "1.1")
    answer.start(200, [])
    assert (answer.started, answer.written) == (True, False)
    assert answer.body(b"a", True, DATE).endswith(b"\r\n\r\n1\r\na\r\n")
    assert answer.body(b"bc", True, DATE) == b"2\r\nbc\r\n"
    assert answer.body(b"", True, DATE) == b""
    assert answer.body(b"", False, DATE) == b"0\r\n\r\n"


@pytest.mark.parametrize("parts", [(b"hello",), (b"he", b"llo"), (b"",)])
def test_head_has_the_length_and_no_body(parts: tuple[bytes, ...]) -> None:
    for headers in ([(b"content-length", b"5")], []):
        head, body, _ = written(*parts, method="HEAD", headers=headers)
        assert body == b""
        if headers:
            assert head.endswith(b"content-length: 5")


def test_no_content_and_not_modified_have_no_body() -> None:
    for headers in ([], [(b"content-length", b"5")]):
        assert written(b"hello", status=204, headers=headers)[:2] == (
            b"HTTP/1.1 204 No Content",
            b"",
        )
    head, body, _ = written(b"", status=304, headers=[(b"content-length", b"5")])
    assert (head, body) == (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5", b"")
    assert written(b"hello", status=304)[1] == b""


def test_the_connection_is_the_servers_but_for_its_end() -> None:
    head, _, closes = written(b"", headers=[(b"connection", b"keep-alive, x")])
    assert (b"connection" in head, closes) == (False, False)
    head, _, closes = written(b"", headers=[(b"Connection", b"Close")])
    assert (head.count(b"connection: close"), closes) == (1, True)


def test_a_status_without_a_name_is_written() -> None:
    assert written(b"", status=599)[0].startswith(b"HTTP/1.1 599 \r\n")


@pytest.mark.parametrize(
    "header",
    [
        (b"x", b"a\r\nset-cookie: b"),
        (b"x", b"a\nb"),
        (b"x", b"a\rb"),
        (b"x", b"a\0b"),
        (b"x\r\ny", b"z"),
        (b"x\r\ny: z\r\nv", b"w"),
        (b"x: y\r\nz", b"w"),
        (b"x y", b"z"),
        (b"x:", b"z"),
        (b"", b"z"),
        (b"transfer-encoding", b"chunked"),
        (b"Content-Length", b"5, 5"),
        (b"content-length", b"-5"),
    ],
)
def test_a_header_cannot_bring_another(header: tuple[bytes, bytes]) -> None:
    answer = AnswerWriter("GET", "1.1")
    with pytest.raises(AnswerError):
        answer.start(200, [(b"a", b"b"), header, (b"c", b"d")])
    assert not answer.started


@pytest.mark.parametrize("status", [100, 101, 199, 600, 0])
def test_what_is_no_final_status_is_refused(status: int) -> None:
    with pytest.raises(AnswerError):
        AnswerWriter("GET", "1.1").start(status, [])


def test_a_body_is_as_long_as_it_was_said_to_be() -> None:
    for parts in ((b"123456",), (b"1234",), (b"123", b"456"), (b"1234", b"")):
        with pytest.raises(AnswerError):
            written(*parts, headers=[(b"content-length", b"5")])
    with pytest.raises(AnswerError):
        written(b"", headers=[(b"content-length", b"5")] * 2)


def test_an_answer_is_given_once_and_in_order() -> None:
    answer = AnswerWriter("GET", "1.1")
    with pytest.raises(AnswerError):
        answer.body(b"", False, DATE)
    answer.start(200, [])
    with pytest.raises(AnswerError):
        answer.start(200, [])
    answer.body(b"", False, DATE)
    with pytest.raises(AnswerError):
        answer.body(b"", False, DATE)


@given(
    method=st.sampled_from(["GET", "HEAD", "POST"]),
    version=st.sampled_from(["1.0", "1.1"]),
    status=st.sampled_from([200, 204, 304, 404]),
    parts=st.lists(st.binary(max_size=5), min_size=1, max_size=4),
    says_length=st.booleans(),
)
def test_h11_reads_back_what_was_written(
    method: str, version: str, status: int, parts: list[bytes], says_length: bool
) -> None:
    content = b"".join(parts)
    headers = [(b"x", b"y")] + [(b"content-length", b"%d" % len(content))] * says_length
    answer = AnswerWriter(method, version)
    answer.start(status, headers)
    last = len(parts) - 1
    data = b"".join(answer.body(part, i < last, DATE) for i, part in enumerate(parts))
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(data)
    if answer.closes:
        client.receive_data(b"")
    response = client.next_event()
    assert isinstance(response, h11.Response)
    assert response.status_code == status
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert body == (b"" if method == "HEAD" or status in (204, 304) else content)
    assert client.trailing_data[0] == b""
