"""Tells the world where our mail is left (acks, user record, contacts), and us if others take it.

A mailbox is announced once its relay has registered it, and never before: who is told of a
mailbox that does not work yet writes to nobody.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from functools import partial
from typing import Final

import trio

from zentalk.ids import MailboxId, SendId
from zentalk.logs import quiet_logger
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.mailboxes.copies import NOTE, CopyAlarm
from zentalk.node.messages.people import ContactCommands
from zentalk.node.messages.routes import current, raise_version
from zentalk.node.packets.ack_points import AckPoints
from zentalk.node.records.publisher import RecordPublisher
from zentalk.store.history import events, mailboxes, terms
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import OwnMailbox
from zentalk.store.retry import until_stored
from zentalk.store.sqlite import Transaction
from zentalk.wire.rpc_send_ids import SendIdKind

SETTLE_SECONDS: Final = 2.0
SHORTAGE_SECONDS: Final = 5.0
"""More than it takes to register send ids at a relay."""
_LOG: Final = quiet_logger("zentalk.node")


class Announcer:
    """Announces our mailboxes. `run` must be running."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        publisher: RecordPublisher,
        commands: ContactCommands,
        outbox: Outbox,
        ack_points: AckPoints,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._publisher = publisher
        self._commands = commands
        self._outbox = outbox
        self._ack_points = ack_points
        self._changed = Signal()
        self.needs_send_ids = Signal()
        """No send id is left for whom we write to: more are to be registered."""
        self._copies = CopyAlarm()

    async def announce(self, mailbox: OwnMailbox, working: AbstractSet[MailboxId]) -> None:
        """Announce a current mailbox that works for the first time in this life.

        `working` are all that are collected, at any time: others may come while this one is being
        written down. Raises StorageError.
        """

        def job(tx: Transaction) -> tuple[SendId | None, set[MailboxId]]:
            if mailboxes.mark_announced(tx, mailbox.mailbox):
                raise_version(tx)
            rows = mailboxes.send_ids(tx, mailbox.mailbox)
            point = next((row.send_id for row in rows if row.kind == SendIdKind.ACK), None)
            return point, {row.mailbox for row in current(tx)}

        point, present = await self._database.write(job)
        if point is not None:
            # Until here acks came to the mailbox that this one replaces.
            self._ack_points.keep_only(present)
            self._ack_points.add(mailbox.mailbox, mailbox.relay, point)
        self._publisher.changed(frozenset(working))
        self._changed.set()

    def is_announced(self, mailbox: OwnMailbox) -> bool:
        """Tell whether a mailbox was announced in this life."""
        return mailbox.mailbox in self._ack_points

    def withdraw(self, mailbox: OwnMailbox) -> None:
        """Let no more acks come to a mailbox that is given up."""
        self._ack_points.drop(mailbox.mailbox)

    async def pushed_aside(self) -> None:
        """Somebody else collects a mailbox: tell the owner of it, in the log and by an event."""
        now = self._runtime.wall()
        if self._copies.noticed(now):
            _LOG.warning("folder_copied", note=NOTE)
            told = partial(events.append, kind="node.copied", at=now, data={"note": NOTE})
            await until_stored(partial(self._database.write, told))
        # The owner may have promoted the other one: then this one is to look, and to be silent.
        await until_stored(partial(self._database.write, partial(terms.note_copied, now=now)))

    def notes(self) -> tuple[str, ...]:
        """Return what the owner is warned of."""
        return (NOTE,) if self._copies.is_active(self._runtime.wall()) else ()

    async def run(self) -> None:
        """Tell contacts of replaced mailboxes, until cancelled; two replaced together, once."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_shortage)
            await self._tell_contacts()

    async def _watch_shortage(self) -> None:
        """Have more send ids made where none was left, and tell those who got none."""
        while True:
            await self._outbox.short_of_send_ids.wait()
            self.needs_send_ids.set()
            await trio.sleep(SHORTAGE_SECONDS)
            self._changed.set()

    async def _tell_contacts(self) -> None:
        while True:
            await self._changed.wait()
            await trio.sleep(SETTLE_SECONDS)
            self._changed.take()
            job = partial(self._commands.tell_routes, now=self._runtime.wall())
            effects = await until_stored(partial(self._database.write, job))
            await self._outbox.carry_out(effects)
