"""A relay that names several hosts counts where it was reached, and is dialled at those only."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.directory.support import WALL, descriptor
from tests.relay.harness import World, world
from tests.strangers.made_up_relays import key_of, listen
from zentalk.directory.descriptor_set import DescriptorSet
from zentalk.directory.observations import AddressRules, Observation, ObservedRelays
from zentalk.errors import ZentalkError
from zentalk.ids import epoch_at
from zentalk.link.geometry import cell_bytes
from zentalk.relay.directory.known_relays import KnownRelays
from zentalk.wire.descriptor import Descriptor, DescriptorBody, Lane, sign_descriptor

AN_HOUR = 3600.0
PUBLIC = AddressRules(public_only=True, capped=True)


def at_hosts(number: int, *hosts: str, network: str = "main", port: int = 9001) -> Descriptor:
    key = key_of(number)
    body = DescriptorBody(
        network,
        key.public,
        hosts[0],
        (Lane(port, b"m" * 32, b"n" * 32),),
        7,
        b"",
        100,
        "1",
        epoch_at(WALL),
        1,
        hosts[1:],
    )
    return sign_descriptor(key, body)


def _set_with(observed: ObservedRelays, relay: Descriptor) -> DescriptorSet:
    found = DescriptorSet("main", observations=observed)
    found.offer(relay.raw, WALL)
    return found


def knows(net: World, name: str, other: str) -> bool:
    known = net.relays[name].relay.wiring.directory.state.known
    return known.descriptor_of(net.relays[other].node_id) is not None


async def test_each_address_of_a_relay_is_observed_in_time_and_kept(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        await net.start("r1")
        for address in ("192.0.2.7", "192.0.2.8"):
            net.network.add_address("r2", address)
        r2 = await net.start("r2", host=("192.0.2.7", "192.0.2.8"))
        await trio.sleep(300)
        assert places(net, "r1", r2.descriptor) == ["192.0.2.7", "192.0.2.8"]
        await net.crash("r1")
        net.network.cut("r1", "r2")  # nothing but what is on the disk may tell it
        for address in ("192.0.2.7", "192.0.2.8"):
            net.network.cut("r1", address)
        await net.start("r1")
        assert places(net, "r1", r2.descriptor) == ["192.0.2.7", "192.0.2.8"]


def places(net: World, name: str, other: Descriptor) -> list[str]:
    known = net.relays[name].relay.wiring.directory.state.known
    return sorted(uri.host for uri in known.addresses_of(other.node_id))


async def test_a_relay_counts_whose_first_address_is_silent_and_whose_second_answers(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        await net.start("r1")
        net.network.kill("silent")
        await net.start("r2", announce_host=("silent", "r2"))
        await trio.sleep(30)
        assert knows(net, "r1", "r2")
        known = net.relays["r1"].relay.wiring.directory.state.known
        reached = [uri.host for uri in known.addresses_of(net.relays["r2"].node_id)]
        assert reached == ["r2"]


async def test_k47_a_further_host_that_nobody_reached_is_probed_once_and_never_dialled(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Not even after the relay went away, and whatever clients open towards it."""
    async with world(tmp_path) as net:
        await net.start("r1")
        arrived = [await listen(net.ground, host, 9001) for host in ("before", "behind")]
        net.network.cut("r1", "before")
        liar = await net.start("r2", announce_host=("before", "r2", "behind"))
        await trio.sleep(30)
        assert knows(net, "r1", "r2")
        net.network.mend("r1", "before")
        await trio.sleep(300)
        assert arrived == [["r1"], ["r1"]]
        node_id = liar.node_id
        await net.crash("r2")
        client = await net.client("mallory", "r1")
        for _ in range(20):
            with pytest.raises(ZentalkError):
                await client.open_stream(node_id, cell_bytes(1))
            await trio.sleep(AN_HOUR / 20)
        assert arrived == [["r1"], ["r1"]]


async def test_k47_control_if_every_named_host_were_dialled_a_bystander_is_connected_to(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_named(self: KnownRelays, node_id: object, lane: int = 0) -> object:
        found = self.descriptor_of(node_id)  # type: ignore[arg-type]
        return [] if found is None else found.uris(lane)

    monkeypatch.setattr(KnownRelays, "addresses_of", all_named)
    async with world(tmp_path) as net:
        await net.start("r1")
        arrived = await listen(net.ground, "behind", 9001)
        liar = await net.start("r2", announce_host=("r2", "behind"))
        await trio.sleep(300)
        node_id = liar.node_id
        await net.crash("r2")
        client = await net.client("mallory", "r1")
        await trio.sleep(90)
        with pytest.raises(ZentalkError):
            await client.open_stream(node_id, cell_bytes(1))
        assert len(arrived) > 1, "not only probed"


def test_k47_rules_for_addresses_hold_for_every_host() -> None:
    assert PUBLIC.allow(at_hosts(1, "8.8.8.8", "9.9.9.9"))
    for private in ("10.0.0.1", "127.0.0.1", "[::ffff:10.0.0.1]", "169.254.169.254"):
        assert not PUBLIC.allow(at_hosts(1, "8.8.8.8", private))
        assert not PUBLIC.allow(at_hosts(1, private, "8.8.8.8"))


def test_k46_caps_hold_at_whichever_host_a_relay_was_reached() -> None:
    observed = ObservedRelays(at_hosts(0, "1.1.1.1").node_id, PUBLIC)
    for number in range(1, 10):
        relay = at_hosts(number, f"{number}.9.9.9", f"8.8.8.{number}")
        found = Observation(relay.uris()[1], f"8.8.8.{number}", WALL)
        assert observed.note(found) == (number <= 8), "eight in one /24"
    same = at_hosts(20, "7.7.7.7", "8.8.8.1", port=9002)
    assert not observed.note(Observation(same.uris()[1], "8.8.8.1", WALL)), "one at an address"


def test_where_a_relay_was_reached_is_the_hint_that_stays_of_it() -> None:
    """Also when its descriptor has expired: the first host may be a machine of others."""
    observed = ObservedRelays(descriptor(0).node_id, AddressRules())
    relay = at_hosts(1, "8.8.8.8", "9.9.9.9")
    observed.note(Observation(relay.uris()[1], "9.9.9.9", WALL))
    known = KnownRelays(lambda: WALL, _set_with(observed, relay))
    assert known.hints_of(relay.node_id) == [relay.uris()[1]]
    known.descriptors.expire(WALL + 3 * AN_HOUR)
    assert known.descriptors.hints() == [relay.uris()[1]]
