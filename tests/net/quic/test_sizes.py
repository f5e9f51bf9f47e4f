"""Sizes of datagrams: units of a link give the same ones whatever is in them."""

from __future__ import annotations

import os
from collections.abc import Callable

import trio
from trio.testing import MockClock

from tests.net.contract.ways import FAR
from tests.net.quic.support import Line, opened
from tests.net.support import NETWORK, Relay
from zentalk.link.geometry import UNIT_SMALL_BYTES
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.net.serve import connect

SPACED_SECONDS = 1.0
Speaks = Callable[[Connection], object]


async def sizes_of(line: Line, speak: Speaks, count: int) -> list[list[int]]:
    """Return the sizes that each of `count` units had which were sent alone."""
    runtime = Runtime.virtual(1, 1_700_000_000.0)
    relay = Relay("end", MemoryNetwork().host("end"), runtime)
    line.far.handler = relay.take
    async with trio.open_nursery() as nursery:
        link = await connect(
            await line.near.dial(FAR, line.end.port),
            network=NETWORK,
            relay_identity=relay.key.public,
            handlers=NoHandlers(),
            runtime=runtime,
            nursery=nursery,
        )
        await trio.sleep(5)
        found = []
        for _ in range(count):
            line.seen.clear()
            speak(link)
            await trio.sleep(SPACED_SECONDS)
            found.append(line.sizes(line.near_port.address))
        link.close()
        await link.closed.wait()
        nursery.cancel_scope.cancel()
    return found


def packet(link: Connection) -> None:
    assert link.send_packet(os.urandom(2_560))


def short_note(link: Connection) -> None:
    link.notify(b"x")


def long_note(link: Connection) -> None:
    link.notify(os.urandom(2_000))


async def measured(nursery: trio.Nursery, speak: Speaks, count: int = 12) -> list[list[int]]:
    return await sizes_of(await opened(nursery), speak, count)


async def test_a_unit_alone_gives_the_same_datagrams_whatever_frame_is_in_it(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    found = [await measured(nursery, speak) for speak in (packet, short_note, long_note)]
    assert found[0] == found[1] == found[2]
    assert all(len(sizes) >= UNIT_SMALL_BYTES // 1_200 for sizes in found[0])
    nursery.cancel_scope.cancel()


async def test_control_what_is_no_unit_shows_its_length(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    line = await opened(nursery)
    near, _ = await line.pair()
    shown = set()
    for length in (100, 101, 102):
        await trio.sleep(SPACED_SECONDS)
        line.seen.clear()
        await near.send_all(bytes(length))
        await trio.sleep(SPACED_SECONDS)
        shown.add(max(line.sizes(line.near_port.address)))
    assert len(shown) == 3
    nursery.cancel_scope.cancel()
