"""Clients that invent relays: what they can make one relay verify."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.directory.support import descriptor
from tests.relay.directory_net import FakeLink, Far, Member, Net, start
from tests.relay.harness import world
from zentalk.directory.allowance import Allowances
from zentalk.relay.directory import peers
from zentalk.relay.directory.peers import NewsLimits
from zentalk.wire.descriptor import Descriptor, decode_descriptor
from zentalk.wire.rpc import decode_call
from zentalk.wire.rpc_directory import encode_announces, encode_equivocation

PER_LINK, ALL = 20, 50


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was verified, with the limits scaled down."""
    monkeypatch.setattr(peers, "CLIENT_BURST", PER_LINK)
    monkeypatch.setattr(peers, "CLIENTS_BURST", ALL)
    seen: list[bytes] = []

    def counting(raw: bytes) -> Descriptor:
        seen.append(raw)
        return decode_descriptor(raw)

    for module in ("descriptor_set", "equivocation"):
        monkeypatch.setattr(f"zentalk.directory.{module}.decode_descriptor", counting)
    return seen


@pytest.fixture
async def member(
    autojump_clock: MockClock, tmp_path: Path, verified: list[bytes]
) -> AsyncIterator[Member]:
    net = Net(tmp_path)
    member = net.add(0)
    async with trio.open_nursery() as nursery:
        start(nursery, member)
        await trio.sleep(0.1)
        yield member
        nursery.cancel_scope.cancel()


def link(net: Net, peer: Far | None = None, origin: str = "") -> FakeLink:
    """One link; its other end is a client, or `peer`, at a place of its own or at `origin`."""
    return FakeLink(net, peer or Far(None, None), None, origin or object())


def announce(member: Member, over: FakeLink, numbers: range) -> None:
    for call in encode_announces(descriptor(number).raw for number in numbers):
        method, fields = decode_call(call)
        member.service.notifies()[method](over, fields)


async def test_a_client_that_invents_relays_is_listened_to_only_so_far(
    autojump_clock: MockClock, member: Member, verified: list[bytes]
) -> None:
    announce(member, link(member.links.net), range(1000, 1100))
    assert len(verified) == PER_LINK
    for first in range(2000, 2500, 100):
        announce(member, link(member.links.net), range(first, first + 100))
    assert len(verified) == ALL, "and all clients together"
    assert member.service.news_dropped == 600 - ALL


async def test_control_without_limits_everything_is_verified(
    autojump_clock: MockClock,
    member: Member,
    verified: list[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Control."""
    monkeypatch.setattr(NewsLimits, "admits", lambda *args, **rest: True)
    announce(member, link(member.links.net), range(1000, 1100))
    assert len(verified) == 100


async def test_what_is_known_costs_nothing_and_relays_are_still_heard(
    autojump_clock: MockClock, member: Member, verified: list[bytes]
) -> None:
    talker = link(member.links.net)
    announce(member, talker, range(1000, 1000 + PER_LINK))
    for _ in range(10):
        announce(member, talker, range(1000, 1000 + PER_LINK))
    assert member.service.news_dropped == 0
    announce(member, talker, range(3000, 3010))
    assert member.service.news_dropped == 10
    relay = link(member.links.net, Far(descriptor(7).node_id, descriptor(7)))
    announce(member, relay, range(4000, 4100))
    assert len(verified) == PER_LINK + 100
    await trio.sleep(10)
    announce(member, talker, range(3000, 3010))
    assert len(verified) == PER_LINK + 110, "after a while there is room again"


async def test_reports_of_equivocation_count_double(
    autojump_clock: MockClock, member: Member, verified: list[bytes]
) -> None:
    over = link(member.links.net)
    for number in range(1000, 1000 + PER_LINK):
        pair = descriptor(number).raw, descriptor(number, mix=b"x").raw
        method, fields = decode_call(encode_equivocation(*pair))
        member.service.notifies()[method](over, fields)
    assert len(verified) == PER_LINK
    assert len(list(member.service.descriptors.proofs())) == PER_LINK // 2


async def test_k54_a_client_that_connects_again_has_no_more_news_to_bring(
    autojump_clock: MockClock, member: Member, verified: list[bytes]
) -> None:
    for first in range(1000, 1500, 100):
        announce(member, link(member.links.net, origin="10.0.0.1/32"), range(first, first + 100))
    assert len(verified) == PER_LINK
    announce(member, link(member.links.net, origin="10.0.0.2/32"), range(2000, 2100))
    assert len(verified) == 2 * PER_LINK, "others are heard"


async def test_k54_control_from_places_of_their_own_the_same_links_bring_more(
    autojump_clock: MockClock, member: Member, verified: list[bytes]
) -> None:
    for first in range(1000, 1500, 100):
        announce(member, link(member.links.net), range(first, first + 100))
    assert len(verified) == ALL


async def test_k54_a_new_identity_at_the_same_place_has_no_more_either(
    autojump_clock: MockClock,
    member: Member,
    verified: list[bytes],
) -> None:
    allowance = Allowances(PER_LINK, 0)
    member.service._answers.limits._relays = allowance
    for number in range(5):
        relay = Far(descriptor(number).node_id, descriptor(number))
        first = 1000 + 100 * number
        announce(member, link(member.links.net, relay, "10.0.0.1/32"), range(first, first + 100))
    assert len(verified) == PER_LINK


async def news_dropped(root: Path, *hosts: str) -> int:
    """Clients on these hosts bring 400 new descriptors each to a real relay, and hang up."""
    async with world(root, network_id="main") as net:
        relay = await net.start("r1", id_difficulty=0)
        for number, host in enumerate(hosts):
            client = await net.client(host, "r1")
            first = 1000 * (number + 1)
            for call in encode_announces(descriptor(n).raw for n in range(first, first + 400)):
                client.notify(call)
            await trio.sleep(1)
            client.close()
            await trio.sleep(1)
        assert relay.relay._wiring is not None
        return relay.relay._wiring.directory.news_dropped


async def test_k54_one_address_brings_a_relay_no_more_however_often_it_connects(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    seconds = 8
    most = peers.CLIENT_BURST + peers.CLIENT_PER_SECOND * seconds
    assert await news_dropped(tmp_path, *["192.0.2.1"] * 4) >= 1_600 - most


async def test_k54_control_other_addresses_are_other_sources(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    assert await news_dropped(tmp_path, *(f"192.0.2.{n}" for n in range(1, 5))) == 0
