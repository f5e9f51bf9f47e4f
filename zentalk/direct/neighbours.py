"""Contacts in the local network: what lets them find us, and which of what comes is theirs.

Spec: docs/spec/direct.md section 8. Offers go here under a nonce that the other side gave out, in a
beacon or in an offer, and each nonce takes one. So what somebody recorded is nothing, whoever sends
it again from wherever; and an answer needs no relay.

It must never send to a place that is not in an own subnet, nor because of what is not a contact's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from zentalk.crypto.types import Entropy
from zentalk.direct.beacons import BeaconReader, BeaconTurns, make_beacon, new_nonce, slot_at
from zentalk.direct.pair_seals import PairSeals
from zentalk.direct.places import Subnet, is_neighbour, own_subnet
from zentalk.direct.survey import Sending
from zentalk.errors import AuthenticationError, DecodeError
from zentalk.ids import UserAddress
from zentalk.wire.beacon import NearOffer, decode_beacon, decode_sealed_offer
from zentalk.wire.ip_address import Place

NEAR_SECONDS: Final = 90.0
"""After so long without a beacon somebody is not near any more, and is new when one comes."""
FIRST_CALL_SECONDS: Final = 60.0
LONGEST_CALL_SECONDS: Final = 1800.0
"""Whoever stays near is to be called again, after pauses that double from the first to the other:
a search that began before somebody came did not look where they are."""
OFFER_SECONDS: Final = 30.0
"""The time in which an offer also goes to places that are heard of: nobody waits longer."""
NONCE_SECONDS: Final = 60.0
"""The time in which an offer may come under a nonce that we gave out."""
MAX_PLACES: Final = 4
"""Places of one contact: of more the one that was heard of longest ago is forgotten."""
MAX_NONCES: Final = 4096
"""Nonces that we gave out, once for each contact; of more the oldest are forgotten."""


class _Given(NamedTuple):
    contact: UserAddress
    nonce: bytes
    until: float


class _Heard:
    """A place of a contact, and the nonce under which one offer may go there."""

    __slots__ = ("at", "nonce")

    def __init__(self, at: float, nonce: bytes) -> None:
        self.at = at
        self.nonce: bytes | None = nonce


class _Calls:
    """The times at which somebody near is to be called."""

    __slots__ = ("_next_at", "_pause")

    def __init__(self) -> None:
        self._pause = 0.0
        self._next_at = 0.0

    def take(self, now: float, *, is_new: bool) -> bool:
        """Say whether to call somebody who was just heard, and was not near before if new."""
        if not is_new and now < self._next_at:
            return False
        longer = min(2 * self._pause, LONGEST_CALL_SECONDS)
        self._pause = FIRST_CALL_SECONDS if is_new else longer
        self._next_at = now + self._pause
        return True


class Neighbours:
    """The contacts with whom direct connections are allowed, as far as they are near.

    `seals_with` makes what is known of a contact alone; it may raise AuthenticationError. `now` is
    monotonic seconds, `wall` unix time.
    """

    def __init__(self, seals_with: Callable[[UserAddress], PairSeals], entropy: Entropy) -> None:
        self._seals_with = seals_with
        self._entropy = entropy
        self._people: dict[UserAddress, PairSeals] = {}
        self._reader = BeaconReader()
        self._turns = BeaconTurns()
        self._given: dict[bytes, _Given] = {}
        self._heard: dict[UserAddress, dict[Place, _Heard]] = {}
        self._calls: dict[UserAddress, _Calls] = {}
        self._pending: dict[UserAddress, tuple[bytes, float]] = {}
        self._taken: dict[UserAddress, bytes] = {}
        self.subnets: tuple[Subnet, ...] = ()
        """Those of the addresses from which the last beacons went."""

    def __contains__(self, contact: object) -> bool:
        return contact in self._people

    def allow(self, people: Collection[UserAddress]) -> None:
        """Know these people's beacons from now on, and forget all others."""
        for contact in self._people.keys() - people:
            del self._people[contact]
            self._heard.pop(contact, None)
            self._calls.pop(contact, None)
            self._pending.pop(contact, None)
            self._taken.pop(contact, None)
        for contact in people - self._people.keys():
            try:
                self._people[contact] = self._seals_with(contact)
            except AuthenticationError:
                continue  # its address is no key: nobody has it
        self._reader.forget_others(self._people)
        self._given = {mark: one for mark, one in self._given.items() if one.contact in people}

    def beacons(
        self, wanted: Iterable[UserAddress], own: Sequence[Place], now: float, wall: float
    ) -> list[tuple[bytes, Place]]:
        """Return a beacon for each own place to send it from, with marks of who is wanted."""
        self.subnets = tuple(dict.fromkeys(own_subnet(address) for address, _ in own))
        chosen = self._turns.take([one for one in wanted if one in self._people])
        if not chosen:
            return []
        made = []
        for place in own:
            nonce = new_nonce(self._entropy)
            for contact in chosen:
                self._give(contact, nonce, now)
            seals = [self._people[contact] for contact in chosen]
            made.append((make_beacon(seals, (slot_at(wall), nonce), place, self._entropy), place))
        return made

    def hear(self, data: bytes, address: str, now: float, wall: float) -> UserAddress | None:
        """Take in what came from an address; return who is near and to be called now."""
        try:
            beacon = decode_beacon(data)
        except DecodeError:
            return None
        found = self._reader.recognise(beacon, address, self._people, wall)
        if found is None or not is_neighbour(found.place, self.subnets):
            return None
        was_near = any(now - one.at < NEAR_SECONDS for one in self._places(found.contact).values())
        self._note(found.contact, found.place, beacon.nonce, now)
        calls = self._calls.setdefault(found.contact, _Calls())
        return found.contact if calls.take(now, is_new=not was_near) else None

    def open(self, data: bytes, source: Place, now: float) -> tuple[UserAddress, bytes] | None:
        """Return whose offer came from a place; None if it is nobody's, or came before.

        One that its contact sends again, as an answer may be lost, has another nonce to answer.
        """
        try:
            sealed = decode_sealed_offer(data)
        except DecodeError:
            return None
        given = self._given.get(sealed.mark)
        if given is None or now > given.until or not is_neighbour(source, self.subnets):
            return None
        near = self._people[given.contact].open(given.nonce, sealed)
        if near is None:
            return None
        del self._given[sealed.mark]
        self._note(given.contact, source, near.nonce, now)
        if self._taken.get(given.contact) == near.offer:
            return None
        self._taken[given.contact] = near.offer
        return given.contact, near.offer

    def offer(self, contact: UserAddress, offer: bytes, now: float) -> list[Sending]:
        """Return an offer to where a contact is near; if it is soon, `due` returns it then."""
        if contact not in self._people:
            return []
        self._pending[contact] = offer, now + OFFER_SECONDS
        return self.due(now)

    def due(self, now: float) -> list[Sending]:
        """Return the offers that wait, to the places that were heard of and had none since."""
        self._pending = {who: one for who, one in self._pending.items() if now < one[1]}
        sending: list[Sending] = []
        for contact, (offer, _) in self._pending.items():
            for place, heard in self._places(contact).items():
                if heard.nonce is None or now - heard.at >= NONCE_SECONDS:
                    continue
                back = new_nonce(self._entropy)
                near = NearOffer(back, offer)
                sealed = self._people[contact].seal(heard.nonce, near, self._entropy)
                heard.nonce = None  # the other side takes one
                self._give(contact, back, now)
                sending.append((sealed, place))
        return sending

    def places(self, contact: UserAddress, now: float) -> list[Place]:
        """Return where a contact was heard of, last first."""
        near = [(one.at, place) for place, one in self._places(contact).items()]
        return [place for at, place in sorted(near, reverse=True) if now - at < NEAR_SECONDS]

    def _places(self, contact: UserAddress) -> Mapping[Place, _Heard]:
        return self._heard.get(contact, {})

    def _note(self, contact: UserAddress, place: Place, nonce: bytes, now: float) -> None:
        heard = self._heard.setdefault(contact, {})
        heard.pop(place, None)
        heard[place] = _Heard(now, nonce)
        if len(heard) > MAX_PLACES:
            del heard[next(iter(heard))]

    def _give(self, contact: UserAddress, nonce: bytes, now: float) -> None:
        mark = self._people[contact].offer_mark(nonce)
        self._given[mark] = _Given(contact, nonce, now + NONCE_SECONDS)
        while len(self._given) > MAX_NONCES:
            del self._given[next(iter(self._given))]
