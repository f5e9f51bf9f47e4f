"""A relay process that is killed while shards are put: what it acknowledged is there afterwards."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import trio

from tests.e2e.test_relay_process import Programs, dial
from tests.relay.shards.owners import Owner, content
from tests.store.shards import shelves as disk
from zentalk.errors import RefusedError, TransportError
from zentalk.net.connection import Connection
from zentalk.net.runtime import Runtime
from zentalk.wire.descriptor import node_id_of
from zentalk.wire.shard import shard_id
from zentalk.wire.text import RelayUri, parse_relay_uri

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

AT_ONCE = 8
SIZES = (400, 20_000, 105_000)


class Over:
    """A connection, as owners use it."""

    def __init__(self, link: Connection) -> None:
        self.runtime = Runtime.real()
        self._link = link

    async def ask(self, body: bytes) -> bytes:
        return await self._link.request(body)


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    made = Programs(tmp_path)
    yield made
    for process in made.running.values():
        process.kill()
        process.communicate()


def owner(link: Connection, uri: RelayUri) -> Owner:
    return Owner(Over(link), "alice", node_id_of(uri.identity))


def data(number: int) -> bytes:
    return content(number, SIZES[number % len(SIZES)])


async def _put_until_killed(
    programs: Programs, uri: RelayUri, first: int, enough: int
) -> tuple[set[int], set[int]]:
    """Put as fast as it goes and kill meanwhile; return what was acknowledged, and begun."""
    acknowledged: set[int] = set()
    begun: set[int] = set()
    killed = False
    async with trio.open_nursery() as nursery:
        link = await dial(uri, nursery)
        alice = owner(link, uri)

        async def put(start: int) -> None:
            nonlocal killed
            for number in range(start, start + 100 * AT_ONCE, AT_ONCE):
                begun.add(number)
                try:
                    await alice.put(data(number))
                except (TransportError, RefusedError):
                    return
                acknowledged.add(number)
                if len(acknowledged) >= enough and not killed:
                    killed = True
                    assert programs.end("r1", signal.SIGKILL) == -signal.SIGKILL

        with trio.fail_after(60):
            async with trio.open_nursery() as puts:
                for lane in range(AT_ONCE):
                    puts.start_soon(put, first + lane)
        nursery.cancel_scope.cancel()
    assert killed
    return acknowledged, begun


def _large(root: Path) -> int:
    with closing(disk.index(root)) as index:
        (found,) = index.execute("SELECT count(*) FROM shard WHERE place > 0").fetchone()
    return int(found)


async def test_what_a_killed_relay_acknowledged_is_there(programs: Programs) -> None:
    programs.init("r1")
    acknowledged: set[int] = set()
    begun: set[int] = set()
    for life, enough in enumerate((7, 25, 40)):
        uri = parse_relay_uri(programs.run("r1"))
        more, tried = await _put_until_killed(programs, uri, life * 1000, enough)
        acknowledged |= more
        begun |= tried
    assert len(acknowledged) >= 72
    uri = parse_relay_uri(programs.run("r1"))
    async with trio.open_nursery() as nursery:
        alice = owner(await dial(uri, nursery), uri)
        for number in acknowledged:
            assert await alice.get(shard_id(data(number))) == data(number)
        there = 0
        for number in begun:
            (hour,) = await alice.look(shard_id(data(number)))
            there += hour > 0
        assert len(acknowledged) <= there <= len(begun)
        for _ in range(300):  # what was cut off is removed, folder by folder
            if len(disk.files(programs.folder("r1"))) == _large(programs.folder("r1")):
                break
            await trio.sleep(0.1)
        else:
            raise AssertionError("what was cut off is still there")
        nursery.cancel_scope.cancel()
    assert programs.end("r1", signal.SIGTERM) == 0
    root = programs.folder("r1")
    sums = disk.sums(root)
    assert (sums["shards"], sums["counted"]) == (there, sums["told"])
