"""The event stream by itself, in virtual time: when parts are sent and what is in them."""

from __future__ import annotations

import math

import trio
from starlette.types import Message
from trio.testing import MockClock

from tests.api.double import FakeNode
from zentalk.api.stream import BURST_SECONDS, PAGE, EventStream


class Reader:
    """The other end of a stream: notes the events of each part and when it came."""

    def __init__(self) -> None:
        self.parts: list[tuple[float, int]] = []

    async def receive(self) -> Message:
        await trio.sleep_forever()
        raise AssertionError

    async def send(self, message: Message) -> None:
        await trio.lowlevel.checkpoint()
        count = message.get("body", b"").count(b"\ndata: ")
        if count:
            self.parts.append((trio.current_time(), count))


def emit(node: FakeNode, count: int) -> None:
    for _ in range(count):
        node.emit("message.state", {"id": "a", "state": "sent"})


async def test_the_first_event_goes_at_once_and_a_burst_travels_together(
    node: FakeNode, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    reader = Reader()
    stream = EventStream(node, 0, node.stopping)
    nursery.start_soon(stream, {}, reader.receive, reader.send)
    await trio.sleep(1)
    start = trio.current_time()
    emit(node, 1)
    for _ in range(10):
        await trio.sleep(BURST_SECONDS / 20)
        emit(node, 1)
    await trio.sleep(1)
    assert [count for _, count in reader.parts] == [1, 10]
    assert reader.parts[0][0] == start
    assert math.isclose(reader.parts[1][0], start + BURST_SECONDS)
    nursery.cancel_scope.cancel()


async def test_what_has_waited_in_the_log_is_not_slowed_down(
    node: FakeNode, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    emit(node, 3 * PAGE + 1)
    reader = Reader()
    start = trio.current_time()
    nursery.start_soon(EventStream(node, 0, node.stopping), {}, reader.receive, reader.send)
    await trio.sleep(1)
    assert reader.parts == [(start, PAGE)] * 3 + [(start, 1)]
    nursery.cancel_scope.cancel()
