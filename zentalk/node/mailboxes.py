"""Our two mailboxes: chosen once, collected always, replaced when their relay stays away.

A replaced mailbox is still polled until everything deposited there has had its time.
Contacts learn of a change with the next message; the user record is published again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import trio

from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import (
    NotFoundError,
    RefusedError,
    RemoteProtocolError,
    StorageError,
    TransportError,
    UnavailableError,
)
from zentalk.ids import DAY_SECONDS, MailboxId, NodeId, SendId
from zentalk.net.runtime import Runtime
from zentalk.node.collector import Collector
from zentalk.node.intake import Intake
from zentalk.node.network import NodeNetwork
from zentalk.node.outbox import Outbox
from zentalk.node.routes import current, raise_version
from zentalk.node.storing import until_stored
from zentalk.onion.draw import below, sample
from zentalk.store.history import mailboxes
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import OwnMailbox
from zentalk.store.writer import Transaction
from zentalk.wire.descriptor import ROLE_MAILBOX
from zentalk.wire.rpc_mailbox import SendIdKind

MAILBOXES: Final = 2
REPLACE_AFTER_SECONDS: Final = 600.0
"""A relay that is away for ten minutes is replaced; a restart takes seconds."""
ALONE_SECONDS: Final = 20.0
"""The same while no mailbox can be reached at all: until there is another, nothing arrives."""
POLL_SECONDS: Final = 30 * DAY_SECONDS
FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 30.0
STEADY_SECONDS: Final = 60.0
_FAULTS: Final = (
    UnavailableError,
    TransportError,
    RefusedError,
    RemoteProtocolError,
    StorageError,
    NotFoundError,
)


class Mailboxes:
    """Keeps our mailboxes collected. `run` must be running."""

    def __init__(
        self,
        runtime: Runtime,
        identity: SigningKey,
        database: HistoryDatabase,
        network: NodeNetwork,
        intake: Intake,
        outbox: Outbox,
        on_change: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._identity = identity
        self._database = database
        self._network = network
        self._intake = intake
        self._outbox = outbox
        self._on_change = on_change
        self._ack_points: dict[MailboxId, tuple[NodeId, SendId]] = {}
        self._connected: set[MailboxId] = set()
        self._served: dict[MailboxId, trio.CancelScope] = {}
        self._nursery: trio.Nursery | None = None
        self._incomplete = trio.Event()
        self.registered = trio.Event()

    def ack_points(self) -> dict[NodeId, SendId]:
        """Return where compact acks may end: our current mailboxes that are registered."""
        return dict(self._ack_points.values())

    def connected(self) -> int:
        """Return how many of our mailboxes are being collected now."""
        return len(self._connected)

    async def run(self) -> None:
        """Choose mailboxes if there are none, and collect them all, until cancelled."""
        await self._network.connected()
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            while True:
                known = await until_stored(partial(self._database.write, self._complete))
                self._network.own_mailboxes([mailbox.relay for mailbox in known])
                for gone in self._served.keys() - {mailbox.mailbox for mailbox in known}:
                    self._served.pop(gone).cancel()
                for mailbox in known:
                    if mailbox.mailbox not in self._served:
                        scope = self._served[mailbox.mailbox] = trio.CancelScope()
                        nursery.start_soon(self._serve, mailbox, scope)
                # One was replaced, or there are fewer relays than mailboxes: look again.
                with trio.move_on_after(STEADY_SECONDS):
                    await self._incomplete.wait()
                self._incomplete = trio.Event()

    def _complete(self, tx: Transaction) -> list[OwnMailbox]:
        """Add mailboxes until there are two current ones; return all to be collected."""
        now = self._runtime.wall()
        for mailbox in mailboxes.every(tx):
            if mailbox.poll_until is not None and mailbox.poll_until < now:
                mailboxes.forget(tx, mailbox.mailbox)
        present = current(tx)
        slots = [slot for slot in range(MAILBOXES) if slot not in {m.slot for m in present}]
        known = {mailbox.relay for mailbox in mailboxes.every(tx)}
        chosen = self._choose({mailbox.relay for mailbox in present}, known)
        for slot, relay in zip(slots, chosen, strict=False):
            seed = self._runtime.entropy(32)
            mailbox_id = MailboxId(SigningKey(seed).public)
            mailboxes.add(tx, OwnMailbox(mailbox_id, relay, slot, seed, 0, now, None))
        return mailboxes.every(tx)

    def _choose(self, taken: set[NodeId], known: set[NodeId]) -> list[NodeId]:
        """Draw relays for new mailboxes, those that are not our guards first.

        Last come those of mailboxes that were replaced: their relays had stayed away.
        """
        guards = set(self._network.guards())
        usable = sorted(
            node_id
            for node_id, descriptor in self._network.descriptors().items()
            if descriptor.roles & ROLE_MAILBOX and node_id not in taken
        )
        drawn = sample(usable, len(usable), self._runtime.entropy)
        drawn.sort(key=lambda node_id: (node_id in known, node_id in guards))
        return drawn[:MAILBOXES]

    async def _serve(self, mailbox: OwnMailbox, scope: trio.CancelScope) -> None:
        with scope:
            await self._collect(mailbox)

    async def _collect(self, mailbox: OwnMailbox) -> None:
        wait = FIRST_WAIT_SECONDS
        away_since: float | None = None
        while True:
            started = self._runtime.monotonic()
            collector = Collector(
                self._runtime, self._identity, mailbox, self._database, self._intake, self._outbox
            )
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._when_registered, mailbox, collector)
                    await collector.run(self._network)
                    nursery.cancel_scope.cancel()
            except* _FAULTS:
                pass  # whatever it was, the mailbox is tried again below
            finally:
                self._connected.discard(mailbox.mailbox)
            now = self._runtime.monotonic()
            if collector.registered.is_set():
                # The relay may have restarted, and others with it: their keys are new then.
                self._network.refresh_soon()
                away_since = now
                if now - started > STEADY_SECONDS:
                    wait = FIRST_WAIT_SECONDS
            elif self._fault_is_ours():
                away_since = None
            elif away_since is None:
                away_since = started
            away_seconds = 0.0 if away_since is None else now - away_since
            if mailbox.poll_until is None and await self._is_given_up(mailbox, away_seconds):
                mailbox = await until_stored(partial(self._replace, mailbox))
            await trio.sleep(wait / 2 + below(1000, self._runtime.entropy) / 1000 * wait / 2)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)

    async def _is_given_up(self, mailbox: OwnMailbox, away_seconds: float) -> bool:
        """Tell whether a mailbox is to be replaced now.

        Haste is for mailboxes that have worked. Whoever drops our tunnels must not make us
        walk from one new mailbox to the next until we come to a relay of his.
        """
        if away_seconds > REPLACE_AFTER_SECONDS:
            return True
        if self._connected or away_seconds <= ALONE_SECONDS:
            return False
        query = partial(mailboxes.was_announced, mailbox=mailbox.mailbox)
        return await until_stored(partial(self._database.read, query))

    def _fault_is_ours(self) -> bool:
        """Tell whether this node is offline or cannot save: then no relay stays away.

        A night without a network must not leave a mailbox for every ten minutes of it.
        """
        return not self._network.connected_guards() or self._database.trouble is not None

    async def _when_registered(self, mailbox: OwnMailbox, collector: Collector) -> None:
        await collector.registered.wait()
        self._connected.add(mailbox.mailbox)
        if mailbox.poll_until is None and mailbox.mailbox not in self._ack_points:
            await self._announce(mailbox)
        self.registered.set()

    async def _announce(self, mailbox: OwnMailbox) -> None:
        """A current mailbox works for the first time in this life: tell the world."""

        def job(tx: Transaction) -> SendId | None:
            if mailboxes.mark_announced(tx, mailbox.mailbox):
                raise_version(tx)
            rows = mailboxes.send_ids(tx, mailbox.mailbox)
            return next((row.send_id for row in rows if row.kind == SendIdKind.ACK), None)

        ack_point = await self._database.write(job)
        if ack_point is not None:
            self._ack_points[mailbox.mailbox] = (mailbox.relay, ack_point)
        self._on_change()

    async def _replace(self, mailbox: OwnMailbox) -> OwnMailbox:
        """Mark a mailbox as replaced; the next round of `run` adds another."""
        poll_until = self._runtime.wall() + POLL_SECONDS
        await self._database.write(lambda tx: mailboxes.replace(tx, mailbox.mailbox, poll_until))
        self._ack_points.pop(mailbox.mailbox, None)
        self._incomplete.set()
        rows = await self._database.read(mailboxes.every)
        return next(row for row in rows if row.mailbox == mailbox.mailbox)
