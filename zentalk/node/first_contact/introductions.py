"""Introductions by the owner, and to the owner."""

from __future__ import annotations

from zentalk.errors import ConfigError
from zentalk.ids import TICKET_BYTES, UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.first_contact import introducing
from zentalk.node.messages.first_contact.introducing import Introduced
from zentalk.store.history import introductions
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import StoredIntroduction
from zentalk.wire.introduction import MAX_NAME_BYTES


class Introductions:
    """Introduces contacts to each other, and lists who was introduced here."""

    def __init__(
        self, runtime: Runtime, database: HistoryDatabase, composer: Composer, outbox: Outbox
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._composer = composer
        self._outbox = outbox

    async def introduce(
        self, address: UserAddress, to: UserAddress, name: str = "", to_name: str = ""
    ) -> None:
        """Tell two contacts of each other, under these names; names of the list stay private.

        Raises LocalProtocolError, NotFoundError or ConflictError if they are not two contacts,
        ConfigError for a long name.
        """
        for told in (name, to_name):
            if len(told.encode("utf-8", "replace")) > MAX_NAME_BYTES:
                raise ConfigError(
                    f"a name that is told to others may have {MAX_NAME_BYTES} bytes: shorten it"
                )
        pair = (Introduced(address, name), Introduced(to, to_name))
        secret, now = self._runtime.entropy(TICKET_BYTES), self._runtime.wall()
        effects = await self._database.write(
            lambda tx: introducing.introduce(tx, self._composer, pair, secret, now)
        )
        await self._outbox.carry_out(effects)

    async def listing(self) -> list[StoredIntroduction]:
        """Return who was introduced and is no contact yet, oldest first."""
        return await self._database.read(introductions.every)

    async def dismiss(self, address: UserAddress) -> None:
        """Forget the introductions of a person; raises NotFoundError."""
        await self._database.write(lambda tx: introducing.dismiss(tx, address))
