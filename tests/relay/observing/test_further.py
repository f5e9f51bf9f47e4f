"""When further addresses of relays that count are looked at: seldom, whatever is signed."""

from __future__ import annotations

import pytest

from tests.directory.support import WALL, descriptor
from tests.relay.observing.test_several_hosts import PUBLIC, at_hosts
from zentalk.directory.observations import AddressRules, Observation, ObservedRelays
from zentalk.relay.observing import further
from zentalk.relay.observing.further import CHANGED_SECONDS, SAME_SECONDS, FurtherAddresses
from zentalk.wire.descriptor import Descriptor

RELAY = at_hosts(1, "8.8.8.8", "9.9.9.9")
A_DAY = 24 * 3600


def observed(*relays: Descriptor, rules: AddressRules = PUBLIC) -> ObservedRelays:
    """Return observations of relays at their first hosts."""
    found = ObservedRelays(descriptor(0).node_id, rules)
    for relay in relays:
        found.note(Observation(relay.uri, relay.host, WALL))
    return found


def hosts(addresses: FurtherAddresses, relay: Descriptor, now: float) -> list[str]:
    return [uri.host for uri in addresses.due([relay], now)]


def test_where_a_relay_was_not_reached_is_looked_at_once_a_day() -> None:
    addresses = FurtherAddresses(observed(RELAY))
    assert [hosts(addresses, RELAY, float(now)) for now in range(0, A_DAY, 60)].count(
        ["9.9.9.9"]
    ) == 1
    assert hosts(addresses, RELAY, SAME_SECONDS) == ["9.9.9.9"]


def test_where_it_was_reached_and_of_who_was_not_reached_at_all_nothing_is_looked_at() -> None:
    seen = observed(RELAY)
    seen.note(Observation(RELAY.uris()[1], "9.9.9.9", WALL), RELAY.uris())
    addresses = FurtherAddresses(seen)
    assert hosts(addresses, RELAY, 0.0) == []
    assert hosts(FurtherAddresses(observed()), RELAY, 0.0) == []
    assert hosts(FurtherAddresses(observed(RELAY)), at_hosts(1, "8.8.8.8"), 0.0) == []


def looked_at(relays_by_minute: int) -> int:
    """Return how many victims are looked at in a day because of a relay that changes its mind."""
    addresses = FurtherAddresses(observed(RELAY))
    found = 0
    for minute in range(0, A_DAY // 60, relays_by_minute):
        named = [f"11.{minute // 250}.{minute % 250}.{number}" for number in range(3)]
        found += len(hosts(addresses, at_hosts(1, "8.8.8.8", *named), 60.0 * minute))
    return found


def test_k47_a_relay_that_signs_other_addresses_each_minute_is_looked_at_once_an_hour() -> None:
    assert looked_at(1) == 3 * A_DAY / CHANGED_SECONDS


def test_k47_control_without_that_rule_three_victims_a_minute_are_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(further, "CHANGED_SECONDS", 0.0)
    assert looked_at(1) == 3 * A_DAY / 60


def test_k47_a_relay_that_names_a_victim_now_and_then_has_it_looked_at_no_more_often() -> None:
    addresses, alone = FurtherAddresses(observed(RELAY)), at_hosts(1, "8.8.8.8")
    found = []
    for minute in range(A_DAY // 60):
        found += hosts(addresses, RELAY if minute % 2 else alone, 60.0 * minute)
    assert found == ["9.9.9.9"]


@pytest.mark.parametrize("private", ["10.0.0.1", "127.0.0.1", "[fe80::1]"])
def test_k47_no_address_is_looked_at_that_does_not_count(private: str) -> None:
    liar = at_hosts(1, "8.8.8.8", private, "9.9.9.9")
    assert hosts(FurtherAddresses(observed(liar)), liar, 0.0) == []
    anywhere = observed(liar, rules=PUBLIC._replace(public_only=False))
    assert hosts(FurtherAddresses(anywhere), liar, 0.0) == [private, "9.9.9.9"], "control"


def test_what_is_planned_is_wanted_until_another_round_or_the_relay_goes() -> None:
    addresses = FurtherAddresses(observed(RELAY))
    [planned] = addresses.due([RELAY], 0.0)
    assert planned in addresses
    assert RELAY.uri not in addresses
    addresses.due([], 60.0)
    assert planned not in addresses
