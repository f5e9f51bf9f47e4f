"""Caps on connections and streams, who makes room for whom, with their controls."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.relay.links import admission as module
from zentalk.relay.links.admission import (
    CONNECTION_BYTES,
    SURE_PER_SOURCE,
    Admission,
    ConnectionSlot,
)
from zentalk.relay.links.memory_budget import MemoryBudget
from zentalk.relay.links.stream_holders import Principal
from zentalk.relay.links.stream_shares import StreamShares

PLENTY = 2**30


@dataclass
class Link:
    """An open link as the admission sees it."""

    last_used: float = 0.0
    may_be_evicted: bool = True
    is_clients: bool = True


@dataclass
class Door:
    """An admission, and the connections that it made to end."""

    admission: Admission
    ended: list[str] = field(default_factory=list)

    def enter(self, source: str, link: Link | None = None) -> ConnectionSlot | str:
        seat = self.admission.enter(source, lambda: self.ended.append(source))
        if isinstance(seat, ConnectionSlot) and link is not None:
            self.admission.opened(seat, link)
        return seat

    def stay(self, source: str) -> ConnectionSlot:
        """Enter, with an open link that nothing can make to go."""
        seat = self.enter(source, Link(may_be_evicted=False))
        assert isinstance(seat, ConnectionSlot), seat
        return seat


def door(network: str = "main", connections: int = 1000, memory: int = PLENTY) -> Door:
    return Door(Admission(network, connections, MemoryBudget(memory)))


def test_connections_in_all_are_capped() -> None:
    relay = door(connections=2)
    first = relay.stay("192.0.2.1")
    relay.stay("198.51.100.2")
    assert relay.enter("203.0.113.3") == "connections"
    relay.admission.leave(first)
    relay.admission.leave(first)  # nothing: it was given back
    relay.stay("203.0.113.3")
    assert relay.admission.connections == 2


class WatchedLink(Link):
    """A link that counts how often it was looked at."""

    looks = 0

    def __getattribute__(self, name: str) -> object:
        if name == "last_used":
            WatchedLink.looks += 1
        return super().__getattribute__(name)


def test_k18_a_crowd_that_is_refused_costs_no_look_at_the_links() -> None:
    """Ten have two connections each, and ask for a third again and again."""
    relay = door(connections=20)
    crowd = [f"192.0.{number}.1" for number in range(10)]
    for address in crowd * 2:
        relay.enter(address, WatchedLink())
    WatchedLink.looks = 0
    assert {relay.enter(address) for address in crowd * 10} == {"connections"}
    assert WatchedLink.looks == 0
    assert isinstance(relay.enter("198.51.100.1"), ConnectionSlot)


def test_k18_one_source_is_capped_and_others_are_not() -> None:
    relay = door(connections=2 * SURE_PER_SOURCE)
    seats = [relay.stay("192.0.2.1") for _ in range(SURE_PER_SOURCE)]
    assert relay.enter("192.0.2.1") == "source"
    relay.stay("192.0.2.2")
    relay.admission.leave(seats[0])
    relay.stay("192.0.2.1")


def test_k18_without_the_cap_one_source_takes_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SURE_PER_SOURCE", 10**9)
    monkeypatch.setattr(module, "SURE_PER_SUBNET", 10**9)
    monkeypatch.setattr(Admission, "_of_the_greediest", lambda _self, _held: None)
    relay = door()
    for _ in range(1000):
        relay.stay("192.0.2.1")
    assert relay.enter("192.0.2.2") == "connections"


@pytest.mark.parametrize(
    ("places", "outside"),
    [
        ([f"192.0.2.{number}" for number in range(256)], "192.0.3.1"),
        ([f"::ffff:192.0.2.{number}" for number in range(256)], "192.0.3.1"),
    ],
)
def test_k18_a_subnet_is_capped(places: list[str], outside: str) -> None:
    relay = door(connections=2 * module.SURE_PER_SUBNET)
    for number in range(module.SURE_PER_SUBNET):
        relay.stay(places[number % len(places)])
    assert relay.enter(places[0]) == "subnet"
    relay.stay(outside)


def test_one_ipv6_household_is_one_source() -> None:
    relay = door(connections=2 * SURE_PER_SOURCE)
    for number in range(SURE_PER_SOURCE):
        relay.stay(f"2001:db8::{number + 1:x}")
    assert relay.enter("2001:db8::ffff:1") == "source"
    assert relay.enter("fe80::1%eth0") != "source"


@pytest.mark.parametrize("source", ["127.0.0.1", "127.3.2.1", "::1", "relay-7"])
@pytest.mark.parametrize("network", ["local", "main"])
def test_loopback_is_exempt_except_in_main(source: str, network: str) -> None:
    relay = door(network, connections=2 * SURE_PER_SOURCE)
    seats = [relay.stay(source) for _ in range(SURE_PER_SOURCE)]
    assert isinstance(relay.enter(source), ConnectionSlot) is (network != "main")
    assert (seats[0].source == seats[1].source) is (network == "main")


def test_k43_a_campus_behind_one_address_has_more_while_half_of_all_are_free() -> None:
    relay = door(connections=1000)
    for _ in range(500):
        relay.stay("192.0.2.1")
    assert relay.enter("192.0.2.1") == "source"


# --- who makes room ----------------------------------------------------------------------------


def test_k18_a_full_relay_gives_up_the_connection_that_is_idle_for_longest() -> None:
    relay = door("local", connections=4)
    relay.enter("relay", Link(0.0, may_be_evicted=False))
    relay.enter("busy", Link(9.0))
    relay.enter("idle", Link(1.0))
    relay.enter("less idle", Link(2.0))
    assert isinstance(relay.enter("new", Link(10.0)), ConnectionSlot)
    assert isinstance(relay.enter("newer", Link(11.0)), ConnectionSlot)
    assert relay.ended == ["idle", "less idle"]
    assert (relay.admission.connections, relay.admission.evicted) == (4, 2)


def test_k18_an_unfinished_handshake_goes_before_any_link() -> None:
    relay = door("local", connections=3)
    relay.enter("idle", Link(0.0))
    relay.enter("slow")
    relay.enter("slower")
    relay.enter("new", Link(5.0))
    relay.enter("newer", Link(5.0))
    assert relay.ended == ["slow", "slower"]


def test_k18_links_of_relays_and_links_with_streams_stay() -> None:
    relay = door("local", connections=1)
    relay.enter("tunnels", Link(0.0, may_be_evicted=False))
    assert relay.enter("new") == "connections"
    assert relay.ended == []


def test_k18_control_without_that_rule_the_oldest_link_goes_whatever_it_carries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Any(Link):
        @property
        def may_be_evicted(self) -> bool:
            return True

        @may_be_evicted.setter
        def may_be_evicted(self, _value: bool) -> None: ...

    relay = door("local", connections=1)
    relay.enter("tunnels", Any(0.0, may_be_evicted=False))
    relay.enter("new")
    assert relay.ended == ["tunnels"]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=60))
def test_k18_it_is_always_the_one_used_least_recently(steps: list[tuple[int, int]]) -> None:
    """Whatever is used, opened and closed in between, against a plain search."""
    relay, seats, now = door("local", connections=4), dict[str, tuple[ConnectionSlot, Link]](), 0.0
    for number, (what, which) in enumerate(steps):
        now += 1
        names = sorted(seats)
        if what <= 1 and names:
            seats[names[which % len(names)]][1].last_used = now
        elif what == 2 and names:
            link = seats[names[which % len(names)]][1]
            link.may_be_evicted = not link.may_be_evicted
            link.last_used = now  # a stream that opens or closes is use
        elif what == 3 and names:
            relay.admission.leave(seats.pop(names[which % len(names)])[0])
        else:
            may_go = {name: link for name, (_, link) in seats.items() if link.may_be_evicted}
            link, before = Link(now), len(relay.ended)
            seat = relay.enter(f"c{number}", link)
            if len(seats) < 4:
                assert len(relay.ended) == before
            elif not may_go:
                assert seat == "connections"
            else:
                gone = relay.ended[-1]
                assert may_go[gone].last_used == min(item.last_used for item in may_go.values())
                del seats[gone]
            if isinstance(seat, ConnectionSlot):
                seats[f"c{number}"] = (seat, link)
    assert relay.admission.connections == len(seats)


def test_k43_when_all_is_taken_whoever_has_most_gives_way_and_its_youngest_goes() -> None:
    """Also with streams on them, and whether they idle or not: both are free to fake."""
    relay = door(connections=100)
    crowd = [relay.stay("192.0.2.1") for _ in range(60)]
    others = [relay.stay(f"198.51.100.{number}") for number in range(40)]
    for number in range(59):
        relay.stay(f"203.0.113.{number}")
    assert set(relay.ended) == {"192.0.2.1"}
    assert len(relay.ended) == 59
    relay.admission.leave(crowd[0])  # the oldest was still there
    assert relay.admission.connections == 99
    assert len(others) == 40


def test_k43_control_without_that_rule_a_full_relay_refuses_everybody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Admission, "_of_the_greediest", lambda _self, _held: None)
    relay = door(connections=100)
    for number in range(100):
        relay.stay(f"192.0.2.{number % 2}")
    assert relay.enter("203.0.113.1") == "connections"


def test_k43_links_of_relays_stay_unless_one_place_has_more_than_it_is_sure_of() -> None:
    relay = door(connections=2 * SURE_PER_SOURCE)
    for _ in range(2):
        relay.enter("192.0.2.1", Link(0.0, may_be_evicted=False, is_clients=False))
    for number in range(2 * SURE_PER_SOURCE - 2):
        relay.stay(f"198.51.100.{number}")
    assert relay.enter("203.0.113.1") == "connections"

    liar = door(connections=200)
    for _ in range(100):
        liar.enter("192.0.2.1", Link(0.0, may_be_evicted=False, is_clients=False))
    for number in range(110):
        liar.stay(f"198.51.100.{number}")
    assert liar.ended == ["192.0.2.1"] * 10


def test_k43_who_comes_again_and_again_takes_nobody_elses_place() -> None:
    relay = door(connections=3)
    relay.enter("192.0.2.1", Link(0.0))
    relay.enter("198.51.100.1", Link(0.0))
    relay.enter("203.0.113.1", Link(0.0))
    for _ in range(5):
        assert relay.enter("203.0.113.1", Link(9.0)) == "connections"
    assert relay.ended == []
    assert isinstance(relay.enter("203.0.113.2", Link(9.0)), ConnectionSlot)


# --- memory ------------------------------------------------------------------------------------


def test_k18_memory_refuses_connections_first_and_streams_later() -> None:
    relay = door("local", memory=100 * CONNECTION_BYTES)
    seats = []
    while isinstance(seat := relay.enter("a", Link(may_be_evicted=False)), ConnectionSlot):
        seats.append(seat)
    assert (seat, len(seats)) == ("memory", 76)
    shares, slots = StreamShares(relay.admission._budget), []
    while slot := shares.enter(Principal("a"), lambda: None):
        slots.append(slot)
    assert len(slots) == 10
    for seat in seats:
        relay.admission.leave(seat)
    for slot in slots:
        shares.leave(slot)
    assert relay.admission._budget.used_bytes == 0


def test_k18_short_of_memory_an_idle_connection_makes_room() -> None:
    relay = door("local", memory=8 * CONNECTION_BYTES)
    for number in range(20):
        assert isinstance(relay.enter(f"c{number}", Link(float(number))), ConnectionSlot)
    assert len(relay.ended) == 13


def test_k43_connections_keep_a_quarter_of_the_memory_whatever_others_take() -> None:
    budget = MemoryBudget(100 * CONNECTION_BYTES)
    relay = Door(Admission("local", 1000, budget))
    queues = budget.account(share=1.0, greedy=False)
    while queues.take(CONNECTION_BYTES):
        pass
    assert queues.used_bytes == 75 * CONNECTION_BYTES
    for number in range(25):
        assert isinstance(relay.enter(f"c{number}", Link(0, may_be_evicted=False)), ConnectionSlot)
    assert relay.enter("one more") == "memory"
    assert budget.used_bytes == budget.total_bytes


def test_k43_control_without_the_reserve_queues_keep_everybody_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "RESERVED_PART", 0.0)
    budget = MemoryBudget(100 * CONNECTION_BYTES)
    relay = Door(Admission("local", 1000, budget))
    assert budget.account(share=1.0, greedy=False).take(100 * CONNECTION_BYTES)
    assert relay.enter("c") == "memory"
