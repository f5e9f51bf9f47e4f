"""Offers that have come, and who was heard just now: what direct connections go by.

In memory only, and bounded: an offer is worth nothing after a minute, and the newest of a contact
is the only one that counts.
"""

from __future__ import annotations

from collections.abc import Iterable

from zentalk.ids import UserAddress
from zentalk.net.signal import Signal
from zentalk.node.messages.effects import UNNUMBERED, ReceivedOffer


class DirectBoard:
    """Written by what comes in, and read by one task."""

    def __init__(self) -> None:
        self._offers: dict[UserAddress, ReceivedOffer] = {}
        self._heard: set[UserAddress] = set()
        self.changed = Signal()

    def took_in(self, heard: Iterable[UserAddress], offers: Iterable[ReceivedOffer]) -> None:
        """Note whom a committed batch was from, and what offers were in it."""
        self._heard |= set(heard)
        for one in offers:
            known = self._offers.get(one.person)
            if known is None or one.number == UNNUMBERED or known.number <= one.number:
                self._offers[one.person] = one
        if self._offers or self._heard:
            self.changed.set()

    def take_offers(self) -> dict[UserAddress, ReceivedOffer]:
        """Return what has come since, the newest of each contact."""
        found, self._offers = self._offers, {}
        return found

    def take_heard(self) -> set[UserAddress]:
        """Return who was heard since."""
        found, self._heard = self._heard, set()
        return found
