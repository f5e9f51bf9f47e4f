"""K47: descriptors that send relays of `main` to machines that are nobody's business."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.relay.harness import World, world
from tests.strangers.made_up_relays import hello, listen, made_up, tell
from zentalk.errors import RefusedError
from zentalk.link.geometry import cell_bytes
from zentalk.net.dialling import RelayDialler
from zentalk.wire.descriptor import Descriptor

HALF_AN_HOUR = 1800.0
VICTIMS = ("127.0.0.1", "10.0.0.1", "169.254.169.254")
NAMED = {"evil.example.org": "127.0.0.1", "[::ffff:10.0.0.1]": "10.0.0.1"}


async def attack(net: World) -> tuple[list[Descriptor], list[list[str]]]:
    """Tell r1 of relays at private addresses and names for them; some say hello as those."""
    arrived = [await listen(net.ground, host, 9001) for host in VICTIMS]
    net.network._names.update(NAMED)
    wall = net.runtime.wall()
    liars = [
        made_up("main", number, host, 9001, wall) for number, host in enumerate((*VICTIMS, *NAMED))
    ]
    tell(await net.client("mallory", "r1"), liars)
    for number, liar in enumerate(liars):
        await hello(net.ground, "r1", liar, number, "192.0.2.1")
    await trio.sleep(HALF_AN_HOUR)
    return liars, arrived


async def test_k47_nobody_connects_to_a_private_address_of_a_descriptor(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path, network_id="main") as net:
        r1, _ = await net.start_all("r1", "r2")
        liars, arrived = await attack(net)
        assert arrived == [[], [], []]
        client = await net.client("mallory", "r1")
        for liar in liars:
            with pytest.raises(RefusedError, match="unknown"):
                await client.open_stream(liar.node_id, cell_bytes(1))
        assert arrived == [[], [], []]
        assert {item.node_id for item in r1.relay.wiring.directory.live()} == {
            running.node_id for running in net.relays.values()
        }


async def test_k47_control_without_the_rule_the_relay_connects_there(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path, network_id="main") as net:
        r1, _ = await net.start_all("r1", "r2")
        observing = r1.relay.wiring.directory.state._observing
        rules = observing.observations.rules._replace(public_only=False)
        monkeypatch.setattr(observing.observations, "rules", rules)
        monkeypatch.setattr(RelayDialler, "resolve", resolve_anything)
        _, arrived = await attack(net)
        assert all(arrived)


async def resolve_anything(_self: object, host: str, _port: int) -> str:
    return NAMED.get(host, host)


async def test_k47_a_name_that_leads_elsewhere_the_second_time_is_not_followed(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """The address that was looked at is the one that is dialled."""
    net = World(tmp_path, None)  # type: ignore[arg-type]
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    dialled: list[str] = []

    class Rebinding:
        async def resolve(self, host: str) -> list[str]:
            return next(answers)

        async def dial(self, host: str, port: int) -> object:
            dialled.append(host)
            return object()

        async def listen(self, host: str, port: int) -> object:
            return await net.network.host("r").listen(host, port)

    dialler = RelayDialler(Rebinding(), public_only=True)  # type: ignore[arg-type]
    reached = await dialler.reach("evil.example.org", 9001)
    assert reached.address == "8.8.8.8"
    assert dialled == ["8.8.8.8"]


async def test_k47_open_says_the_same_at_once_of_open_and_closed_ports(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Neither the word nor the time tells what listens at a public address."""
    async with world(tmp_path, network_id="main") as net:
        await net.start_all("r1", "r2")
        await listen(net.ground, "victim", 9001)
        address = net.network.address("victim")
        wall = net.runtime.wall()
        liars = [made_up("main", n, address, port, wall) for n, port in enumerate((9001, 9002))]
        client = await net.client("mallory", "r1")
        tell(client, liars)
        for _ in range(20):
            before = trio.current_time()
            for liar in liars:
                with pytest.raises(RefusedError, match="unknown"):
                    await client.open_stream(liar.node_id, cell_bytes(1))
            assert trio.current_time() == before
            await trio.sleep(30)


async def test_k47_a_victim_is_connected_to_seldom_and_never_because_of_open(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path, network_id="main") as net:
        await net.start_all("r1", "r2")
        arrived = await listen(net.ground, "victim", 9001)
        address = net.network.address("victim")
        wall = net.runtime.wall()
        liars = [made_up("main", number, address, 9001, wall) for number in range(200)]
        client = await net.client("mallory", "r1")
        tell(client, liars)
        for liar in liars:
            with pytest.raises(RefusedError, match="unknown"):
                await client.open_stream(liar.node_id, cell_bytes(1))
        assert arrived == []
        await trio.sleep(HALF_AN_HOUR)
        assert 1 <= len(arrived) <= HALF_AN_HOUR / 600 + 1
