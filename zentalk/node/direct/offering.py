"""Sends offers: sealed contents that are worth something for seconds only."""

from __future__ import annotations

from typing import Final

from zentalk.errors import StorageError
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.messages.compose import ITEM_KEY_BYTES, Composer
from zentalk.node.messages.conversation import direct
from zentalk.node.messages.effects import BestEffortInner
from zentalk.store.history import direct as consents
from zentalk.store.history.database import HistoryDatabase
from zentalk.wire.direct import DirectOffer, encode_offer

OFFER_SECONDS: Final = 60.0
"""How long an offer is sent again without an ack; nobody waits for its answer for longer."""


class OfferSender:
    """Sends offers to contacts, each in the place of the last one."""

    def __init__(
        self, runtime: Runtime, database: HistoryDatabase, composer: Composer, outbox: Outbox
    ) -> None:
        self._entropy = runtime.entropy
        self._database = database
        self._composer = composer
        self._outbox = outbox
        self.consents = outbox.consents
        """Set when direct connections are allowed with others than before."""
        self._keys: dict[UserAddress, bytes] = {}

    async def agreed(self) -> frozenset[UserAddress]:
        """Return with whom direct connections are allowed; raises StorageError."""
        return await self._database.read(consents.agreed)

    async def send(self, contact: UserAddress, offer: DirectOffer) -> bool:
        """Send an offer; False if it may not be sent, or cannot."""
        encoded = encode_offer(offer)
        try:
            made = await self._database.write(
                lambda tx: direct.make_offer(tx, self._composer, contact, encoded)
            )
        except StorageError:
            return False
        if made is None:
            return False
        key = self._keys.setdefault(contact, self._entropy(ITEM_KEY_BYTES))
        self._outbox.send_best_effort(
            BestEffortInner(contact, made, key, lasts_seconds=OFFER_SECONDS)
        )
        return True
