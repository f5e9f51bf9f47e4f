"""One timer for everything that arrives in a memory network."""

from __future__ import annotations

from functools import partial

import trio
from trio.testing import MockClock

from zentalk.net.arrivals import Arrivals
from zentalk.net.memory import MemoryNetwork
from zentalk.net.transport import ByteStream


async def test_calls_come_at_their_times_and_in_the_order_of_asking(
    autojump_clock: MockClock,
) -> None:
    arrivals, seen = Arrivals(), list[tuple[float, str]]()

    def note(name: str) -> None:
        seen.append((trio.current_time() - start, name))

    start = trio.current_time()
    for at, name in ((5, "late"), (2, "first"), (2, "second"), (1, "early")):
        arrivals.call_at(start + at, partial(note, name))
    await trio.sleep(3)
    arrivals.call_at(start + 4, partial(note, "asked later"))
    await trio.sleep(3)
    assert seen == [
        (1, "early"),
        (2, "first"),
        (2, "second"),
        (4, "asked later"),
        (5, "late"),
    ]


async def test_a_time_that_is_over_is_now(autojump_clock: MockClock) -> None:
    arrivals, seen = Arrivals(), list[float]()
    start = trio.current_time()
    arrivals.call_at(start - 1, lambda: seen.append(trio.current_time()))
    await trio.testing.wait_all_tasks_blocked()
    arrivals.call_at(start, lambda: seen.append(trio.current_time()))
    await trio.testing.wait_all_tasks_blocked()
    assert seen == [start, start]


def test_a_network_outlives_a_run() -> None:
    network = MemoryNetwork(latency_seconds=0.5)

    async def hello() -> bytes:
        async with trio.open_nursery() as nursery:
            listener = await network.host("b").listen("b", 0)

            async def serve(stream: ByteStream, _source: str) -> None:
                await stream.send_all(b"hello")
                await stream.aclose()

            nursery.start_soon(listener.serve, serve)
            stream = await network.host("a").dial("b", listener.port)
            received = await stream.receive_some(100)
            await listener.aclose()
            return received

    for _ in range(2):
        assert trio.run(hello, clock=MockClock(autojump_threshold=0)) == b"hello"


async def test_without_latency_each_chunk_is_told_of(autojump_clock: MockClock) -> None:
    network = MemoryNetwork()
    read: list[bytes] = []

    async def serve(stream: ByteStream, _source: str) -> None:
        while data := await stream.receive_some(100):
            read.append(data)

    async with trio.open_nursery() as nursery:
        listener = await network.host("b").listen("b", 0)
        nursery.start_soon(listener.serve, serve)
        stream = await network.host("a").dial("b", listener.port)
        for number in range(3):
            await stream.send_all(b"%d" % number)
            await trio.testing.wait_all_tasks_blocked()
        assert read == [b"0", b"1", b"2"]
        await listener.aclose()
