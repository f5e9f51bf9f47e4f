"""The ends of streams over every transport: closed, broken, cancelled, never made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import trio
from trio.testing import MockClock

from tests.net.contract.test_bytes import read_exactly
from tests.net.contract.ways import Way
from zentalk.errors import ConnectFailedError
from zentalk.net import transport
from zentalk.net.transport import CONNECT_SECONDS, ByteStream

ENDED = (trio.BrokenResourceError, trio.ClosedResourceError)


async def until_it_fails(use: Callable[[], Awaitable[object]]) -> None:
    """What was on its way when the other side closed may still be taken."""
    for _ in range(10_000):
        await use()
    raise AssertionError("it did not fail")


async def test_the_end_is_seen_after_the_last_byte_and_stays(
    way: Way, clock: MockClock | None
) -> None:
    near, far = await way.pair()
    await near.send_all(b"last words")
    await near.aclose()
    assert await read_exactly(far, 10) == b"last words"
    for _ in range(3):
        assert await far.receive_some(100) == b""


async def test_much_that_was_sent_before_closing_still_arrives(
    way: Way, clock: MockClock | None
) -> None:
    near, far = await way.pair()
    body = bytes(range(256)) * 400

    async def send_and_close() -> None:
        await near.send_all(body)
        await near.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_and_close)
        assert await read_exactly(far, len(body) + 1) == body


async def test_who_has_closed_can_use_it_no_more_and_may_close_it_again(
    way: Way, clock: MockClock | None
) -> None:
    near, _ = await way.pair()
    await near.aclose()
    await near.aclose()
    with pytest.raises(ENDED):
        await near.send_all(b"x")


async def test_a_sender_learns_that_the_other_side_has_closed(
    way: Way, clock: MockClock | None
) -> None:
    near, far = await way.pair()

    async def send() -> None:
        await trio.sleep(0.001)
        await near.send_all(bytes(1_000))

    await near.send_all(b"x")
    await read_exactly(far, 1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(way.far.close, far)
        with pytest.raises(ENDED):
            await until_it_fails(send)


async def test_a_sender_that_waits_is_woken_when_the_other_side_closes(
    way: Way, clock: MockClock | None
) -> None:
    near, far = await way.pair()
    ended = trio.Event()

    async def send() -> None:
        with pytest.raises(ENDED):
            await until_it_fails(lambda: near.send_all(bytes(65_536)))
        ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        await way.settle()
        await way.far.close(far)
        await ended.wait()
    await near.aclose()


async def test_a_sender_that_waits_is_woken_when_its_stream_is_closed_here(
    way: Way, clock: MockClock | None
) -> None:
    near, _ = await way.pair()
    ended = trio.Event()

    async def send() -> None:
        with pytest.raises(ENDED):
            await until_it_fails(lambda: near.send_all(bytes(65_536)))
        ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        await way.settle()
        await near.aclose()
        await ended.wait()


async def test_a_reader_that_waits_is_woken_when_its_stream_is_closed_here(
    way: Way, clock: MockClock | None
) -> None:
    near, _ = await way.pair()
    ended = trio.Event()

    async def read() -> None:
        with suppress(*ENDED):
            assert await near.receive_some(1) == b""
        ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await way.settle()
        await near.aclose()
        await ended.wait()


async def test_nobody_listens(
    way: Way, clock: MockClock | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way.dial_nobody is None:
        pytest.skip("whoever carries it finds out")
    if not way.is_virtual:
        monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.1)
    before = trio.current_time()
    with pytest.raises(ConnectFailedError) as caught:
        await way.dial_nobody()
    assert caught.value.target == way.nobody
    assert caught.value.reason
    assert not way.is_virtual or trio.current_time() <= before + CONNECT_SECONDS


async def test_cancellation_leaves_nothing_open(way: Way, clock: MockClock | None) -> None:
    async def until_the_end(stream: ByteStream, _peer_host: str) -> None:
        while await stream.receive_some(1_000):
            pass

    way.far.handler = until_the_end
    with trio.CancelScope() as scope:
        scope.cancel()
        await way.dial()
    for seconds in (0, 0.0001, 0.005):
        with trio.move_on_after(seconds):
            stream = await way.dial()
            await stream.aclose()
    near = await way.dial()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.send_all, bytes(1_000))
        nursery.start_soon(near.receive_some, 1_000)
        await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    await near.aclose()
    for _ in range(100):
        await way.settle()
        if not way.far.running:
            break
    assert not way.far.running
