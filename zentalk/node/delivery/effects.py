"""Carries out what a committed job allows: the one place where a commit sets others to work."""

from __future__ import annotations

from functools import partial

from zentalk.node.delivery.outbox import Outbox
from zentalk.node.delivery.recipients import Recipients, RecoveryRequests
from zentalk.node.messages.effects import BestEffortInner, CommitEffects
from zentalk.store.retry import until_stored


class EffectRunner:
    """Hands the effects of commits to those whom they concern, in a fixed order.

    Routes come before what is sent over them, and confirmations before what is sent again.
    """

    def __init__(self, outbox: Outbox, recipients: Recipients, recovery: RecoveryRequests) -> None:
        self._outbox = outbox
        self._recipients = recipients
        self._recovery = recovery

    async def carry_out(self, effects: CommitEffects) -> None:
        """Do what a commit allows; it waits only where the routes of contacts are read again."""
        if effects.new_routes:
            await until_stored(partial(self._recipients.learn, effects.new_routes))
        for one in effects.best_effort:
            self._outbox.send_best_effort(one)
        if effects.confirmed:
            self._outbox.confirmed(effects.confirmed)
        for contact in effects.rerouted:
            self._outbox.reroute(contact)
        done = set(effects.confirmed)
        sending = [entry for entry in effects.send if entry.item.item not in done]
        if sending:
            self._outbox.add([entry.item for entry in sending])
        for entry in sending:
            for inner in entry.extra:
                self._outbox.send_best_effort(BestEffortInner(entry.item.contact, inner))
        for contact in effects.needs_session:
            self._recipients.need_session(contact)
        if effects.in_doubt:
            self._recovery.session_in_doubt()
