"""What a node offers, and what kind of NAT it takes itself to be behind."""

from __future__ import annotations

import pytest

from zentalk.direct.candidates import MAX_LOCAL, own_places
from zentalk.wire.direct import MAX_CANDIDATES, CandidateKind, Nat
from zentalk.wire.ip_address import Place

LOCAL = ("192.168.7.20", 4000)
SEEN, OTHER = ("11.77.1.1", 40_000), ("11.77.1.1", 40_001)
SEEN_V6 = ("2a00::1", 4000)


@pytest.mark.parametrize(
    ("echoed", "nat"),
    [
        ([], Nat.UNKNOWN),
        ([SEEN], Nat.UNKNOWN),
        ([SEEN, SEEN], Nat.STEADY),
        ([SEEN, OTHER], Nat.SYMMETRIC),
        ([SEEN, OTHER, SEEN], Nat.STEADY),
        ([SEEN, SEEN_V6], Nat.UNKNOWN),
        ([SEEN, SEEN_V6, OTHER], Nat.SYMMETRIC),
    ],
)
def test_two_relays_tell_what_kind_of_nat_it_is(echoed: list[Place], nat: Nat) -> None:
    found = own_places([LOCAL], {f"11.77.9.{n}": place for n, place in enumerate(echoed)})
    assert found.nat is nat
    assert {place for _, place in found.candidates} == {LOCAL, *echoed}


def test_what_more_relays_saw_comes_first() -> None:
    found = own_places([LOCAL], {"a": OTHER, "b": SEEN, "c": SEEN})
    assert found.candidates == (
        (CandidateKind.LOCAL, LOCAL),
        (CandidateKind.ECHOED, SEEN),
        (CandidateKind.ECHOED, OTHER),
    )


def test_without_nat_the_address_is_named_once() -> None:
    assert own_places([SEEN], {"a": SEEN, "b": SEEN}).candidates == ((CandidateKind.LOCAL, SEEN),)


def test_link_local_addresses_are_not_offered() -> None:
    assert own_places([("fe80::1", 4000), ("169.254.1.1", 4000), LOCAL], {}).candidates == (
        (CandidateKind.LOCAL, LOCAL),
    )


def test_there_is_room_for_what_relays_saw() -> None:
    local = [(f"10.0.0.{n}", 4000) for n in range(1, 20)]
    found = own_places(local, {str(n): ("11.77.1.1", 5000 + n) for n in range(20)})
    kinds = [candidate.kind for candidate in found.candidates]
    assert kinds.count(CandidateKind.LOCAL) == MAX_LOCAL
    assert len(kinds) == MAX_CANDIDATES
