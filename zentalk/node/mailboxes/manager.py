"""Our two mailboxes: chosen, collected, and replaced when a relay stays away or we wish it.

Spec: docs/spec/mailbox.md section 11. A replaced mailbox is still polled until everything
deposited there has had its time. Contacts are told of a change, and the user record is
published again, once the new mailbox works.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import trio

from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import ATTEMPT_FAULTS, ConflictError, NotFoundError, UnavailableError
from zentalk.ids import DAY_SECONDS, MailboxId, NodeId, SendId
from zentalk.net.backoff import half_jitter
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.mailboxes.collector import Collector
from zentalk.node.mailboxes.receiver import Receiver
from zentalk.node.mailboxes.reconnect_backoff import ReconnectBackoff
from zentalk.node.messages.routes import current, raise_version
from zentalk.node.network import NodeNetwork
from zentalk.node.status import MailboxStatus
from zentalk.onion.draw import sample
from zentalk.store.history import mailboxes
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import OwnMailbox
from zentalk.store.retry import until_stored
from zentalk.store.writer import Transaction
from zentalk.wire.descriptor import ROLE_MAILBOX
from zentalk.wire.rpc_mailbox import SendIdKind
from zentalk.wire.text import format_relay_uri

MAILBOXES: Final = 2
REPLACE_AFTER_SECONDS: Final = 600.0
"""A relay that is away for ten minutes is replaced; a restart takes seconds."""
ALONE_SECONDS: Final = 20.0
"""The same while no mailbox can be reached at all: until there is another, nothing arrives."""
POLL_SECONDS: Final = 30 * DAY_SECONDS
SETTLED_SECONDS: Final = 3600.0
"""After this a replaced mailbox is only looked into now and then: its tunnel takes a place."""
LOOK_SECONDS: Final = 30.0
LOOK_EVERY_SECONDS: Final = 600.0
MAX_REPLACED: Final = 16
"""Earlier mailboxes that may be polled at a time before moving on is refused."""
SHOWN_ID_BYTES: Final = 8
FILL_SECONDS: Final = 60.0
"""How often a missing mailbox is looked for a relay."""


class MailboxManager:
    """Keeps our mailboxes collected. `run` must be running."""

    def __init__(
        self,
        runtime: Runtime,
        identity: SigningKey,
        database: HistoryDatabase,
        network: NodeNetwork,
        intake: Receiver,
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
        self._known: dict[MailboxId, OwnMailbox] = {}
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
                complete = partial(self._complete, self._drawn())
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
                with trio.move_on_after(FILL_SECONDS):
                    await self._incomplete.wait()
                self._incomplete = trio.Event()

    def _complete(self, drawn: Sequence[NodeId], tx: Transaction) -> list[OwnMailbox]:
        """Add mailboxes until there are two current ones; return all to be collected."""
        now = self._runtime.wall()
        for mailbox in mailboxes.every(tx):
            if mailbox.poll_until is not None and mailbox.poll_until < now:
                mailboxes.forget(tx, mailbox.mailbox)
        self._fill(tx, drawn, {mailbox.relay for mailbox in current(tx)})
        return mailboxes.every(tx)

    def _fill(self, tx: Transaction, drawn: Sequence[NodeId], taken: set[NodeId]) -> None:
        """Add mailboxes in the slots that have no current one, at relays that are not taken."""
        now = self._runtime.wall()
        used = {mailbox.slot for mailbox in current(tx)}
        known = {mailbox.relay for mailbox in mailboxes.every(tx)}
        slots = [slot for slot in range(MAILBOXES) if slot not in used]
        for slot, relay in zip(slots, _chosen(drawn, taken, known), strict=False):
            seed = self._runtime.entropy(32)
            mailbox_id = MailboxId(SigningKey(seed).public)
            mailboxes.add(tx, OwnMailbox(mailbox_id, relay, slot, seed, 0, now, None))

    def _drawn(self) -> list[NodeId]:
        """Draw the order in which relays are taken for new mailboxes, our guards last.

        Not for the writer's thread: what the network knows is not to be asked from there.
        """
        guards = set(self._network.guards())
        able = sorted(
            node_id
            for node_id, descriptor in self._network.descriptors().items()
            if descriptor.roles & ROLE_MAILBOX
        )
        drawn = sample(able, len(able), self._runtime.entropy)
        return sorted(drawn, key=lambda node_id: node_id in guards)

    def listing(self) -> list[MailboxStatus]:
        """Return current mailboxes, then replaced ones, as their owner is shown them."""
        relays = self._network.descriptors()
        rows = sorted(self._known.values(), key=lambda row: (row.poll_until is not None, row.slot))
        return [
            MailboxStatus(
                id=_shown_id(row),
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
        rows = await self._database.write(partial(self._leave, shown_id, self._drawn()))
        self._known = {row.mailbox: row for row in rows}
        self._incomplete.set()
        return self.listing()

    def _leave(
        self, shown_id: str | None, drawn: Sequence[NodeId], tx: Transaction
    ) -> list[OwnMailbox]:
        """Replace mailboxes by new ones at other relays, as one step."""
        present = current(tx)
        leaving = [row for row in present if shown_id in (None, _shown_id(row))]
        if not leaving:
            raise NotFoundError("there is no current mailbox with this id: list your mailboxes")
        old = [row for row in mailboxes.every(tx) if row.poll_until is not None]
        if len(old) + len(leaving) > MAX_REPLACED:
            raise ConflictError(
                f"{len(old)} earlier mailboxes are still checked for mail: move again"
                " when the oldest expires, 30 days after you left it"
            )
        taken = {row.relay for row in present}
        if len(_chosen(drawn, taken, {row.relay for row in old})) < len(leaving):
            raise UnavailableError(
                "no other relay that keeps mailboxes is known: your mailboxes stay where they are"
            )
        for row in leaving:
            self._drop(tx, row)
        self._fill(tx, drawn, taken)
        return mailboxes.every(tx)

    def _drop(self, tx: Transaction, row: OwnMailbox) -> None:
        """Replace a mailbox, or forget one that nobody can have heard of."""
        if mailboxes.send_ids(tx, row.mailbox):
            mailboxes.replace(tx, row.mailbox, self._runtime.wall() + POLL_SECONDS)
        else:
            mailboxes.forget(tx, row.mailbox)

    async def _serve(self, mailbox_id: MailboxId, scope: trio.CancelScope) -> None:
        with scope:
            await self._collect(mailbox_id)

    async def _collect(self, mailbox_id: MailboxId) -> None:
        comeback = ReconnectBackoff(self._runtime.entropy)
        away_since: float | None = None
        while (mailbox := self._known.get(mailbox_id)) is not None:
            started = self._runtime.monotonic()
            collector = Collector(
                self._runtime,
                self._identity,
                mailbox,
                self._database,
                self._intake,
                self._outbox,
                renews_pool=mailbox.poll_until is None and mailbox.mailbox not in self._ack_points,
            )
            settled = self._is_settled(mailbox)
            try:
                with trio.move_on_after(LOOK_SECONDS if settled else math.inf):
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(self._when_registered, mailbox_id, collector)
                        await collector.run(self._network)
                        nursery.cancel_scope.cancel()
            except* (*ATTEMPT_FAULTS, NotFoundError):
                pass  # whatever it was, the mailbox is tried again below
            finally:
                self._connected.discard(mailbox_id)
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
            elif self._fault_is_ours():
                away_since = None
            elif away_since is None:
                away_since = started
            away_seconds = 0.0 if away_since is None else now - away_since
            if self._is_current(mailbox_id) and await self._is_given_up(mailbox_id, away_seconds):
                await until_stored(partial(self._replace, mailbox_id))
            await trio.sleep(comeback.next_wait(served_seconds))

    def _is_current(self, mailbox_id: MailboxId) -> bool:
        row = self._known.get(mailbox_id)
        return row is not None and row.poll_until is None

    def _is_settled(self, mailbox: OwnMailbox) -> bool:
        """Tell whether a mailbox was replaced long enough ago for contacts to have moved on."""
        left = mailbox.poll_until
        return left is not None and left - POLL_SECONDS + SETTLED_SECONDS < self._runtime.wall()

    async def _is_given_up(self, mailbox_id: MailboxId, away_seconds: float) -> bool:
        """Tell whether a mailbox is to be replaced now.

        Haste is for mailboxes that have worked. Whoever drops our tunnels must not make us
        walk from one new mailbox to the next until we come to a relay of his.
        """
        if away_seconds > REPLACE_AFTER_SECONDS:
            return True
        if self._connected or away_seconds <= ALONE_SECONDS:
            return False
        query = partial(mailboxes.was_announced, mailbox=mailbox_id)
        return await until_stored(partial(self._database.read, query))

    def _fault_is_ours(self) -> bool:
        """Tell whether this node is offline or cannot save: then no relay stays away.

        A night without a network must not leave a mailbox for every ten minutes of it.
        """
        return not self._network.connected_guards() or self._database.trouble is not None

    async def _when_registered(self, mailbox_id: MailboxId, collector: Collector) -> None:
        await collector.registered.wait()
        self._connected.add(mailbox_id)
        if self._is_current(mailbox_id) and mailbox_id not in self._ack_points:
            await self._announce(self._known[mailbox_id])
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
            # Until here acks came to the mailbox that this one replaces.
            for other in [key for key in self._ack_points if not self._is_current(key)]:
                del self._ack_points[other]
            self._ack_points[mailbox.mailbox] = (mailbox.relay, ack_point)
        self._on_change()

    async def _replace(self, mailbox_id: MailboxId) -> None:
        """Mark a mailbox as replaced; the next round of `run` adds another."""

        def job(tx: Transaction) -> list[OwnMailbox]:
            if mailbox_id in {row.mailbox for row in current(tx)}:  # it may just have been moved
                mailboxes.replace(tx, mailbox_id, self._runtime.wall() + POLL_SECONDS)
            return mailboxes.every(tx)

        self._known = {row.mailbox: row for row in await self._database.write(job)}
        self._ack_points.pop(mailbox_id, None)
        self._incomplete.set()


def _chosen(drawn: Sequence[NodeId], taken: set[NodeId], known: set[NodeId]) -> list[NodeId]:
    """Return the first of `drawn` for new mailboxes, none at a relay that is taken.

    Last come those of mailboxes that were replaced: their relays had stayed away.
    """
    free = [node_id for node_id in drawn if node_id not in taken]
    return sorted(free, key=lambda node_id: node_id in known)[:MAILBOXES]


def _shown_id(mailbox: OwnMailbox) -> str:
    return mailbox.mailbox[:SHOWN_ID_BYTES].hex()
