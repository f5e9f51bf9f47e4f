"""Hellos of many keys that name a newcomer's surroundings, against a whole relay of `main`."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.relay.harness import World, world
from tests.strangers.made_up_relays import hello, made_up

NEWCOMER = "8.8.8.77"
A_MOMENT = 15.0


async def is_known_soon(net: World) -> bool:
    """Let sixty keys claim addresses of one /24; say whether a relay there counts soon after."""
    r1 = await net.start("r1")
    for number in range(60):
        liar = made_up("main", number, f"8.8.8.{100 + number}", 9001, net.runtime.wall())
        await hello(net.ground, "r1", liar, number, "192.0.2.1")
    newcomer = await net.start(NEWCOMER)
    await trio.sleep(A_MOMENT)
    live = r1.relay.wiring.directory.live()
    return newcomer.node_id in {item.node_id for item in live}


async def test_k46_hellos_of_many_keys_do_not_delay_a_relay_that_comes_from_its_address(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path, network_id="main") as net:
        assert await is_known_soon(net)


async def test_k46_control_where_a_link_comes_from_left_out_they_do(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zentalk.relay.directory.service.place_of", lambda host: None)
    async with world(tmp_path, network_id="main") as net:
        assert not await is_known_soon(net)
