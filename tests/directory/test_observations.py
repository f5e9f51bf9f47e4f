from dataclasses import replace

from tests.directory.support import WALL, descriptor, node_id
from zentalk.directory.observations import (
    AGAIN_SECONDS,
    OBSERVED_SECONDS,
    AddressRules,
    Observation,
    ObservedRelays,
)
from zentalk.wire.descriptor import Descriptor

CAPPED = AddressRules(capped=True)
OWN = node_id(999)


def found(number: int, host: str = "127.0.0.1", at: float = WALL) -> Observation:
    return Observation(descriptor(number, host=host).uri, host.strip("[]"), at)


def test_a_relay_counts_for_26_hours_whatever_epoch_and_boot() -> None:
    seen = ObservedRelays(OWN, AddressRules())
    assert not seen.count(descriptor(1), WALL)
    assert seen.note(found(1))
    later = descriptor(1, boot=9, epoch=descriptor(1).epoch + 20)
    assert seen.count(later, WALL + OBSERVED_SECONDS - 1)
    assert not seen.count(later, WALL + OBSERVED_SECONDS)
    assert seen.expire(WALL + OBSERVED_SECONDS) == [node_id(1)]
    assert len(seen) == 0


def test_it_counts_at_that_address_only() -> None:
    seen = ObservedRelays(OWN, AddressRules())
    seen.note(found(1))
    assert not seen.count(descriptor(1, host="10.0.0.1"), WALL)
    assert not seen.count(descriptor(2), WALL)
    assert seen.count(descriptor(999, host="10.0.0.1"), WALL), "a relay observes itself"


def test_a_relay_that_moved_is_where_it_was_reached_last() -> None:
    seen = ObservedRelays(OWN, CAPPED)
    seen.note(found(1, "8.8.8.8"))
    assert seen.note(found(1, "9.9.9.9"))
    assert not seen.count(descriptor(1, host="8.8.8.8"), WALL)
    assert seen.note(found(2, "8.8.8.8")), "its place is free"


def at(number: int, *hosts: str) -> list[Observation]:
    """Return observations of one relay at hosts, each a second after the one before."""
    return [found(number, host, WALL + second) for second, host in enumerate(hosts)]


def noted(seen: ObservedRelays, observations: list[Observation]) -> list[bool]:
    """Take note of observations of a relay that names all their hosts."""
    named = [one.uri for one in observations]
    return [seen.note(one, named) for one in observations]


def several(number: int, *hosts: str) -> Descriptor:
    whole = descriptor(number, host=hosts[0])
    return replace(whole, body=replace(whole.body, further_hosts=hosts[1:]))


def test_a_relay_is_observed_at_each_address_that_it_names_the_last_one_first() -> None:
    seen = ObservedRelays(OWN, CAPPED)
    first, second = at(1, "8.8.8.8", "[2a00:1450::1]")
    assert noted(seen, [first, second]) == [True, True]
    relay = several(1, "8.8.8.8", "[2a00:1450::1]", "9.9.9.9")
    assert seen.named_by(relay) == [second, first]
    assert seen.named_by(several(1, "8.8.8.8")) == [first]
    assert [uri.host for uri in seen.unreached(relay)] == ["9.9.9.9"]
    assert len(seen) == 1
    again = first._replace(at=WALL + 9)
    seen.note(again, relay.uris())
    assert seen.named_by(relay) == [again, second]


def test_each_of_its_observations_ends_for_itself() -> None:
    seen = ObservedRelays(OWN, CAPPED)
    first, second = at(1, "8.8.8.8", "9.9.9.9")
    noted(seen, [first, second._replace(at=WALL + 1000)])
    relay = several(1, "8.8.8.8", "9.9.9.9")
    assert seen.expire(WALL + OBSERVED_SECONDS) == []
    assert [one.address for one in seen.named_by(relay)] == ["9.9.9.9"]
    assert seen.note(found(2, "8.8.8.8", WALL + OBSERVED_SECONDS)), "its place is free"
    assert seen.expire(WALL + 1000 + OBSERVED_SECONDS) == [node_id(1)]


