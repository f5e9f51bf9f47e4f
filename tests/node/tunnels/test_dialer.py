"""Which of a relay's addresses are dialled, and what an owner is told when none answers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
from trio.testing import MockClock

from tests.net.support import NETWORK, World
from zentalk.config.settings import Way
from zentalk.errors import ConnectFailedError
from zentalk.net.dialling import RelayDialler
from zentalk.net.own_addresses import LOOK_SECONDS
from zentalk.net.transport import ByteStream, Listener, Network
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


class Roaming:
    """A network of a machine that may lose the address from which its streams go."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.has_address = True

    async def dial(self, host: str, port: int) -> ByteStream:
        return _FromHere(await self._network.dial(host, port), self)

    async def resolve(self, host: str) -> Sequence[str]:
        return await self._network.resolve(host)

    async def listen(self, host: str, port: int) -> Listener:
        return await self._network.listen(host, port)


class _FromHere:
    def __init__(self, stream: ByteStream, machine: Roaming) -> None:
        self._machine = machine
        self.send_all = stream.send_all
        self.receive_some = stream.receive_some
        self.aclose = stream.aclose

    def has_own_address(self) -> bool:
        return self._machine.has_address


async def test_a_link_ends_soon_after_its_own_address_is_gone(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Its relay is silent anyway, and for more than a minute that would be all."""
    world = World(nursery)
    machine = Roaming(world.memory.host("phone"))
    dialer = Dialer(NETWORK, world.runtime, RelayDialler(machine, public_only=False))
    [relay] = await world.add(1)
    link = await dialer.dial([relay.uri], nursery)
    with trio.move_on_after(10 * LOOK_SECONDS):
        await link.closed.wait()
    assert not link.closed.is_set(), "nothing has changed yet"
    machine.has_address = False
    with trio.fail_after(LOOK_SECONDS + 1):
        await link.closed.wait()
    nursery.cancel_scope.cancel()
