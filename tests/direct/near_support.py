"""People in local networks, as the cores see them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from zentalk.crypto.ed25519 import SigningKey
from zentalk.direct.neighbours import Neighbours
from zentalk.direct.pair_seals import PairSeals
from zentalk.ids import UserAddress
from zentalk.net.runtime import seeded_entropy
from zentalk.wire.ip_address import Place

WALL = 1_800_000_000.0


def key(name: str) -> SigningKey:
    """Return somebody's identity."""
    return SigningKey(name.encode().ljust(32, b"."))


def address(name: str) -> UserAddress:
    """Return somebody's address."""
    return UserAddress(key(name).public)


def seals(own: str, contact: str) -> PairSeals:
    """Return what somebody knows of a contact."""
    return PairSeals(key(own), address(contact))


class Somebody:
    """One person at a place in a local network."""

    def __init__(self, name: str, host: str, *contacts: str, seed: str = "") -> None:
        self.name = name
        self.place: Place = (host, 40_000)
        entropy = seeded_entropy((name + seed).encode())
        self.core = Neighbours(partial(PairSeals, key(name)), entropy)
        self.core.allow({address(one) for one in contacts})
        self.contacts = [address(one) for one in contacts]

    def beacon(
        self, now: float = 0.0, wall: float = WALL, wanted: Sequence[UserAddress] | None = None
    ) -> bytes:
        """Return the beacon that goes out from the place."""
        people = self.contacts if wanted is None else wanted
        [(data, place)] = self.core.beacons(people, [self.place], now, wall)
        assert place == self.place
        return data

    def hear(
        self, data: bytes, other: Somebody, now: float = 0.0, wall: float = WALL
    ) -> UserAddress | None:
        """Take in a datagram of the group, from where somebody is."""
        return self.core.hear(data, other.place[0], now, wall)


def pair() -> tuple[Somebody, Somebody]:
    """Return two contacts in one house, each of whom has sent a beacon that the other missed."""
    alice = Somebody("alice", "192.168.1.2", "bob")
    bob = Somebody("bob", "192.168.1.3", "alice")
    for one in (alice, bob):
        one.beacon()
    return alice, bob
