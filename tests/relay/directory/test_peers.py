"""Clients that invent relays: what they can make one relay verify."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.directory.support import descriptor
from tests.relay.directory_net import FakeLink, Far, Member, Net, start
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


def link(net: Net, peer: Far | None = None) -> FakeLink:
    """One link; its other end is a client, or `peer`."""
    return FakeLink(net, peer or Far(None, None), None)


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
