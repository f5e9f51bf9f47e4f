"""Which of a relay's addresses are dialled, and what an owner is told when none answers."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.net.support import NETWORK, World
from zentalk.config.settings import Way
from zentalk.errors import ConnectFailedError
from zentalk.net.dialling import RelayDialler
from zentalk.node.tunnels.dialer import Dialer
from zentalk.wire.text import RelayUri, Scheme

TCP = RelayUri(bytes(32), "relay.example", 9001)
WSS = TCP._replace(port=443, scheme=Scheme.WSS, path="/relay/link")


def dialer_in(world: World, way: Way = "any") -> Dialer:
    relays = RelayDialler(world.memory.host("phone"), public_only=False)
    return Dialer(NETWORK, world.runtime, relays, way)


@pytest.mark.parametrize(
    ("way", "left"), [("any", [TCP, WSS]), ("tcp", [TCP]), ("websocket", [WSS])]
)
async def test_a_setting_says_which_ways_are_used(
    way: Way, left: list[RelayUri], nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    assert list(dialer_in(World(nursery), way).usable([TCP, WSS])) == left


async def test_a_relay_without_a_usable_way_is_not_dialled(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    dialer = dialer_in(World(nursery), "websocket")
    with pytest.raises(ConnectFailedError, match="`reach_relays_by` allows none of its"):
        await dialer.dial([TCP], nursery)
    assert "relay.example:9001" in dialer.trouble


async def test_trouble_is_named_until_a_link_comes_of_it(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    world = World(nursery)
    dialer = dialer_in(world)
    with pytest.raises(ConnectFailedError):
        await dialer.dial([TCP], nursery)
    assert dialer.trouble.startswith("cannot connect to relay.example:9001: ")
    assert dialer.reached(TCP.identity) is None
    [relay] = await world.add(1)
    link = await dialer.dial([relay.uri], nursery)
    assert dialer.trouble == ""
    assert dialer.reached(relay.uri.identity) == relay.uri
    link.close()
    nursery.cancel_scope.cancel()
