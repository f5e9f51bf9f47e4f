"""Contacts in the local network: heard, called and answered, and strangers get nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.direct.near_support import WALL, address, key
from tests.node.direct.house import House
from tests.node.direct.support import offer, own_offer
from zentalk.direct.neighbours import NEAR_SECONDS, OFFER_SECONDS, Neighbours
from zentalk.direct.pair_seals import PairSeals
from zentalk.direct.places import own_subnet
from zentalk.errors import UnavailableError
from zentalk.ids import UserAddress
from zentalk.net.datagrams import Datagrams
from zentalk.net.multicast import GROUP_PORT, LocalGroup
from zentalk.net.runtime import Runtime
from zentalk.node.conversations.direct_board import DirectBoard
from zentalk.node.direct import nearby as module
from zentalk.node.direct.nearby import (
    AGAIN_SECONDS,
    ALL_BURST,
    ALL_PER_SECOND,
    BURST,
    PER_SECOND,
    Nearby,
)
from zentalk.node.direct_lines import DirectLines
from zentalk.wire.beacon import BEACON, BEACON_BYTES
from zentalk.wire.direct import CandidateKind, DirectCandidate

ALICE, BOB = address("alice"), address("bob")
HOSTS = {"alice": "192.168.1.2", "bob": "192.168.1.3", "mallory": "192.168.1.4"}


def creeping() -> Callable[[], float]:
    """Return a clock that goes on from one look to the next, as real ones do."""
    looks = count()
    return lambda: trio.current_time() + next(looks) * 1e-6


class LanWays:
    """In the place of UDP: a port in the house that is all for offers of the local network."""

    def __init__(self, house: House, host: str) -> None:
        self._bind, self._join = house.binds(host), house.joins(host)
        self.port: Datagrams | None = None
        self.fault: UnavailableError | None = None

    async def beside(self) -> Datagrams:
        if self.fault is not None:
            raise self.fault
        self.port = self.port or await self._bind()
        return self.port

    async def join_lan(self) -> Sequence[LocalGroup]:
        return await self._join()


class Resident:
    """One node in the house."""

    def __init__(self, name: str, house: House) -> None:
        runtime = replace(Runtime.virtual(1, WALL).for_part(name), monotonic=creeping())
        self.ways, self.board, self.lines = (
            LanWays(house, HOSTS[name]),
            DirectBoard(),
            DirectLines(),
        )
        self.core = Neighbours(partial(PairSeals, key(name)), runtime.entropy)
        ways: Any = self.ways
        self.nearby = Nearby(runtime, self.board, self.lines, ways, self.core)


@pytest.fixture
def house() -> House:
    return House()


async def residents(house: House, nursery: trio.Nursery) -> tuple[Resident, Resident]:
    """Alice and bob, who agreed with each other, after both were heard."""
    alice, bob = Resident("alice", house), Resident("bob", house)
    for one in (alice, bob):
        nursery.start_soon(one.nearby.run)
    alice.nearby.allow({BOB})
    bob.nearby.allow({ALICE})
    await trio.sleep(3)
    return alice, bob


async def test_two_who_agreed_hear_each_other_once_and_exchange_offers(
    house: House, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    alice, bob = await residents(house, nursery)
    assert alice.board.take_heard() == {BOB}
    assert bob.board.take_heard() == {ALICE}
    assert await bob.nearby.send(ALICE, b"call")
    await trio.sleep(1)
    assert offers(alice) == {BOB: b"call"}
    assert await alice.nearby.send(BOB, b"answer")
    await trio.sleep(1)
    assert offers(bob) == {ALICE: b"answer"}
    await trio.sleep(OFFER_SECONDS)
    assert offers(alice) in ({}, {BOB: b"call"}), "it may have been lost"
    bob.board.take_offers()
    await trio.sleep(600)
    assert not bob.board.take_offers()
    assert {len(data) for _, _, data in house.beacons} == {BEACON_BYTES}
    assert {target[1] for _, target, _ in house.beacons} == {GROUP_PORT}
    nursery.cancel_scope.cancel()


def offers(resident: Resident) -> dict[UserAddress, bytes]:
    return {who: one.offer for who, one in resident.board.take_offers().items()}


async def test_an_offer_goes_as_soon_as_the_other_comes(
    house: House, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    alice, bob = Resident("alice", house), Resident("bob", house)
    nursery.start_soon(bob.nearby.run)
    bob.nearby.allow({ALICE})
    await trio.sleep(20)
    assert await bob.nearby.send(ALICE, b"call")
    nursery.start_soon(alice.nearby.run)
    alice.nearby.allow({BOB})
    await trio.sleep(25)
    assert offers(alice) == {BOB: b"call"}
    nursery.cancel_scope.cancel()


async def test_before_the_first_who_agreed_and_after_the_last_nothing_is_bound_or_sent(
    house: House, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    alice = Resident("alice", house)
    nursery.start_soon(alice.nearby.run)
    alice.nearby.allow(set())
    await trio.sleep(1000)
    assert (house.bound, house.joined, house.sent) == ([], [], [])
    assert not await alice.nearby.send(BOB, b"call")
    alice.nearby.allow({BOB})
    await trio.sleep(1000)
    assert (house.bound, house.joined) == ([HOSTS["alice"]], [HOSTS["alice"]])
    assert 1000 / 19 < len(house.beacons) < 1000 / 11 + 5
    alice.nearby.allow(set())
    await trio.sleep(1)
    house.sent.clear()
    await trio.sleep(1000)
    assert (house.members, house.sent) == ([], [])
    assert not await alice.nearby.send(BOB, b"call")
    nursery.cancel_scope.cancel()


async def test_who_has_a_line_to_everybody_sends_no_beacons_and_calls_nobody(
    house: House, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    alice, _ = await residents(house, nursery)
    alice.board.take_heard()
    line = alice.lines.open(BOB)
    await trio.sleep(NEAR_SECONDS)
    house.sent.clear()
    await trio.sleep(100)
    assert {source[0] for source, _, _ in house.beacons} == {HOSTS["bob"]}
    house.is_open = False
    await trio.sleep(2 * NEAR_SECONDS)
    house.is_open = True
    await trio.sleep(60)
    assert not alice.board.take_heard(), "she has him already"
    alice.lines.close(BOB, line)
    house.sent.clear()
    await trio.sleep(60)
    assert {source[0] for source, _, _ in house.beacons} == {HOSTS["alice"], HOSTS["bob"]}
    nursery.cancel_scope.cancel()


class Looks:
    """Counts what the core is given to look at."""

    def __init__(self, one: Resident, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        hear, open_ = one.core.hear, one.core.open

        def heard(*arguments: Any) -> Any:
            self.count += 1
            return hear(*arguments)

        def opened(*arguments: Any) -> Any:
            self.count += 1
            return open_(*arguments)

        monkeypatch.setattr(one.core, "hear", heard)
        monkeypatch.setattr(one.core, "open", opened)


async def flood(house: House, bob: Resident, sources: int, seconds: int) -> None:
    """Send 200 beacons of nobody a second to bob, and as many offers."""
    assert bob.ways.port is not None
    targets = [(HOSTS["bob"], GROUP_PORT), (HOSTS["bob"], bob.ways.port.local_port)]
    ports = [house.net.bind(f"192.168.1.{100 + number}", GROUP_PORT) for number in range(sources)]
    for number in range(200 * seconds):
        port = ports[number % sources]
        await port.send(bytes((BEACON,)).ljust(BEACON_BYTES, b"x"), targets[0])
        await port.send(bytes((0x0C,)).ljust(551, b"x"), targets[1])
        await trio.sleep(1 / 200)


async def test_a_flood_from_one_source_costs_little_and_keeps_nobody_out(
    house: House, nursery: trio.Nursery, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = Resident("alice", house), Resident("bob", house)
    nursery.start_soon(bob.nearby.run)
    bob.nearby.allow({ALICE})
    await trio.sleep(20)
    looks = Looks(bob, monkeypatch)
    nursery.start_soon(alice.nearby.run)
    nursery.start_soon(flood, house, bob, 1, 30)
    alice.nearby.allow({BOB})
    await trio.sleep(30)
    assert bob.board.take_heard() == {ALICE}
    assert looks.count < BURST + 30 * PER_SECOND + 20, "those of the two are beside it"
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("is_bounded", [True, False])
async def test_a_flood_from_many_sources_costs_no_more_than_all_may(
    house: House,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    is_bounded: bool,
) -> None:
    """Control: without the shares all of it is looked at."""
    if not is_bounded:
        monkeypatch.setattr(module._Shares, "take", lambda *_: True)
    bob = Resident("bob", house)
    nursery.start_soon(bob.nearby.run)
    bob.nearby.allow({ALICE})
    await trio.sleep(20)
    looks = Looks(bob, monkeypatch)
    await flood(house, bob, 100, 10)
    assert (looks.count <= ALL_BURST + 11 * ALL_PER_SECOND) == is_bounded
    assert house.offers[-1][0][0] != HOSTS["bob"], "he sends nothing for it"
    nursery.cancel_scope.cancel()


async def test_a_stranger_in_the_house_is_neither_heard_nor_answered(
    house: House, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    bob, mallory = Resident("bob", house), Resident("mallory", house)
    for one in (bob, mallory):
        nursery.start_soon(one.nearby.run)
    bob.nearby.allow({ALICE})
    mallory.nearby.allow({BOB})
    await bob.nearby.send(ALICE, b"call")
    await mallory.nearby.send(BOB, b"call")
    await trio.sleep(300)
    assert not bob.board.take_heard()
    assert not bob.board.take_offers()
    assert house.offers == []
    nursery.cancel_scope.cancel()


async def test_beacons_sent_again_to_a_node_make_it_send_nothing(
    house: House, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    alice, bob = await residents(house, nursery)
    old = [data for source, _, data in house.beacons if source[0] == HOSTS["alice"]]
    house.is_open = False
    await trio.sleep(NEAR_SECONDS + 1)
    bob.board.take_heard()
    house.is_open = True
    alice.nearby.allow(set())
    await trio.sleep(1)
    await bob.nearby.send(ALICE, b"call")
    before = len(house.offers)
    for host in (HOSTS["alice"], HOSTS["mallory"]):
        port = house.net.bind(host, GROUP_PORT)
        for data in old:
            await port.send(data, (HOSTS["bob"], GROUP_PORT))
            await trio.sleep(2)
    assert not bob.board.take_heard()
    assert len(house.offers) == before
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "fault", [OSError(98, "Address already in use"), UnavailableError("no port"), ValueError("bug")]
)
async def test_a_fault_is_tried_again_after_a_minute(
    house: House,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
) -> None:
    alice = Resident("alice", house)
    good = alice.ways.join_lan

    async def fails() -> Sequence[LocalGroup]:
        await trio.lowlevel.checkpoint()
        raise fault

    monkeypatch.setattr(alice.ways, "join_lan", fails)
    nursery.start_soon(alice.nearby.run)
    alice.nearby.allow({BOB})
    await trio.sleep(1)
    assert not await alice.nearby.send(BOB, b"call")
    monkeypatch.setattr(alice.ways, "join_lan", good)
    await trio.sleep(AGAIN_SECONDS)
    assert house.joined == [HOSTS["alice"]]
    nursery.cancel_scope.cancel()


async def test_a_port_that_is_closed_is_opened_again(
    house: House, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    alice, _ = await residents(house, nursery)
    assert alice.ways.port is not None
    await alice.ways.port.aclose()
    alice.ways.port = None
    await trio.sleep(AGAIN_SECONDS + 1)
    assert house.joined.count(HOSTS["alice"]) == 2
    assert len(house.members) == 2
    nursery.cancel_scope.cancel()


async def test_a_bug_over_one_datagram_costs_that_datagram(
    house: House, nursery: trio.Nursery, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = Resident("alice", house), Resident("bob", house)

    def fails(*_arguments: object) -> None:
        raise ValueError("bug")

    with monkeypatch.context() as patch:
        patch.setattr(bob.core, "hear", fails)
        patch.setattr(bob.core, "open", fails)
        for one in (alice, bob):
            nursery.start_soon(one.nearby.run)
        alice.nearby.allow({BOB})
        bob.nearby.allow({ALICE})
        await trio.sleep(20)
        await alice.nearby.send(BOB, b"call")
        await trio.sleep(2 * OFFER_SECONDS)
        assert not bob.board.take_heard()
    await trio.sleep(40)
    assert bob.board.take_heard() == {ALICE}
    nursery.cancel_scope.cancel()


async def test_a_search_also_goes_to_where_a_contact_was_heard_of(
    house: House, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    alice, bob = await residents(house, nursery)
    own, theirs = own_offer(b"s" * 16), offer(b"s" * 16)
    found = alice.nearby.session(BOB, own, theirs)
    assert bob.ways.port is not None
    place = (HOSTS["bob"], bob.ways.port.local_port)
    assert found.theirs.candidates == (DirectCandidate(CandidateKind.LOCAL, place),)
    assert found.own.subnets == (own_subnet(HOSTS["alice"]),)
    assert found.own.offer == own.offer, "what the other side has is what counts for the keys"
    again = alice.nearby.session(BOB, own, found.theirs)
    assert again.theirs == found.theirs, "no place stands twice"
    alone = Resident("mallory", house).nearby.session(BOB, own, theirs)
    assert (alone.own, alone.theirs) == (own, theirs)
    nursery.cancel_scope.cancel()