def test_another_key_takes_over_the_one_place_where_it_answers() -> None:
    seen = ObservedRelays(OWN, CAPPED)
    noted(seen, at(1, "8.8.8.8", "9.9.9.9"))
    assert seen.note(found(1001, "9.9.9.9")), "port 9001 for both"
    relay = several(1, "8.8.8.8", "9.9.9.9")
    assert [one.address for one in seen.named_by(relay)] == ["8.8.8.8"]


def test_a_relay_has_four_addresses_at_most_and_each_once() -> None:
    seen = ObservedRelays(OWN, AddressRules())
    hosts = [f"8.8.{number}.8" for number in range(6)]
    noted(seen, at(1, *hosts))
    assert [one.address for one in seen._all()] == hosts[:1:-1]
    names = [descriptor(2, host=host).uri for host in ("one.example", "two.example")]
    for uri in names:
        assert seen.note(Observation(uri, "9.9.9.9", WALL), names)
    assert [one.uri for one in seen._of(node_id(2))] == names[1:], "two names, one address"


def test_k46_each_address_takes_room_and_a_spare_one_gives_way_to_a_relay_without_any() -> None:
    seen = ObservedRelays(OWN, CAPPED)
    for number in range(1, 9):
        assert noted(seen, at(number, f"8.8.8.{number}", f"{number}.9.9.9")) == [True, True]
    assert noted(seen, at(20, "20.9.9.9", "8.8.8.20")) == [True, False], "it has an address"
    assert seen.note(found(21, "8.8.8.21"))
    gone = several(1, "8.8.8.1", "1.9.9.9")
    assert [one.address for one in seen.named_by(gone)] == ["1.9.9.9"]
    assert not seen.note(found(22, "1.9.9.9")), "what a relay has for its own it keeps"


def test_k46_what_was_a_relays_own_address_is_spare_once_it_was_reached_elsewhere() -> None:
    seen = ObservedRelays(OWN, CAPPED)
    first, second = at(1, "8.8.8.8", "9.9.9.9")
    noted(seen, [first, second])
    seen.note(first._replace(at=WALL + 9), [first.uri, second.uri])
    assert not seen.note(found(2, "8.8.8.8"))
    assert seen.note(found(2, "9.9.9.9"))
    seen.note(second, [first.uri, second.uri])
    assert [one.address for one in seen._all()] == ["8.8.8.8", "9.9.9.9"]


def test_a_relay_that_finds_no_room_elsewhere_keeps_what_it_had() -> None:
    seen = ObservedRelays(OWN, CAPPED)
    seen.note(found(2, "9.9.9.9"))
    noted(seen, at(1, "8.8.8.8", "7.7.7.7"))
    before = seen._of(node_id(1))
    other_port = found(1, "9.9.9.9")
    moved = other_port._replace(uri=other_port.uri._replace(port=9500))
    assert not seen.note(moved)
    assert seen._of(node_id(1)) == before


def test_of_two_keys_at_one_address_the_later_one_is_there_after_a_restart() -> None:
    seen = ObservedRelays(OWN, CAPPED)
    older, newer = found(1, "8.8.8.8", WALL - 100), found(1001, "8.8.8.8", WALL - 50)
    seen.restore([newer, older], WALL)
    assert seen._all() == [newer]


def test_all_addresses_of_a_relay_are_back_after_a_restart() -> None:
    seen, again = ObservedRelays(OWN, CAPPED), ObservedRelays(OWN, CAPPED)
    noted(seen, at(1, "8.8.8.8", "9.9.9.9"))
    again.restore(seen._all(), WALL + 9)
    assert again._all() == seen._all()


