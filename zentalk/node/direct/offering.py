"""Sends offers: over relays as sealed contents, and to who is near without one.

They are worth something for seconds only.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from zentalk.errors import StorageError
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.direct.nearby import Nearby
from zentalk.node.direct.ways import DirectSession, OwnOffer
from zentalk.node.messages.compose import ITEM_KEY_BYTES, Composer
from zentalk.node.messages.conversation import direct
from zentalk.node.messages.effects import BestEffortInner
from zentalk.store.history import direct as consents
from zentalk.store.history.database import HistoryDatabase
from zentalk.wire.direct import DirectOffer, encode_offer

OFFER_SECONDS: Final = 60.0
"""How long an offer is sent again without an ack; nobody waits for its answer for longer."""


class _UnderWay(NamedTuple):
    session: bytes
    number: int
    """That of the outbox."""


class OfferSender:
    """Sends offers to contacts; calls go each in the place of the last one.

    One that was sent again after a newer one would replace it where a contact collects.
    """

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        composer: Composer,
        outbox: Outbox,
        nearby: Nearby | None = None,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._composer = composer
        self._outbox = outbox
        self._nearby = nearby
        self.consents = outbox.consents
        """Set when direct connections are allowed with others than before."""
        self._keys: dict[UserAddress, bytes] = {}
        self._under_way: dict[UserAddress, _UnderWay] = {}
        self._last = 0

    async def agreed(self) -> frozenset[UserAddress]:
        """Return with whom direct connections are allowed; raises StorageError."""
        found = await self._database.read(consents.agreed)
        if self._nearby is not None:
            self._nearby.allow(found)
        return found

    async def send(
        self, contact: UserAddress, offer: DirectOffer, *, answers: bool = False
    ) -> bool:
        """Send an offer; False if it may not be sent, or cannot.

        Calls wait for contacts who are away, so each takes the place of the last one there. One
        that `answers` a call must not: what replaces an envelope that is just being read is gone
        with it, and whoever called waits for it.
        """
        encoded = encode_offer(offer)
        is_under_way = await self._send_over_relays(
            contact, encoded, offer.session, answers=answers
        )
        return await self._send_nearby(contact, encoded) or is_under_way

    def session(self, contact: UserAddress, own: OwnOffer, theirs: DirectOffer) -> DirectSession:
        """Return a session of two offers, with all that is known of where the contact is."""
        if self._nearby is None:
            return DirectSession(own, theirs)
        return self._nearby.session(contact, own, theirs)

    async def _send_nearby(self, contact: UserAddress, encoded: bytes) -> bool:
        if self._nearby is None:
            return False
        try:
            if contact not in await self.agreed():
                return False
        except StorageError:
            return False
        return await self._nearby.send(contact, encoded)

    async def _send_over_relays(
        self, contact: UserAddress, encoded: bytes, session: bytes, *, answers: bool
    ) -> bool:
        number = self._last = max(self._last + 1, int(self._runtime.wall() * 1000))
        try:
            made = await self._database.write(
                lambda tx: direct.make_offer(tx, self._composer, contact, encoded, number)
            )
        except StorageError:
            return False
        if made is None:
            return False
        earlier = self._under_way.get(contact)
        if earlier is not None:
            self._outbox.withdraw(earlier.number)
        own = self._keys.setdefault(contact, self._runtime.entropy(ITEM_KEY_BYTES))
        key = b"" if answers else own
        one = BestEffortInner(contact, made, key, lasts_seconds=OFFER_SECONDS)
        self._under_way[contact] = _UnderWay(session, self._outbox.send_best_effort(one))
        return True

    def withdraw(self, contact: UserAddress, session: bytes) -> None:
        """Send the offer of a session no more; nothing if another one was sent since."""
        under_way = self._under_way.get(contact)
        if under_way is not None and under_way.session == session:
            del self._under_way[contact]
            self._outbox.withdraw(under_way.number)
