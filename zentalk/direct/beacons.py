"""Beacons: when they are sent, for whom, and whether one that came is new and of a contact.

Spec: docs/spec/direct.md section 8.2. A stranger who reads one sees numbers: as many marks in each,
in an order that says nothing, and what no contact's mark fills is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from zentalk.crypto.types import Entropy
from zentalk.direct.pair_seals import PairSeals
from zentalk.ids import UserAddress
from zentalk.wire.beacon import (
    ENTRIES,
    ENTRY_BYTES,
    MARK_BYTES,
    MAX_SLOT,
    NONCE_BYTES,
    Beacon,
    encode_beacon,
)
from zentalk.wire.ip_address import Place

SLOT_SECONDS: Final = 120
"""Beacons of the slot before and after count too: clocks may differ by two minutes."""
FIRST_PAUSES: Final = (1.0, 2.0, 4.0, 8.0)
"""Seconds between the first ones: whoever comes is found soon, also where some are lost."""
PAUSE_SECONDS: Final = 15.0
SEEN_OF_ONE: Final = 256
"""Beacons of one contact that are remembered for the slots in which they count: beyond it no other
counts. Two a quarter of a minute are 48."""
_SHUFFLE_BYTES: Final = 8


def slot_at(wall: float) -> int:
    """Return the slot of a unix time in seconds."""
    return int(wall // SLOT_SECONDS) & MAX_SLOT


class BeaconTimes:
    """The times at which beacons are due: soon one after the other at first, then ever again."""

    __slots__ = ("_entropy", "_sent", "next_at")

    def __init__(self, entropy: Entropy, now: float) -> None:
        self._entropy = entropy
        self._sent = 0
        self.next_at = now

    def take(self, now: float) -> bool:
        """Say whether they are due, and count them as sent; pauses are three to five quarters."""
        if now < self.next_at:
            return False
        seconds = FIRST_PAUSES[self._sent] if self._sent < len(FIRST_PAUSES) else PAUSE_SECONDS
        self._sent += 1
        self.next_at = now + seconds * (0.75 + self._entropy(1)[0] / 512)
        return True


class BeaconTurns:
    """Whom beacons are for, where not all contacts have room in one: each in turn."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last = UserAddress(b"")

    def take(self, people: Sequence[UserAddress]) -> list[UserAddress]:
        """Return those who are next."""
        ordered = sorted(people)
        if len(ordered) <= ENTRIES:
            return ordered
        after = [one for one in ordered if one > self._last]
        chosen = [*after, *ordered][:ENTRIES]
        self._last = chosen[-1]
        return chosen


def make_beacon(
    seals: Sequence[PairSeals], beacon: tuple[int, bytes], own: Place, entropy: Entropy
) -> bytes:
    """Return a beacon with an entry for each pair, of a slot and nonce, from an own place.

    The place is the address that the beacon comes from, and the port for what comes back.
    """
    (slot, nonce), (address, port) = beacon, own
    entries = [pair.entry(slot, nonce, address, port) for pair in seals]
    entries += [entropy(ENTRY_BYTES) for _ in range(ENTRIES - len(entries))]
    entries.sort(key=lambda _: entropy(_SHUFFLE_BYTES))
    return encode_beacon(Beacon(slot, nonce, tuple(entries)))


class Recognised(NamedTuple):
    """A contact's beacon: who it is, and where an answer goes."""

    contact: UserAddress
    place: Place


class BeaconReader:
    """Knows the beacons of contacts, each once."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[UserAddress, dict[bytes, int]] = {}

    def recognise(
        self, beacon: Beacon, address: str, people: Mapping[UserAddress, PairSeals], wall: float
    ) -> Recognised | None:
        """Return whose beacon from an address this is; None if nobody's, an old one, or seen."""
        slot = slot_at(wall)
        if abs(beacon.slot - slot) > 1:
            return None
        entries = {entry[:MARK_BYTES]: entry for entry in beacon.entries}
        for contact, pair in people.items():
            entry = entries.get(pair.mark(beacon.slot, beacon.nonce, address))
            if entry is None:
                continue
            if not self._is_new(contact, beacon, slot):
                return None
            port = pair.port(beacon.slot, beacon.nonce, address, entry)
            return Recognised(contact, (address, port))
        return None

    def forget_others(self, people: Mapping[UserAddress, PairSeals]) -> None:
        """Forget what was seen of others than these."""
        self._seen = {one: seen for one, seen in self._seen.items() if one in people}

    def _is_new(self, contact: UserAddress, beacon: Beacon, slot: int) -> bool:
        seen = self._seen.setdefault(contact, {})
        if beacon.nonce in seen:
            return False
        if len(seen) >= SEEN_OF_ONE:
            for nonce in [nonce for nonce, its_slot in seen.items() if its_slot < slot - 1]:
                del seen[nonce]
            if len(seen) >= SEEN_OF_ONE:
                return False
        seen[beacon.nonce] = beacon.slot
        return True


def new_nonce(entropy: Entropy) -> bytes:
    """Return a nonce for a beacon, or for the answer to an offer."""
    return entropy(NONCE_BYTES)
