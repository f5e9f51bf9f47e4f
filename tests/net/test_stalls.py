"""K18: peers that send or read so slowly that it costs memory are cut off."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
import trio
from trio.testing import MockClock

from tests.net.support import Relay, World
from zentalk.link.geometry import CLASS_SMALL
from zentalk.net import pump
from zentalk.net.connection import Connection


async def drip(client: Connection) -> None:
    """Send a unit byte by byte, often enough to be heard."""
    await client._stream.send_all(bytes([CLASS_SMALL]))
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while True:
            await trio.sleep(20)
            client._pump._keepalive.heard(trio.current_time())  # it does not mind our silence
            await client._stream.send_all(b"x")


async def ends_within(world: World, relay: Relay, seconds: float) -> bool:
    with trio.move_on_after(seconds):
        await relay.accepted[0].closed.wait()
        return True
    return False


@pytest.mark.parametrize(("stall", "cut"), [(pump.STALL_SECONDS, True), (math.inf, False)])
async def test_k18_a_peer_that_drips_a_unit_is_cut_and_without_the_deadline_never(
    autojump_clock: MockClock,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    stall: float,
    cut: bool,
) -> None:
    monkeypatch.setattr(pump, "STALL_SECONDS", stall)
    (relay,) = await world.add(1)
    client = await world.client(relay)
    world.nursery.start_soon(drip, client)
    # When the stall is over, and not when silence would be looked for next.
    assert await ends_within(world, relay, 100) is cut


@pytest.mark.parametrize(("stall", "cut"), [(pump.STALL_SECONDS, True), (10.0**9, False)])
async def test_k18_a_peer_that_reads_nothing_is_cut_and_without_the_deadline_never(
    autojump_clock: MockClock,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    stall: float,
    cut: bool,
) -> None:
    """It shows that it lives all the time, so that silence is not what ends it."""
    monkeypatch.setattr(pump, "STALL_SECONDS", stall)
    (relay,) = await world.add(1)
    client = await world.client(relay)

    async def read_nothing(_max_bytes: int) -> bytes:
        await trio.sleep_forever()
        return b""

    monkeypatch.setattr(client._stream, "receive_some", read_nothing)
    world.nursery.start_soon(_ping, client)
    served = relay.accepted[0]
    for _ in range(12):  # more than what a window of the line takes
        served.notify(bytes(200_000))
    assert await ends_within(world, relay, 150) is cut


async def _ping(client: Connection) -> None:
    for number in range(100):
        client._pump._keepalive.heard(trio.current_time())
        client._traffic.ping(number)
        client._pump.wake()
        await trio.sleep(5)
