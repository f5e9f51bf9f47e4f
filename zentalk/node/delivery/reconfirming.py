"""Confirms anew what repetitions have collected, and writes down which confirmations arrived.

What the last life of the node has confirmed, and no relay is known to have taken, is collected at
the start: the sender would wait a day, for its own relay has long acknowledged its message.
Both once a minute and for all contacts together: nothing that others push has a commit of its own
here, and a minute's repetitions share one confirmation. It never encrypts more than
`node/messages/confirmations.py` allows.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import trio

from zentalk.net.runtime import Runtime
from zentalk.node.delivery.message_states import MessageStates
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.confirmations import collected
from zentalk.node.messages.effects import CommitEffects
from zentalk.store.history import confirmations
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.retry import until_stored
from zentalk.store.sqlite import Transaction

ROUND_SECONDS: Final = 60.0


class Reconfirming:
    """Makes confirmations that no message has just asked for. `run` must be running."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        composer: Composer,
        states: MessageStates,
        outbox: Outbox,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._composer = composer
        self._states = states
        self._outbox = outbox

    async def run(self) -> None:
        """Take up what the last life left, then look once a minute, until cancelled."""
        await until_stored(partial(self._database.write, confirmations.owe_unacknowledged))
        while True:
            await trio.sleep(ROUND_SECONDS)
            await until_stored(partial(self._round, self._states.take_noted()))

    async def _round(self, taken: list[int]) -> None:
        if not taken and not await self._database.read(confirmations.owing):
            return
        now = self._runtime.wall()

        def job(tx: Transaction) -> CommitEffects:
            confirmations.acknowledged(tx, taken)
            made = [
                inner
                for contact in confirmations.owing(tx)
                for inner in collected(tx, self._composer, contact, now)
            ]
            return CommitEffects(best_effort=tuple(made))

        await self._outbox.carry_out(await self._database.write(job))
