"""What the owner does about direct connections: allows them with a contact, and looks."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from zentalk.errors import ConflictError
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.direct.service import DirectService
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.conversation import direct
from zentalk.store.history.database import HistoryDatabase


class DirectState(NamedTuple):
    """What two people allow, and the way on which their nodes are now."""

    allowed: bool
    allowed_by_them: bool
    is_direct: bool
    why_not: str


class DirectActions:
    """See the module. Without a `service` nothing is allowed, because `impossible` says why."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        composer: Composer,
        outbox: Outbox,
        service: DirectService | None,
        impossible: str = "",
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._composer = composer
        self._outbox = outbox
        self._service = service
        self._impossible = impossible

    async def state(self, contact: UserAddress) -> DirectState:
        """Return how it is with a contact; raises NotFoundError."""
        row = await self._database.read(partial(direct.state, contact=contact))
        if self._service is None:
            return DirectState(row.allowed, row.is_allowed_there, False, self._impossible)
        is_direct, why = self._service.is_direct(contact), self._service.why_not(contact)
        return DirectState(row.allowed, row.is_allowed_there, is_direct, why)

    async def allow(self, contact: UserAddress, *, on: bool) -> DirectState:
        """Allow direct connections with a contact, or not any more; the contact is told.

        Raises NotFoundError, and ConflictError where this node makes none.
        """
        if on and self._service is None:
            raise ConflictError(self._impossible)
        now = self._runtime.wall()
        effects = await self._database.write(
            lambda tx: direct.allow(tx, self._composer, contact, now, on=on)
        )
        await self._outbox.carry_out(effects)
        return await self.state(contact)
