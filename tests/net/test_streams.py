"""Streams over a connection: waiting for credit, refusals, deadlines, and whom a stall hurts."""

import pytest
import trio
from trio.testing import MockClock

from tests.net.support import SMALL, Relay, World
from zentalk.errors import DeadlineError, LinkClosedError, RefusedError
from zentalk.link.streams import WINDOW_BYTES
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.streams import LinkStream
from zentalk.wire.frames import Open


async def echoing(stream: LinkStream) -> None:
    while data := await stream.receive_some(10_000):
        await stream.send_all(data)


@pytest.fixture
def behave(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What relays do with a stream: `what` is `echo`, `ignore`, or an exception."""
    plan: dict[str, object] = {"what": "echo"}

    async def stream_opened(
        _self: Relay, _connection: Connection, _asked: Open, stream: LinkStream
    ) -> None:
        what = plan["what"]
        if isinstance(what, Exception):
            raise what
        if what == "echo":
            await echoing(stream)
        elif what == "ignore":
            stream.accept()
            await trio.sleep_forever()
        elif what == "hang":
            await trio.sleep_forever()
        elif what == "once":
            await stream.send_all(b"once")

    monkeypatch.setattr(Relay, "stream_opened", stream_opened)
    return plan


async def test_bytes_go_there_and_back(
    autojump_clock: MockClock, world: World, behave: dict[str, object]
) -> None:
    (relay,) = await world.add(1)
    client = await world.client(relay)
    stream = await client.open_stream(None, 0)
    assert client.open_streams == relay.accepted[0].open_streams == 1
    sent = bytes(range(256)) * 2_000
    received = bytearray()

    async def send() -> None:
        await stream.send_all(sent)

    world.nursery.start_soon(send)
    while len(received) < len(sent):
        received += await stream.receive_some(7_777)
    assert received == sent
    await stream.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"x")
    assert await stream.receive_some(1) == b""
    await trio.sleep(1)
    assert client.open_streams == relay.accepted[0].open_streams == 0
    assert client._streams == relay.accepted[0]._streams == {}


async def test_the_end_comes_after_the_last_byte(
    autojump_clock: MockClock, world: World, behave: dict[str, object]
) -> None:
    behave["what"] = "once"
    (relay,) = await world.add(1)
    client = await world.client(relay)
    stream = await client.open_stream(None, 0)
    await trio.sleep(5)
    assert await stream.receive_some(100) == b"once"
    assert await stream.receive_some(100) == b""
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"x")


@pytest.mark.parametrize("reason", ["unknown", "busy"])
async def test_a_refusal_has_its_reason(
    autojump_clock: MockClock, world: World, behave: dict[str, object], reason: str
) -> None:
    behave["what"] = RefusedError(reason)
    (relay,) = await world.add(1)
    client = await world.client(relay)
    with pytest.raises(RefusedError) as caught:
        await client.open_stream(None, 0)
    assert caught.value.reason == reason
    assert client.open_streams == 0


async def test_a_handler_that_breaks_refuses_and_the_link_lives(
    autojump_clock: MockClock, world: World, behave: dict[str, object]
) -> None:
    behave["what"] = LinkClosedError("the next relay is gone")
    (relay,) = await world.add(1)
    client = await world.client(relay)
    with pytest.raises(RefusedError) as caught:
        await client.open_stream(None, 0)
    assert caught.value.reason == "broken"
    assert await client.request(b"alive") == b"relay-0: alive"


async def test_an_open_that_is_not_answered_ends_after_ten_seconds(
    autojump_clock: MockClock, world: World, behave: dict[str, object]
) -> None:
    behave["what"] = "hang"
    (relay,) = await world.add(1)
    client = await world.client(relay)
    before = trio.current_time()
    with pytest.raises(DeadlineError):
        await client.open_stream(None, 0)
    assert trio.current_time() == before + 10
    assert client._streams == {}


async def test_a_link_that_ends_ends_its_streams(
    autojump_clock: MockClock, world: World, behave: dict[str, object]
) -> None:
    behave["what"] = "ignore"
    (relay,) = await world.add(1)
    client = await world.client(relay)
    stream = await client.open_stream(None, 0)
    failed: list[type[BaseException]] = []

    async def expect_broken(use: str) -> None:
        try:
            if use == "send":
                await stream.send_all(bytes(2 * WINDOW_BYTES))
            elif use == "receive":
                await stream.receive_some(1)
            else:
                await client.open_stream(None, 0)
                behave["what"] = "hang"
                await client.open_stream(None, 0)
        except (trio.BrokenResourceError, LinkClosedError) as error:
            failed.append(type(error))

    async with trio.open_nursery() as nursery:
        for use in ("send", "receive", "open"):
            nursery.start_soon(expect_broken, use)
        await trio.sleep(1)
        world.memory.kill("relay-0")
    assert sorted(error.__name__ for error in failed) == [
        "BrokenResourceError",
        "BrokenResourceError",
        "LinkClosedError",
    ]


async def test_streams_of_a_client_are_capped(
    autojump_clock: MockClock, world: World, behave: dict[str, object]
) -> None:
    (relay,) = await world.add(1)
    client = await world.client(relay)
    streams = [await client.open_stream(None, 0) for _ in range(8)]  # as docs/spec/link.md says
    with pytest.raises(RefusedError) as caught:
        await client.open_stream(None, 0)
    assert caught.value.reason == "busy"
    await streams[0].aclose()
    await trio.sleep(1)
    await client.open_stream(None, 0)


async def test_k41_a_stream_that_is_never_read_stalls_only_itself(
    autojump_clock: MockClock, world: World, behave: dict[str, object]
) -> None:
    """Its sender waits; packets, calls and another stream of the same link go through."""
    behave["what"] = "ignore"
    (relay,) = await world.add(1)
    client = await world.client(relay)
    stuck = await client.open_stream(None, 0)
    behave["what"] = "echo"
    other = await client.open_stream(None, 0)
    with trio.move_on_after(60) as scope:
        await stuck.send_all(bytes(10 * WINDOW_BYTES))
    assert scope.cancelled_caught
    await other.send_all(b"through")
    assert await other.receive_some(100) == b"through"
    assert client.send_packet(SMALL)
    assert await client.request(b"too") == b"relay-0: too"
    assert relay.packets == [SMALL]


async def test_a_client_refuses_streams(autojump_clock: MockClock, world: World) -> None:
    first, second = await world.add(2)
    link = await world.client(first, hello=second.credentials(), handlers=NoHandlers())
    (served,) = first.accepted
    with pytest.raises(RefusedError) as caught:
        await served.open_stream(None, 0)
    assert caught.value.reason == "unknown"
    assert link.open_streams == 0
