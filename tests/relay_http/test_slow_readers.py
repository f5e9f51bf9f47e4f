"""K18 at a relay's door for links: who asks and does not read holds one queue, and no more."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.relay.harness import Running, snapshot, world
from tests.relay_http.harness import open_door
from tests.relay_http.websockets import AsgiStream, link_by_websocket, link_over
from zentalk.errors import REQUEST_FAULTS
from zentalk.net.connection import Connection
from zentalk.wire.rpc_mailbox import encode_price_request

CLIENTS = 3
CALLS_BYTES = 4 * 2**20
"""What a relay queues of answers for one link; spec/link.md section 7."""


class SlowStream(AsgiStream):
    """Takes one message, and then waits for so long before it takes the next."""

    def __init__(self) -> None:
        super().__init__(ahead=0)
        self.pause_seconds = 0.0

    async def receive_some(self, max_bytes: int, /) -> bytes:
        await trio.sleep(self.pause_seconds)
        return await super().receive_some(max_bytes)


async def ask(link: Connection, questions: int) -> None:
    """Ask far more than is answered, and wait for nothing."""
    with suppress(*REQUEST_FAULTS):
        async with trio.open_nursery() as nursery:
            for _ in range(questions):
                nursery.start_soon(ask_once, link)
                await trio.sleep(0.01)


async def ask_once(link: Connection) -> None:
    with suppress(*REQUEST_FAULTS):
        await link.request(encode_price_request())


def held(relay: Running) -> tuple[int, int]:
    stats = relay.relay.stats()
    return stats.connections, stats.memory_bytes


async def held_by_slow_readers(
    folder: Path, nursery: trio.Nursery, questions: int, pause_seconds: float
) -> tuple[list[int], int]:
    """Return the bytes that slow readers held in each second of a minute, and how many are left.

    Fails if somebody honest waits meanwhile, or something is held of them once they are gone.
    """
    async with world(folder, network_id="main") as net:
        r1 = await net.start("r1")
        door = await open_door(net, r1)
        honest = await link_by_websocket(net, door.app, r1, "203.0.113.1", nursery)
        assert len(await snapshot(honest)) == 1
        before = held(r1)
        slow: list[Connection] = []
        for number in range(CLIENTS):
            stream = SlowStream()
            host = f"60.{number}.7.9"
            slow.append(await link_over(stream, net, door.app, r1, host, nursery))
            stream.pause_seconds = pause_seconds
            nursery.start_soon(ask, slow[-1], questions)
        found = []
        for _ in range(60):
            await trio.sleep(1)
            began = trio.current_time()
            assert len(await snapshot(honest)) == 1
            assert trio.current_time() - began < 0.1
            found.append(held(r1)[1] - before[1])
        left = held(r1)[0] - before[0]
        for link in slow:
            link.abort()
        await trio.sleep(5)
        assert held(r1) == before
        return found, left


@pytest.mark.slow
async def test_k18_whoever_asks_and_never_reads_holds_one_queue_and_is_cut_off(
    autojump_clock: MockClock, tmp_path: Path, nursery: trio.Nursery
) -> None:
    found, left = await held_by_slow_readers(tmp_path, nursery, 4_000, pause_seconds=1e6)
    assert left == 0
    assert CALLS_BYTES / 2 < max(found) / CLIENTS < 1.5 * CALLS_BYTES
    nursery.cancel_scope.cancel()


async def test_k18_whoever_reads_a_little_each_minute_stays_and_holds_what_it_asked_for(
    autojump_clock: MockClock, tmp_path: Path, nursery: trio.Nursery
) -> None:
    found, left = await held_by_slow_readers(tmp_path, nursery, 100, pause_seconds=50)
    assert left == CLIENTS
    assert 0 < max(found) / CLIENTS < 2**20
    nursery.cancel_scope.cancel()
