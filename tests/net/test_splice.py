"""Splicing: both ways until one ends, whole cells, and never more held than one read."""

from typing import cast

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from zentalk.errors import LinkClosedError
from zentalk.net.splice import splice
from zentalk.net.transport import READ_BYTES, ByteStream


async def test_bytes_pass_both_ways_until_one_side_ends(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    left, a = memory_stream_pair()
    b, right = memory_stream_pair()
    done = trio.Event()

    async def run() -> None:
        await splice(cast("ByteStream", a), cast("ByteStream", b))
        done.set()

    nursery.start_soon(run)
    await left.send_all(b"there")
    assert await right.receive_some(100) == b"there"
    await right.send_all(b"back")
    assert await left.receive_some(100) == b"back"
    await left.aclose()
    await done.wait()
    assert await right.receive_some(100) == b""


class Blocked:
    """Gives bytes for ever, takes none: counts how often it was read."""

    def __init__(self) -> None:
        self.reads = 0

    async def receive_some(self, max_bytes: int, /) -> bytes:
        await trio.lowlevel.checkpoint()
        self.reads += 1
        assert max_bytes == READ_BYTES
        return bytes(max_bytes)

    async def send_all(self, data: bytes, /) -> None:
        await trio.sleep_forever()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def test_a_side_is_read_only_after_the_other_took_what_was_read(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    a, b = Blocked(), Blocked()
    nursery.start_soon(splice, a, b)
    await wait_all_tasks_blocked()
    assert (a.reads, b.reads) == (1, 1)
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "fault", [trio.BrokenResourceError(), OSError("reset"), LinkClosedError("gone")], ids=repr
)
async def test_a_side_that_breaks_ends_it_quietly(
    autojump_clock: MockClock, fault: Exception
) -> None:
    class Broken(Blocked):
        async def receive_some(self, max_bytes: int, /) -> bytes:
            raise fault

    await splice(Broken(), Blocked())
