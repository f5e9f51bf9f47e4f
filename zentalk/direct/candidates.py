"""Says which addresses a node offers to a contact, and what kind of NAT it seems to be behind."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from zentalk.wire.direct import MAX_CANDIDATES, CandidateKind, DirectCandidate, Nat
from zentalk.wire.ip_address import Place

MAX_LOCAL: Final = 4
"""Candidates of the machine's own addresses: the rest is room for what relays saw."""


class OwnPlaces(NamedTuple):
    """The part of an offer that tells where somebody is."""

    candidates: tuple[DirectCandidate, ...]
    nat: Nat


def own_places(local: Sequence[Place], echoed: Mapping[str, Place]) -> OwnPlaces:
    """Join local places with what relays saw, by the relay's address.

    What more relays saw comes first. Link-local addresses are left out: they say nothing without
    the name of an interface.
    """
    seen = Counter(echoed.values())
    machine = [place for place in dict.fromkeys(local) if not _is_link_local(place[0])]
    of_machine = [DirectCandidate(CandidateKind.LOCAL, place) for place in machine[:MAX_LOCAL]]
    of_relays = [
        DirectCandidate(CandidateKind.ECHOED, place)
        for place, _ in seen.most_common()
        if place not in machine[:MAX_LOCAL]
    ]
    return OwnPlaces((*of_machine, *of_relays)[:MAX_CANDIDATES], _nat(seen))


def _nat(seen: Counter[Place]) -> Nat:
    """Two that agree are believed: a third relay that lies makes nobody symmetric."""
    if any(count > 1 for count in seen.values()):
        return Nat.STEADY
    families = Counter(ipaddress.ip_address(address).version for address, _ in seen)
    return Nat.SYMMETRIC if any(count > 1 for count in families.values()) else Nat.UNKNOWN


def _is_link_local(address: str) -> bool:
    return ipaddress.ip_address(address).is_link_local
