"""Conversations on a real socket, byte for byte, in virtual time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from tests.web.echo import BIG_BYTES, Echo
from tests.web.served import Served, served, until, until_end
from zentalk.web.connection import HEAD_SECONDS
from zentalk.web.exchange import BODY_BYTES_PER_SECOND, MAX_UNREAD_BYTES
from zentalk.web.peer import LINGER_LONGEST_SECONDS
from zentalk.web.problems import PROBLEM_TYPE

CLOSE = b"Host: a\r\nConnection: close\r\n\r\n"
KEEP = b"Host: a\r\n\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: a\r\n"


@pytest.fixture
def app() -> Echo:
    return Echo()


@pytest.fixture
async def server(app: Echo, mock_clock: MockClock) -> AsyncIterator[Served]:
    mock_clock.autojump_threshold = 0.05
    async with served(app) as server:
        yield server


def get(path: bytes, rest: bytes = CLOSE, method: bytes = b"GET") -> bytes:
    return method + b" " + path + b" HTTP/1.1\r\n" + rest


def shown(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def statuses(answers: bytes) -> list[int]:
    return [int(part[:3]) for part in answers.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit()]


async def test_requests_on_one_connection_are_answered_in_order(server: Served) -> None:
    asked = [get(b"/echo?%d" % number, KEEP) for number in range(200)]
    answers = await server.say(b"".join(asked), get(b"/echo?last"))
    found = [json.loads(part[: part.index(b"}") + 1]) for part in answers.split(b"\r\n\r\n")[1:]]
    assert [item["query"] for item in found] == [*map(str, range(200)), "last"]
    assert answers.count(b"connection: close") == 1


async def test_who_asks_ahead_without_reading_is_not_read(
    server: Served, mock_clock: MockClock
) -> None:
    """Answers that nobody takes stop the server from reading more requests."""
    async with await server.dial() as stream:
        with trio.move_on_after(20) as patience:
            while True:
                await stream.send_all(get(b"/big", KEEP) * 1000)
        assert patience.cancelled_caught


async def test_the_body_comes_through_in_every_framing(server: Served) -> None:
    assert shown(await server.say(POST + b"Content-Length: 5\r\n" + CLOSE[9:] + b"hello"))["sum"]
    body = b"5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nX: y\r\n\r\n"
    chunked = POST + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + body
    found = shown(await server.say(*(chunked[i : i + 1] for i in range(len(chunked)))))
    assert (found["body_bytes"], found["sum"]) == (6, sum(b"hello!"))
    found = shown(await server.say(b"GET /echo HTTP/1.0\r\n\r\n"))
    assert (found["version"], found["headers"]) == ("1.0", [])


async def test_continue_is_said_when_the_body_is_wanted(server: Served) -> None:
    async with await server.dial() as stream:
        await stream.send_all(POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert await until(stream, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await stream.send_all(b"hello" + get(b"/echo"))
        assert statuses(await until_end(stream)) == [200, 200]


async def test_continue_is_not_said_where_it_is_not_needed(server: Served) -> None:
    head = b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    answer = await server.say(get(b"/unread", b"Host: a\r\n" + head))
    assert (statuses(answer), b"connection: close" in answer) == ([200], True)
    assert statuses(await server.say(POST + head + b"hello" + get(b"/echo"))) == [200, 200]
    old = b"POST /echo HTTP/1.0\r\n" + head
    async with await server.dial() as stream:
        await stream.send_all(old)
        await trio.sleep(1)
        await stream.send_all(b"hello")
        assert statuses(await until_end(stream)) == [200]


async def test_head_has_a_length_and_no_body(server: Served) -> None:
    answers = await server.say(get(b"/big", KEEP, b"HEAD") + get(b"/unread"))
    assert b"content-length: %d\r\n" % BIG_BYTES in answers
    assert statuses(answers) == [200, 200]
    assert answers.endswith(b"\r\n\r\nunread")


async def test_options_may_ask_about_the_server(server: Served) -> None:
    found = shown(await server.say(get(b"*", method=b"OPTIONS")))
    assert (found["method"], found["path"]) == ("OPTIONS", "*")


async def test_answers_without_a_body_leave_the_connection_in_step(server: Served) -> None:
    answers = await server.say(get(b"/empty", KEEP) + get(b"/same", KEEP) + get(b"/unread"))
    assert statuses(answers) == [204, 304, 200]
    assert b"not to be seen" not in answers


async def test_parts_are_chunks_or_end_with_the_connection(server: Served) -> None:
    chunks = b"4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n"
    assert chunks in await server.say(get(b"/parts", KEEP) + get(b"/unread"))
    assert (await server.say(b"GET /parts HTTP/1.0\r\n\r\n")).endswith(b"\r\n\r\none two three")


async def test_a_peer_that_sends_no_more_still_gets_its_answers(server: Served) -> None:
    asked = get(b"/echo", KEEP) + get(b"/parts", KEEP) + get(b"/big", KEEP)
    assert statuses(await server.say(asked, half_close=True)) == [200, 200, 200]


async def test_an_early_answer_and_what_was_not_read(server: Served) -> None:
    def post(size: int, sent: int) -> bytes:
        return b"POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + bytes(
            sent
        )

    # A small rest is passed over, and the connection goes on; of a large one it is closed.
    assert statuses(await server.say(post(1000, 1000) + get(b"/echo"))) == [200, 200]
    async with await server.dial() as stream:
        await stream.send_all(post(MAX_UNREAD_BYTES, 0))
        await until(stream, b"unread")
        await stream.send_all(bytes(MAX_UNREAD_BYTES) + get(b"/unread"))
        assert statuses(await until_end(stream)) == [200]
    answer = await server.say(post(10**9, 10_000))
    assert (statuses(answer), b"connection: close" in answer) == ([200], True)


async def test_an_early_answer_is_not_lost_while_the_peer_still_sends(server: Served) -> None:
    head = b"POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 600000\r\n\r\n"
    assert statuses(await server.say(head, bytes(600_000))) == [200]
    assert statuses(await server.say(b"\x16", bytes(600_000))) == [400]


async def test_a_body_may_be_answered_while_it_comes(server: Served) -> None:
    async with await server.dial() as stream:
        await stream.send_all(b"POST /both HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
        await until(stream, b"3\r\nabc\r\n")
        await stream.send_all(b"def" + get(b"/unread"))
        assert (await until_end(stream)).startswith(b"3\r\ndef\r\n0\r\n\r\nHTTP/1.1 200")


async def test_who_is_slow_in_asking_is_told_so(server: Served, mock_clock: MockClock) -> None:
    cases = [
        (get(b"/echo")[:-2], 408),
        (b"G", 408),
        (POST + b"Content-Length: 5\r\n\r\nab", 408),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", 408),
    ]
    for data, status in cases:
        start = trio.current_time()
        assert statuses(await server.say(data)) == [status]
        assert 30 <= trio.current_time() - start < 33
    assert await server.say(b"") == b""


@pytest.mark.parametrize(("pause_seconds", "status"), [(0.5, 200), (3.0, 408)])
async def test_a_long_body_has_the_time_that_its_size_takes(
    server: Served, mock_clock: MockClock, pause_seconds: float, status: int
) -> None:
    piece = bytes(BODY_BYTES_PER_SECOND)
    async with await server.dial() as stream:
        await stream.send_all(POST + b"Content-Length: %d\r\n\r\n" % (100 * len(piece)))
        with suppress(trio.BrokenResourceError):
            for _ in range(100):
                await stream.send_all(piece)
                await trio.sleep(pause_seconds)
        assert statuses(await until_end(stream)) == [status]


async def test_a_head_that_drips_is_given_up_like_one_that_stops(
    server: Served, mock_clock: MockClock
) -> None:
    async with await server.dial() as stream:
        with suppress(trio.BrokenResourceError):
            for byte in b"GET /" + b"a" * 1000:
                await stream.send_all(bytes([byte]))
                await trio.sleep(1)
        assert trio.current_time() < HEAD_SECONDS + LINGER_LONGEST_SECONDS + 3


async def test_who_sends_on_after_the_last_answer_is_not_listened_to_for_ever(
    server: Served, mock_clock: MockClock
) -> None:
    async with await server.dial() as stream:
        await stream.send_all(b"\x16")
        with pytest.raises(trio.BrokenResourceError):
            await send_much(stream)
    async with await server.dial() as stream:
        await stream.send_all(b"\x16")
        start = trio.current_time()
        await until_end(stream)
        assert trio.current_time() - start < 1


async def test_who_drips_after_the_last_answer_is_given_up(
    server: Served, mock_clock: MockClock
) -> None:
    async with await server.dial() as stream:
        start = trio.current_time()
        await stream.send_all(b"\x16")
        with suppress(trio.BrokenResourceError):
            for _ in range(100):
                await stream.send_all(b"x")
                await trio.sleep(1)
        assert LINGER_LONGEST_SECONDS <= trio.current_time() - start < 2 * LINGER_LONGEST_SECONDS


async def send_much(stream: trio.SocketStream) -> None:
    for _ in range(1_000):
        await stream.send_all(bytes(100_000))


@pytest.mark.parametrize("path", [b"echo", b"stubborn"])
async def test_a_body_that_is_cut_short_is_refused_whatever_the_application_says(
    server: Served, path: bytes
) -> None:
    for framing in (b"Content-Length: 5\r\n\r\nab", b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"):
        cut = POST.replace(b"echo", path) + framing
        assert statuses(await server.say(cut, half_close=True)) == [400]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (get(b"/" + b"a" * 9000), 414),
        (get(b"/", b"X: " + b"a" * 40_000), 431),
        (get(b"/", b"Expect: x\r\n" + CLOSE), 417),
        (POST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
        (b"CONNECT a:1 HTTP/1.1\r\n" + CLOSE, 501),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nx\r\n", 400),
        (get(b"/none"), 500),
        (POST.replace(b"echo", b"stubborn") + b"Transfer-Encoding: chunked\r\n\r\nx\r\n", 400),
        (get(b"/inject"), None),
    ],
)
async def test_refusals_are_problem_documents_and_end_the_connection(
    server: Served, data: bytes, status: int | None
) -> None:
    answer = await server.say(data + get(b"/echo", KEEP))
    if status is None:
        assert b"set-cookie" not in answer
        return
    head, _, body = answer.partition(b"\r\n\r\n")
    assert statuses(answer) == [status]
    assert b"content-type: " + PROBLEM_TYPE.encode() in head
    assert b"connection: close" in head
    assert json.loads(body)["status"] == status


async def test_a_refusal_of_head_has_no_body(server: Served) -> None:
    answer = await server.say(get(b"/none", KEEP, b"HEAD"))
    assert statuses(answer) == [500]
    assert answer.endswith(b"\r\n\r\n")


async def test_an_answer_that_breaks_off_is_seen_to(server: Served) -> None:
    answer = await server.say(get(b"/cut", KEEP))
    assert answer.endswith(b"\r\n\r\n4\r\nhalf\r\n")


async def test_a_bug_of_the_application_ends_its_connection_only(
    server: Served, capfd: pytest.CaptureFixture[str]
) -> None:
    with capture_logs() as logs:
        assert await server.say(get(b"/crash")) == b""
        assert statuses(await server.say(get(b"/echo"))) == [200]
    assert "KeyError" in str(logs)
    out, err = capfd.readouterr()
    assert "CANARY" not in str(logs) + out + err


async def test_a_stream_is_not_held_back_and_ends_when_its_reader_leaves(
    server: Served, app: Echo
) -> None:
    async with await server.dial() as stream:
        await stream.send_all(get(b"/stream", KEEP))
        assert (await until(stream, b"data: 1\n\n\r\n")).count(b"data: ") == 1
        await until(stream, b"data: 3\n\n\r\n")
        assert not app.left.is_set()
    with trio.fail_after(10):
        await app.left.wait()


async def test_a_reader_that_asks_ahead_in_a_stream_is_kept_waiting(
    server: Served, app: Echo
) -> None:
    async with await server.dial() as stream:
        await stream.send_all(get(b"/stream", KEEP) + get(b"/echo", KEEP) * 10)
        await until(stream, b"data: 3\n\n\r\n")
        assert not app.left.is_set()


async def test_how_far_it_may_ask_ahead_in_a_stream_is_bounded(
    server: Served, app: Echo, mock_clock: MockClock
) -> None:
    async with await server.dial() as stream:
        await stream.send_all(get(b"/stream", KEEP))
        with trio.move_on_after(2) as patience:  # which pass while nothing moves
            await send_much(stream)
        assert patience.cancelled_caught


async def test_a_stop_lets_an_answer_finish_and_says_that_it_is_the_last(
    server: Served, mock_clock: MockClock
) -> None:
    async with await server.dial() as stream:
        await stream.send_all(POST + b"Content-Length: 5\r\n\r\nhe")
        await trio.sleep(1)
        server.stopping.set()
        await trio.sleep(1)
        await stream.send_all(b"llo" + get(b"/echo", KEEP))
        answer = await until_end(stream)
        assert (statuses(answer), b"connection: close" in answer) == ([200], True)
    await server.ended.wait()


async def test_a_stop_cuts_what_takes_too_long(server: Served, mock_clock: MockClock) -> None:
    async with await server.dial() as stream:
        await stream.send_all(get(b"/stream", KEEP))
        await until(stream, b"data: 1\n\n\r\n")
        start = trio.current_time()
        server.stopping.set()
        await server.ended.wait()
        assert 1.9 < trio.current_time() - start < 3
