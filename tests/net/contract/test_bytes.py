"""Bytes over every transport: whole, in order, both ways, and no faster than they are read."""

from __future__ import annotations

from random import Random

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.net.contract.ways import Kind, Way
from zentalk.net.transport import ByteStream

ODD_SIZES = (1, 7, 255, 256, 1_199, 1_200, 1_201, 16_383, 16_384, 65_537)
MOST_UNREAD = 64_000_000
"""More than any transport holds for a reader that does not read."""


async def read_exactly(stream: ByteStream, size: int, most: int = 65_536) -> bytes:
    data = bytearray()
    while len(data) < size and (more := await stream.receive_some(min(most, size - len(data)))):
        data += more
    return bytes(data)


async def test_much_passes_both_ways_at_once_whole_and_in_order(
    way: Way, kind: Kind, clock: MockClock | None
) -> None:
    near, far = await way.pair()
    random = Random(1)
    body, back = random.randbytes(kind.much_bytes), random.randbytes(kind.much_bytes // 2)
    read: dict[ByteStream, bytes] = {}

    async def send(stream: ByteStream, data: bytes) -> None:
        turn, start = 0, 0
        while start < len(data):
            size = ODD_SIZES[turn % len(ODD_SIZES)]
            await stream.send_all(data[start : start + size])
            turn, start = turn + 1, start + size

    async def read_all(stream: ByteStream, size: int) -> None:
        read[stream] = await read_exactly(stream, size)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send, near, body)
        nursery.start_soon(send, far, back)
        nursery.start_soon(read_all, far, len(body))
        nursery.start_soon(read_all, near, len(back))
    assert read == {far: body, near: back}


async def test_either_side_may_speak_first(way: Way, clock: MockClock | None) -> None:
    near, far = await way.pair()
    await far.send_all(b"welcome")
    assert await read_exactly(near, 7) == b"welcome"
    await near.send_all(b"thanks")
    assert await read_exactly(far, 6) == b"thanks"


async def test_many_small_writes_and_small_reads(
    way: Way, kind: Kind, clock: MockClock | None
) -> None:
    near, far = await way.pair()
    pieces = [bytes([number % 256]) * (number % 4) for number in range(kind.small_writes)]

    async def send() -> None:
        for piece in pieces:
            await near.send_all(piece)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        expected = b"".join(pieces)
        assert await read_exactly(far, len(expected), most=11) == expected


async def test_a_sender_waits_while_nobody_reads_and_goes_on_when_somebody_does(
    way: Way, clock: MockClock | None
) -> None:
    near, far = await way.pair()
    piece = bytes(range(256)) * 256
    sent = 0

    async def send() -> None:
        nonlocal sent
        while sent < MOST_UNREAD:
            await near.send_all(piece)
            sent += len(piece)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        await way.settle()
        waited_at = sent
        assert waited_at < MOST_UNREAD, "nothing held it back"
        # Some transports let it go on only when much of what they hold was read.
        for _ in range(100):
            await far.receive_some(waited_at)
            await way.settle()
            if sent > waited_at:
                break
        assert waited_at < sent < MOST_UNREAD
        nursery.cancel_scope.cancel()


async def test_what_waits_in_one_direction_does_not_hold_up_the_other(
    way: Way, clock: MockClock | None
) -> None:
    near, far = await way.pair()

    async def flood() -> None:
        while True:
            await near.send_all(bytes(65_536))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(flood)
        await way.settle()
        for number in range(20):
            await far.send_all(b"%02d" % number)
            assert await read_exactly(near, 2) == b"%02d" % number
        nursery.cancel_scope.cancel()


async def test_a_cancelled_read_loses_nothing(way: Way, clock: MockClock | None) -> None:
    near, far = await way.pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(far.receive_some, 10)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    await near.send_all(b"all of it")
    assert await read_exactly(far, 9) == b"all of it"
