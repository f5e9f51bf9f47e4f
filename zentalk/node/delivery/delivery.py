"""Everything that brings messages to their recipients, put together and run as one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from zentalk.net.runtime import Runtime
from zentalk.node.delivery.effects import EffectRunner
from zentalk.node.delivery.message_states import MessageStates
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.delivery.recipient_lookup import RecipientLookup
from zentalk.node.delivery.recipients import Recipients, RecoveryRequests
from zentalk.node.delivery.session_recovery import SessionRecovery
from zentalk.node.delivery.session_renewal import SessionRenewal
from zentalk.node.messages.compose import Composer
from zentalk.node.network import NodeNetwork
from zentalk.node.records.lookup import Records
from zentalk.store.history import outbox as outbox_rows
from zentalk.store.history.database import HistoryDatabase


@dataclass(frozen=True, slots=True)
class DeliveryParts:
    """What the rest of the node sees of delivery. `run` must be running."""

    states: MessageStates
    recipients: Recipients
    outbox: Outbox
    effects: EffectRunner
    tasks: tuple[Callable[[], Awaitable[None]], ...]

    async def load(self, database: HistoryDatabase) -> None:
        """Take up what was on its way when the node stopped; raises StorageError."""
        await self.recipients.learn()
        self.outbox.load(await database.read(outbox_rows.every))

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with trio.open_nursery() as nursery:
            for task in self.tasks:
                nursery.start_soon(task)


def build_delivery(
    runtime: Runtime,
    database: HistoryDatabase,
    network: NodeNetwork,
    composer: Composer,
    records: Records,
) -> DeliveryParts:
    """Put delivery together: each part gets what it calls, and nobody is told afterwards."""
    states = MessageStates(runtime, database)
    recipients = Recipients(runtime, database)
    requests = RecoveryRequests(runtime)
    outbox = Outbox(runtime, network, states, recipients, requests)
    effects = EffectRunner(outbox, recipients, requests)
    lookup = RecipientLookup(runtime, database, composer, records, recipients, effects)
    renewal = SessionRenewal(runtime, database, composer, records, recipients, effects)
    recovery = SessionRecovery(runtime, database, records, requests, renewal)
    tasks = (states.run, outbox.run, lookup.run, recovery.run)
    return DeliveryParts(states, recipients, outbox, effects, tasks)
