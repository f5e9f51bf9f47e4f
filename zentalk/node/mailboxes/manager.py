"""Our two mailboxes: collected, and replaced when a relay stays away or we wish it.

Spec: docs/spec/mailbox.md section 11. A replaced mailbox is still polled until everything
deposited there has had its time. Contacts are told of a change, and the user record is
published again, once the new mailbox works. Why one is not collected is in the log
(`mailbox_not_collected`), by the mailbox's number and not by its relay.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Final

import trio

from zentalk.errors import ATTEMPT_FAULTS, NotFoundError
from zentalk.ids import MailboxId
from zentalk.lifetimes import POLL_REPLACED_SECONDS
from zentalk.net.backoff import ReconnectBackoff, half_jitter
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.mailboxes.announcer import Announcer
from zentalk.node.mailboxes.collector import Collector, CollectorFactory
from zentalk.node.mailboxes.replacements import Replacements
from zentalk.node.mailboxes.selection import MAILBOXES, MailboxSelection, shown_id_of
from zentalk.node.network import NodeNetwork
from zentalk.node.relays.troubles import reason_of
from zentalk.node.status import MailboxStatus
from zentalk.store.history import mailboxes
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import OwnMailbox
from zentalk.store.retry import until_stored
from zentalk.wire.text import format_relay_uri

SETTLED_SECONDS: Final = 3600.0
"""After this a replaced mailbox is only looked into now and then: its tunnel takes a place."""
LOOK_SECONDS: Final = 30.0
ASKED_FOR_WORK: Final = (
    "many ask for new mailboxes now, so relays ask for work first: this node is doing it, which may"
    " take minutes to hours. Leave it running"
)
LOOK_EVERY_SECONDS: Final = 600.0
PATIENCE: Final = 6
"""How much longer than for a silent relay we stay with one that asks for work: it adds up there."""
FILL_SECONDS: Final = 60.0
"""How often a missing mailbox is looked for a relay."""


class MailboxManager:
    """Keeps our mailboxes collected. `run` must be running."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        network: NodeNetwork,
        selection: MailboxSelection,
        collectors: CollectorFactory,
        announcer: Announcer,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._network = network
        self._selection = selection
        self._collectors = collectors
        self._announcer = announcer
        self._known: dict[MailboxId, OwnMailbox] = {}
        self._connected: set[MailboxId] = set()
        self._collecting: dict[MailboxId, Collector] = {}
        self._served: dict[MailboxId, trio.CancelScope] = {}
        self._replacements = Replacements()
        self._incomplete = Signal()
        self.registered = trio.Event()

    def connected(self) -> int:
        """Return how many of our mailboxes are being collected now."""
        return len(self._connected)

    def notes(self) -> tuple[str, ...]:
        """Return what the owner is warned of."""
        asked = self._collectors.work.is_asked_for()
        return (*self._announcer.notes(), *((ASKED_FOR_WORK,) if asked else ()))

    async def run(self) -> None:
        """Choose mailboxes if there are none, and collect them all, until cancelled."""
        await self._network.connected()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._announcer.run)
            nursery.start_soon(self._make_send_ids)
            nursery.start_soon(self._watch_relays)
            while True:
                drawn = self._collectors.prices.cheapest_first(self._selection.draw())
                complete = partial(self._selection.complete, drawn)
                known = await until_stored(partial(self._database.write, complete))
                self._known = {mailbox.mailbox: mailbox for mailbox in known}
                self._network.own_mailboxes([mailbox.relay for mailbox in known])
                for gone in self._served.keys() - {mailbox.mailbox for mailbox in known}:
                    self._served.pop(gone).cancel()
                for mailbox in known:
                    if mailbox.mailbox not in self._served:
                        scope = self._served[mailbox.mailbox] = trio.CancelScope()
                        nursery.start_soon(self._serve, mailbox.mailbox, scope)
                # One was replaced, or there are fewer relays than mailboxes: look again.
                await self._incomplete.wait(FILL_SECONDS)

    async def _watch_relays(self) -> None:
        """Look again once other relays are known, while a mailbox is missing.

        With guards of the owner's choice a node is connected before any relay was seen often
        enough for a mailbox.
        """
        while True:
            await self._network.changed()
            if sum(row.poll_until is None for row in self._known.values()) < MAILBOXES:
                self._incomplete.set()

    def listing(self) -> list[MailboxStatus]:
        """Return current mailboxes, then replaced ones, as their owner is shown them."""
        relays = self._network.descriptors()
        rows = sorted(self._known.values(), key=lambda row: (row.poll_until is not None, row.slot))
        return [
            MailboxStatus(
                id=shown_id_of(row),
                relay=format_relay_uri(relays[row.relay].uri) if row.relay in relays else "",
                current=row.poll_until is None,
                collected=row.mailbox in self._connected,
                since=row.created_at,
                until=row.poll_until,
            )
            for row in rows
        ]

    async def move(self, shown_id: str | None) -> list[MailboxStatus]:
        """Move a mailbox, or all, to other relays; returns the listing as it is then.

        The old ones are collected until the new ones work, and polled long after. Raises
        NotFoundError without such a mailbox, UnavailableError without enough other relays and
        ConflictError after too many moves.
        """
        rows = await self._database.write(
            partial(self._selection.leave, shown_id, self._selection.draw())
        )
        self._known = {row.mailbox: row for row in rows}
        self._incomplete.set()
        return self.listing()

    def look_again(self) -> None:
        """Let the relays know what the owner has changed about who may write."""
        for collector in self._collecting.values():
            collector.look_again()

    async def _make_send_ids(self) -> None:
        while True:
            await self._announcer.needs_send_ids.wait()
            self.look_again()

    async def _serve(self, mailbox_id: MailboxId, scope: trio.CancelScope) -> None:
        with scope:
            await self._collect(mailbox_id)

    async def _collect(self, mailbox_id: MailboxId) -> None:
        backoff = ReconnectBackoff(self._runtime.entropy)
        away_since: float | None = None
        while (mailbox := self._known.get(mailbox_id)) is not None:
            started = self._runtime.monotonic()
            is_new = mailbox.poll_until is None and not self._announcer.is_announced(mailbox)
            collector = self._collectors.make(mailbox, compares_prekeys=is_new)
            settled = self._is_settled(mailbox)
            self._collecting[mailbox_id] = collector
            try:
                with trio.move_on_after(LOOK_SECONDS if settled else math.inf):
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(self._when_registered, mailbox_id, collector)
                        await collector.run(self._network)
                        nursery.cancel_scope.cancel()
            except* (*ATTEMPT_FAULTS, NotFoundError) as faults:
                # Whatever it was, the mailbox is tried again below.
                if self._is_current(mailbox_id):
                    self._replacements.troubles.failed(mailbox.slot, reason_of(faults))
            finally:
                self._connected.discard(mailbox_id)
                del self._collecting[mailbox_id]
            if collector.pushed_aside:
                await self._announcer.pushed_aside()
            if settled:
                await trio.sleep(
                    half_jitter(0, LOOK_EVERY_SECONDS, LOOK_EVERY_SECONDS, self._runtime.entropy)
                )
                continue
            now = self._runtime.monotonic()
            served_seconds = 0.0
            if collector.registered.is_set():
                # The relay may have restarted, and others with it: their keys are new then.
                self._network.relay_restarted()
                away_since = now
                served_seconds = now - started
                self._replacements.served(mailbox.slot, served_seconds)
            elif (
                self._fault_is_ours()
                or collector.registration.asked_for_work
                or collector.pushed_aside
            ):
                away_since = None
            elif away_since is None:
                away_since = started
            away_seconds = 0.0 if away_since is None else now - away_since
            if collector.registration.is_closed:
                self._selection.refused(mailbox.relay)
            is_wrong = collector.registration.is_wrong_here or self._is_worked_for_in_vain(mailbox)
            if self._is_current(mailbox_id) and (
                is_wrong or await self._is_given_up(mailbox, away_seconds)
            ):
                await until_stored(partial(self._replace, mailbox))
            await trio.sleep(backoff.next_wait(served_seconds))

    def _is_current(self, mailbox_id: MailboxId) -> bool:
        row = self._known.get(mailbox_id)
        return row is not None and row.poll_until is None

    def _is_settled(self, mailbox: OwnMailbox) -> bool:
        """Tell whether a mailbox was replaced long enough ago for contacts to have moved on."""
        if mailbox.poll_until is None:
            return False
        left_at = mailbox.poll_until - POLL_REPLACED_SECONDS
        return left_at + SETTLED_SECONDS < self._runtime.wall()

    async def _is_given_up(self, mailbox: OwnMailbox, away_seconds: float) -> bool:
        """Tell whether a mailbox is to be replaced now.

        Haste is for mailboxes that have worked. Whoever drops our tunnels must not make us
        walk from one new mailbox to the next until we come to a relay of his.
        """
        if away_seconds > self._replacements.after_seconds(mailbox.slot):
            return True
        if self._connected or away_seconds <= self._replacements.alone_seconds(mailbox.slot):
            return False
        query = partial(mailboxes.was_announced, mailbox=mailbox.mailbox)
        return await until_stored(partial(self._database.read, query))

    def _is_worked_for_in_vain(self, mailbox: OwnMailbox) -> bool:
        """Tell whether a relay has asked for ever more work for long enough."""
        patience_seconds = PATIENCE * self._replacements.after_seconds(mailbox.slot)
        return self._collectors.work.begun_seconds_ago(mailbox.mailbox) > patience_seconds

    def _fault_is_ours(self) -> bool:
        """Tell whether this node is offline or cannot save: then no relay stays away.

        A night without a network must not leave a mailbox for every ten minutes of it.
        """
        return not self._network.connected_guards() or self._database.trouble is not None

    async def _when_registered(self, mailbox_id: MailboxId, collector: Collector) -> None:
        await collector.registered.wait()
        self._connected.add(mailbox_id)
        mailbox = self._known.get(mailbox_id)
        if mailbox is not None and mailbox.poll_until is None:
            self._replacements.troubles.works(mailbox.slot)
            if not self._announcer.is_announced(mailbox):
                await self._announcer.announce(mailbox, self._connected)
        self.registered.set()

    async def _replace(self, mailbox: OwnMailbox) -> None:
        """Give up a mailbox, if enough others are not polled yet; `run` adds another."""
        job = partial(self._selection.replace, mailbox.mailbox, set(self._network.descriptors()))
        rows = await self._database.write(job)
        self._replacements.replaced(mailbox.slot)
        self._collectors.work.forget(mailbox.mailbox)
        self._known = {row.mailbox: row for row in rows}
        if not self._is_current(mailbox.mailbox):
            self._announcer.withdraw(mailbox)
            self._incomplete.set()