def test_another_key_at_the_same_place_takes_it_over() -> None:
    """Only the key that answers there now can have a place there."""
    seen = ObservedRelays(OWN, CAPPED)
    seen.note(found(1, "8.8.8.8"))
    assert seen.note(found(1001, "8.8.8.8")), "port 9001 for both"
    assert not seen.count(descriptor(1, host="8.8.8.8"), WALL)


def test_k46_in_main_there_is_one_relay_an_address_8_a_subnet_and_128_a_wide_one() -> None:
    seen = ObservedRelays(OWN, CAPPED)
    assert seen.note(found(1, "8.8.8.8"))
    assert not seen.note(found(2, "8.8.8.8"))
    subnet = [seen.note(found(10 + n, f"8.8.8.{100 + n}")) for n in range(9)]
    assert subnet == [True] * 7 + [False] * 2
    wide = [seen.note(found(100 + n, f"8.8.{10 + n // 8}.{n % 8}")) for n in range(130)]
    assert wide == [True] * 120 + [False] * 10
    assert seen.note(found(3, "[2a00:1450::1]"))
    assert not seen.note(found(4, "[2a00:1450::2]")), "one in a /64"


def test_k46_an_observed_relay_never_gives_way_and_one_of_a_day_ago_does() -> None:
    seen = ObservedRelays(OWN, CAPPED)
    seen.note(found(1, "8.8.8.8"))
    for number in range(2, 50):
        assert not seen.note(found(number, "8.8.8.8", WALL + 1000))
    assert seen.count(descriptor(1, host="8.8.8.8"), WALL + 1000)
    later = WALL + OBSERVED_SECONDS
    seen.expire(later)
    assert seen.note(found(2, "8.8.8.8", later))


def test_other_networks_have_no_caps_and_all_have_a_bound() -> None:
    seen = ObservedRelays(OWN, AddressRules(), most=20)
    assert [seen.note(found(number)) for number in range(25)] == [True] * 20 + [False] * 5


def test_relays_are_reached_anew_after_a_day() -> None:
    seen = ObservedRelays(OWN, AddressRules())
    seen.note(found(1))
    assert seen.old(WALL + AGAIN_SECONDS - 1) == []
    assert seen.old(WALL + AGAIN_SECONDS) == [descriptor(1).uri]
    seen.note(found(1, at=WALL + AGAIN_SECONDS))
    assert seen.old(WALL + AGAIN_SECONDS) == []


def test_what_was_kept_counts_unless_it_is_too_old() -> None:
    seen = ObservedRelays(OWN, AddressRules())
    ahead, old = found(1, at=WALL + 9e9), found(2, at=WALL - OBSERVED_SECONDS)
    seen.restore([ahead, old], WALL)
    assert len(seen) == 1
    assert not seen.count(descriptor(1), WALL + OBSERVED_SECONDS), "counted from now"


def test_k46_an_ipv6_range_has_few_places() -> None:
    seen = ObservedRelays(OWN, CAPPED)
    one_48 = [seen.note(found(n, f"[2a00:1450:0:{n:x}::1]")) for n in range(1, 11)]
    assert one_48 == [True] * 8 + [False] * 2
    one_32 = [
        seen.note(found(100 + n, f"[2a00:1450:{1 + n // 8:x}:{n % 8:x}::1]")) for n in range(130)
    ]
    assert one_32 == [True] * 120 + [False] * 10, "128 with those above"


def test_k47_every_lanes_port_must_be_one_of_a_relay() -> None:
    whole = descriptor(1, host="8.8.8.8", network="main")
    mail = replace(whole.lanes[0], port=25)
    bad = replace(whole, body=replace(whole.body, lanes=(*whole.lanes, mail)))
    rules = AddressRules(public_only=True)
    assert rules.allow(whole)
    assert not rules.allow(bad)


def test_k46_a_relay_counts_for_26_hours() -> None:
    assert OBSERVED_SECONDS == 26 * 3600
