"""Asks some relays from which address our datagrams come. Spec: docs/spec/direct.md section 2.

A relay without echo says nothing, as one that is away: after three questions it counts as none. An
answer counts if it has the transaction of our question and comes from where the question went.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import cycle
from typing import Final, TypeAlias

from zentalk.crypto.types import Entropy
from zentalk.errors import DecodeError
from zentalk.wire.echo import (
    TRANSACTION_BYTES,
    decode_echo_answer,
    encode_echo_question,
    network_tag,
)
from zentalk.wire.ip_address import Place

MAX_RELAYS: Final = 4
"""Relays that are asked: each of them learns that this address wants a direct connection."""
PAUSES: Final = (0.5, 1.0, 1.5)
"""Seconds to wait after each question."""
SURVEY_SECONDS: Final = sum(PAUSES)

Sending: TypeAlias = tuple[bytes, Place]
"""A datagram, and where to send it."""


def places_to_ask(relays: Iterable[Sequence[Place]], families: AbstractSet[int]) -> list[Place]:
    """Choose up to four places of relays, given in order of preference with the places of each.

    Each relay is asked at one place, so that it does not learn which addresses belong together.
    `families` are the versions of IP over which a way leads anywhere, and about as many places are
    of each: a contact may be reached over one of them alone.
    """
    left = [{version_of(place): place for place in reversed(places)} for places in relays]
    turns = cycle(sorted(families))
    chosen: list[Place] = []
    while len(chosen) < MAX_RELAYS and any(families & places.keys() for places in left):
        family = next(turns)
        relay = next((places for places in left if family in places), None)
        if relay is not None:
            chosen.append(relay[family])
            left.remove(relay)
    return chosen


def version_of(place: Place) -> int:
    """Return the version of IP that a place is of."""
    return ipaddress.ip_address(place[0]).version


class AddressSurvey:
    """One round of questions to up to four relays, of which each host counts once."""

    def __init__(self, network: str, relays: Sequence[Place], entropy: Entropy, now: float) -> None:
        self._tag = network_tag(network)
        asked = {address: (address, port) for address, port in reversed(relays)}
        chosen = list(reversed(asked.values()))[:MAX_RELAYS]
        self._open = {entropy(TRANSACTION_BYTES): place for place in chosen}
        self._asked = 0
        self._next_at = now
        self.echoed: dict[str, Place] = {}
        """The answers so far, by the address of the relay."""

    @property
    def next_at(self) -> float | None:
        """The time to call `wake` next; None once it is over."""
        return self._next_at if self._open else None

    def wake(self, now: float) -> list[Sending]:
        """Return the questions that are due; gives up whoever was asked often enough."""
        if not self._open or now < self._next_at:
            return []
        if self._asked == len(PAUSES):
            self._open.clear()
            return []
        self._next_at = now + PAUSES[self._asked]
        self._asked += 1
        return [
            (encode_echo_question(self._tag, transaction), place)
            for transaction, place in self._open.items()
        ]

    def receive(self, data: bytes, source: Place) -> bool:
        """Take in a datagram; False if it answers none of our questions."""
        try:
            answer = decode_echo_answer(data, self._tag)
        except DecodeError:
            return False
        if self._open.get(answer.transaction) != source:
            return False
        del self._open[answer.transaction]
        self.echoed[source[0]] = answer.place
        return True
