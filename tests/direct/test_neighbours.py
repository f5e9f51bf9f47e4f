"""Contacts in one local network find each other, and nobody else learns or causes anything."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.direct.near_support import WALL, Somebody, address, pair, seals
from zentalk.direct import neighbours as module
from zentalk.direct.beacons import SLOT_SECONDS
from zentalk.direct.neighbours import (
    MAX_NONCES,
    MAX_PLACES,
    NEAR_SECONDS,
    NONCE_SECONDS,
    OFFER_SECONDS,
)
from zentalk.ids import UserAddress
from zentalk.wire.beacon import NEAR_OFFER_BYTES, NearOffer

ALICE, BOB = address("alice"), address("bob")


def met() -> tuple[Somebody, Somebody, bytes]:
    """Return both, after bob has heard alice and has called her, and the call."""
    alice, bob = pair()
    assert bob.hear(alice.beacon(), alice) == ALICE
    [(call, place)] = bob.core.offer(ALICE, b"call", 0.0)
    assert place == alice.place
    return alice, bob, call


def test_offers_go_both_ways_without_a_relay() -> None:
    alice, bob, call = met()
    assert len(call) == NEAR_OFFER_BYTES
    assert alice.core.open(call, bob.place, 0.1) == (BOB, b"call")
    assert alice.core.places(BOB, 0.1) == [bob.place]
    [(answer, place)] = alice.core.offer(BOB, b"answer", 0.2)
    assert place == bob.place
    assert bob.core.open(answer, alice.place, 0.3) == (ALICE, b"answer")


@given(st.permutations(["bob hears", "alice hears"]), st.booleans())
def test_two_who_call_at_once_have_both_calls(order: list[str], both_first: bool) -> None:
    """Which of the two counts, the sessions in them decide, as over relays."""
    alice, bob = pair()
    beacons = (alice.beacon(), bob.beacon())
    for step in order:
        if step == "bob hears":
            bob.hear(beacons[0], alice)
        else:
            alice.hear(beacons[1], bob)
    [(of_bob, _)] = bob.core.offer(ALICE, b"of bob", 0.0)
    [(of_alice, _)] = alice.core.offer(BOB, b"of alice", 0.0)
    if both_first:
        assert bob.core.open(of_alice, alice.place, 0.0) == (ALICE, b"of alice")
        assert alice.core.open(of_bob, bob.place, 0.0) == (BOB, b"of bob")
    else:
        assert alice.core.open(of_bob, bob.place, 0.0) == (BOB, b"of bob")
        assert bob.core.open(of_alice, alice.place, 0.0) == (ALICE, b"of alice")


def test_an_offer_counts_once_whoever_sends_it_again() -> None:
    alice, bob, call = met()
    assert alice.core.open(call, bob.place, 0.0) is not None
    bob.hear(alice.beacon(1.0), alice, 1.0)
    [(newer, _)] = bob.core.offer(ALICE, b"newer", 1.0)
    assert alice.core.open(newer, bob.place, 1.0) == (BOB, b"newer")
    for source in (bob.place, ("192.168.1.66", 40_000)):
        assert alice.core.open(call, source, 2.0) is None
    assert alice.core.places(BOB, 2.0) == [bob.place], "and it makes nobody's place one of his"


def test_an_offer_comes_too_late_after_a_minute() -> None:
    alice, bob, call = met()
    assert alice.core.open(call, bob.place, NONCE_SECONDS + 1) is None
    assert alice.core.open(call, bob.place, NONCE_SECONDS) is not None


def test_a_nonce_takes_one_offer_and_an_offer_that_waits_goes_under_the_next() -> None:
    alice, bob, _ = met()
    assert bob.core.due(1.0) == []
    assert bob.hear(alice.beacon(2.0), alice, 2.0) is None, "she was near already"
    [(again, _)] = bob.core.due(2.0)
    assert alice.core.open(again, bob.place, 2.0) == (BOB, b"call")
    bob.hear(alice.beacon(OFFER_SECONDS), alice, OFFER_SECONDS)
    assert bob.core.due(OFFER_SECONDS) == [], "nobody waits for its answer any more"


def test_an_offer_that_was_made_before_a_beacon_came_goes_when_it_comes() -> None:
    alice, bob = pair()
    assert bob.core.offer(ALICE, b"call", 0.0) == []
    bob.hear(alice.beacon(), alice)
    [(call, place)] = bob.core.due(1.0)
    assert place == alice.place
    assert alice.core.open(call, bob.place, 1.0) == (BOB, b"call")


def test_who_stays_near_is_to_be_called_ever_less_often() -> None:
    alice, bob = pair()
    called = [
        10 * number
        for number in range(1000)
        for now in [10.0 * number]
        if bob.hear(alice.beacon(now, WALL + now), alice, now, WALL + now) == ALICE
    ]
    assert called == [0, 60, 180, 420, 900, 1860, 3660, 5460, 7260, 9060]


def test_an_offer_that_is_sent_again_is_taken_once_and_can_be_answered_again() -> None:
    alice, bob, call = met()
    assert alice.core.open(call, bob.place, 0.0) == (BOB, b"call")
    [(lost, _)] = alice.core.offer(BOB, b"answer", 0.0)
    bob.hear(alice.beacon(2.0), alice, 2.0)
    [(again, _)] = bob.core.due(2.0)
    assert alice.core.open(again, bob.place, 2.0) is None
    [(answer, _)] = alice.core.due(2.0)
    assert bob.core.open(answer, alice.place, 2.0) == (ALICE, b"answer")
    assert bob.core.open(lost, alice.place, 2.0) is None


def test_who_was_not_heard_for_long_is_new_again_and_its_place_is_forgotten() -> None:
    alice, bob, _ = met()
    assert bob.core.places(ALICE, NEAR_SECONDS - 1) == [alice.place]
    assert bob.core.places(ALICE, NEAR_SECONDS) == []
    assert bob.hear(alice.beacon(NEAR_SECONDS), alice, NEAR_SECONDS) == ALICE


def test_a_strangers_beacon_is_nothing() -> None:
    bob = pair()[1]
    mallory = Somebody("mallory", "192.168.1.4", "bob", "alice")
    assert bob.hear(mallory.beacon(), mallory) is None
    assert bob.core.offer(ALICE, b"call", 0.0) == []
    assert bob.core.offer(address("mallory"), b"call", 0.0) == []


def test_a_beacon_for_another_pair_is_nothing() -> None:
    bob = pair()[1]
    carols = Somebody("alice", "192.168.1.2", "carol")
    assert bob.hear(carols.beacon(), carols) is None
    assert bob.core.places(ALICE, 0.0) == []


def test_our_own_beacon_is_nothing() -> None:
    alice, _ = pair()
    assert alice.hear(alice.beacon(), alice) is None


def of_yesterday(alice: Somebody, bob: Somebody) -> None:
    old = alice.beacon(wall=WALL - 86_400)
    assert bob.hear(old, alice) is None


def again(alice: Somebody, bob: Somebody) -> None:
    beacon = alice.beacon()
    assert bob.hear(beacon, alice) == ALICE
    bob.core.offer(ALICE, b"call", 0.0)
    assert bob.hear(beacon, alice, NEAR_SECONDS, WALL + NEAR_SECONDS) is None
    assert bob.core.due(1.0) == []


def from_elsewhere(alice: Somebody, bob: Somebody) -> None:
    thief = Somebody("mallory", "192.168.1.66")
    assert bob.hear(alice.beacon(), thief) is None


@pytest.mark.parametrize("replay", [of_yesterday, again, from_elsewhere])
def test_a_beacon_that_is_sent_again_leads_nowhere(
    replay: Callable[[Somebody, Somebody], None],
) -> None:
    alice, bob = pair()
    replay(alice, bob)
    assert all(place == alice.place for place in bob.core.places(ALICE, 0.0))


def test_control_a_beacon_at_its_time_and_from_its_place_is_known() -> None:
    alice, bob = pair()
    assert bob.hear(alice.beacon(wall=WALL - SLOT_SECONDS), alice) == ALICE


def test_a_beacon_from_another_network_is_nothing_whoever_forged_its_source() -> None:
    """Its contact sent it elsewhere, and somebody carried it here, with its source."""
    bob = pair()[1]
    away = Somebody("alice", "10.9.8.7", "bob")
    assert bob.hear(away.beacon(), away) is None
    low = Somebody("alice", "192.168.1.2", "bob")
    low.place = ("192.168.1.2", 53)
    assert bob.hear(low.beacon(), low) is None, "and none leads to a service"


def test_an_offer_from_another_network_is_nothing() -> None:
    alice, bob, call = met()
    assert alice.core.open(call, ("11.77.1.1", 40_000), 0.0) is None
    assert alice.core.open(call, bob.place, 0.0) is not None


@given(st.binary(max_size=NEAR_OFFER_BYTES + 1))
def test_what_strangers_send_is_nothing(data: bytes) -> None:
    alice, bob, _ = met()
    for prefix in (b"", b"\x0b", b"\x0c"):
        assert alice.core.open(prefix + data, bob.place, 0.0) is None
        assert alice.hear(prefix + data, bob) is None


def test_a_forged_offer_under_a_mark_that_was_read_does_not_use_it_up() -> None:
    alice, bob, call = met()
    assert alice.core.open(call[:-1] + bytes([call[-1] ^ 1]), bob.place, 0.0) is None
    assert alice.core.open(call, bob.place, 0.0) is not None


def test_who_is_allowed_nothing_any_more_is_forgotten_at_once() -> None:
    alice, bob, call = met()
    alice.core.allow(set())
    assert alice.core.open(call, bob.place, 0.0) is None
    assert BOB not in alice.core
    bob.core.allow(set())
    assert bob.core.places(ALICE, 0.0) == []
    assert bob.core.due(0.0) == []
    assert bob.core.beacons([ALICE], [bob.place], 0.0, WALL) == []
    fresh = Somebody("alice", "192.168.1.2", "bob", seed="again")
    assert bob.hear(fresh.beacon(), fresh) is None


def test_an_address_that_is_no_key_is_nobodys() -> None:
    alice = Somebody("alice", "192.168.1.2")
    nobody = UserAddress(bytes(32))
    alice.core.allow({nobody})
    assert nobody not in alice.core
    assert alice.core.beacons([nobody], [alice.place], 0.0, WALL) == []


def test_what_a_contact_can_make_large_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = pair()
    for number in range(2, 60):
        mover = Somebody("alice", f"192.168.1.{number}", "bob", seed=str(number))
        bob.hear(mover.beacon(), mover, number / 10)
    assert len(bob.core.places(ALICE, 6.0)) == MAX_PLACES
    monkeypatch.setattr(module, "MAX_NONCES", 64)
    beacons = [bob.beacon(number / 100) for number in range(200)]
    mallory_call = seals("alice", "bob")
    oldest, newest = (
        mallory_call.seal(beacon[5:21], NearOffer(bytes(16), b""), bytes)
        for beacon in (beacons[0], beacons[-1])
    )
    assert bob.core.open(oldest, alice.place, 2.0) is None
    assert bob.core.open(newest, alice.place, 2.0) == (ALICE, b"")
    assert MAX_NONCES > 16 * 8 * NONCE_SECONDS / 15, "all of a minute have room"


def test_each_of_many_addresses_has_a_beacon_of_its_own() -> None:
    """Who is in two networks of ours does not see that it is one node."""
    alice = Somebody("alice", "192.168.1.2", "bob")
    places = [("192.168.1.2", 40_000), ("10.0.0.2", 40_000), ("fe80::1%2", 40_000)]
    made = alice.core.beacons([BOB], places, 0.0, WALL)
    assert [place for _, place in made] == places
    parts = [{data[5:21], *(data[at : at + 10] for at in range(21, 181, 10))} for data, _ in made]
    assert len(set.union(*parts)) == sum(map(len, parts))
    bob = Somebody("bob", "fe80::2%7", "alice")
    bob.beacon()
    assert bob.core.hear(made[2][0], "fe80::1%7", 0.0, WALL) == ALICE
    assert bob.core.places(ALICE, 0.0) == [("fe80::1%7", 40_000)]
