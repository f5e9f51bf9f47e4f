"""Making and ending the link to a replica, and what the owner is told of it.

The secret of a code is drawn, shown once and kept as a hash. Nothing here shows the address of the
replica: nobody but this node needs it.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from zentalk.errors import ConflictError, DecodeError
from zentalk.ids import TICKET_BYTES, UserAddress
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.linked.status import OUTDONE, UNCONFIRMED, LinkCode, LinksView, LinkView
from zentalk.node.messages.first_contact import linking
from zentalk.node.messages.linked import syncing
from zentalk.store.history import events, feed, links, settings, terms, unsynced
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.links import LinkRole, LinkRow
from zentalk.store.sqlite import Transaction
from zentalk.wire.invite import InviteLink, format_link_code
from zentalk.wire.recovery import sealed_owner
from zentalk.wire.sync import FEED_BYTES

CODE_SECONDS: Final = 600.0
LINK_ID_BYTES: Final = 8
NEW_PHRASE: Final = "the recovery phrase was made anew: any earlier phrase opens nothing any more"
SILENT_SECONDS: Final = 3_600.0
"""After so long without a word of the replica the owner of a strict node is told."""


class Links:
    """The links of the owner whose address is `own`."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        outbox: Outbox,
        own: UserAddress,
        opened: Signal,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._outbox = outbox
        self._own = own
        self._opened = opened

    async def open(self) -> LinkCode:
        """Make a code for a replica; raises ConflictError if there is one already."""
        self._check()
        now, entropy = self._runtime.wall(), self._runtime.entropy
        link = LinkRow(
            id=entropy(LINK_ID_BYTES),
            role=LinkRole.REPLICA,
            created_at=now,
            expires_at=now + CODE_SECONDS,
            address=None,
            feed=entropy(FEED_BYTES),
            linked_at=None,
            acked=0,
            heard_at=None,
        )
        secret = entropy(TICKET_BYTES)
        await self._database.write(lambda tx: linking.open_code(tx, link, secret))
        self._opened.set()
        code = format_link_code(InviteLink(self._own, secret))
        return LinkCode(link.id.hex(), code, link.expires_at)

    async def remove(self, link_id: str) -> None:
        """End a link, or withdraw a code; raises NotFoundError.

        What the replica has, it keeps.
        """
        self._check()
        try:
            raw = bytes.fromhex(link_id)
        except ValueError:
            raw = b""
        now = self._runtime.wall()
        dropped = await self._database.write(lambda tx: linking.unlink(tx, raw, now))
        await self._outbox.carry_out(dropped)

    async def keep_recovery(self, sealed: bytes) -> None:
        """Keep the identity under a new recovery phrase; an earlier phrase opens nothing any more.

        Raises ConflictError if it is not this owner's.
        """
        self._check()
        try:
            is_own = sealed_owner(sealed) == self._own
        except DecodeError:
            is_own = False
        if not is_own:
            raise ConflictError("this is not the identity of this node under a phrase")
        now = self._runtime.wall()

        def job(tx: Transaction) -> None:
            settings.put(tx, terms.RECOVERY, sealed)
            events.append(tx, "recovery.changed", now, {"note": NEW_PHRASE})

        await self._database.write(job)

    async def state(self) -> LinksView:
        """Return what this node is among the owner's."""
        return await self._database.read(partial(self._state, now=self._runtime.wall()))

    def _check(self) -> None:
        """Raise ConflictError where links are not made."""

    def _state(self, tx: Transaction, now: float) -> LinksView:
        found = links.every(tx)
        replica = links.linked(tx, LinkRole.REPLICA)
        is_outdone = terms.outdone_by(tx) > terms.own(tx)
        silent = replica is not None and now > (replica.heard_at or 0.0) + SILENT_SECONDS
        note = OUTDONE if is_outdone else ""
        if not note and silent and syncing.is_strict(tx) and unsynced.count(tx):
            note = UNCONFIRMED
        return LinksView(
            role="outdone" if is_outdone else "alone" if replica is None else "first",
            term=terms.own(tx),
            recovery=settings.get(tx, terms.RECOVERY) is not None,
            strict=syncing.is_strict(tx),
            pending=0,
            unconfirmed=unsynced.count(tx),
            note=note,
            links=tuple(
                view(link, feed.head(tx))
                for link in found
                if link.address is not None or link.expires_at > now
            ),
        )


def view(link: LinkRow, head: int) -> LinkView:
    """Return a link as its owner is shown it."""
    is_linked = link.address is not None
    return LinkView(
        id=link.id.hex(),
        state="linked" if is_linked else "waiting",
        created_at=link.created_at,
        expires_at=None if is_linked else link.expires_at,
        linked_at=link.linked_at,
        heard_at=link.heard_at,
        behind=max(0, head - link.acked) if is_linked else 0,
    )
