"""After a promotion: a ratchet with each contact, those first who were heard last.

Ratchets are not copied: one that two nodes have would be broken by the second message. So each
contact is written to as by somebody who has lost everything, in a first message that shows the new
term. They go one after the other, as each takes a look-up of a record and a key of its owner's.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import trio

from zentalk.net.runtime import Runtime
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.messages.linked.resuming import Resuming, next_one
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.retry import until_stored

A_MINUTE: Final = 30
"""So many contacts are begun with in a minute."""


class RenewalQueue:
    """Begins anew with the contacts of a node that was promoted. `run` must be running."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        resuming: Resuming,
        outbox: Outbox,
        registered: trio.Event,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._resuming = resuming
        self._outbox = outbox
        self._registered = registered

    async def run(self) -> None:
        """Begin with one after the other; returns once all had their turn.

        Not before there is a mailbox: contacts are told of it in the same message.
        """
        await self._registered.wait()
        while True:
            job = partial(next_one, how=self._resuming, now=self._runtime.wall())
            effects = await until_stored(partial(self._database.write, job))
            if effects is None:
                return
            await self._outbox.carry_out(effects)
            await trio.sleep(60.0 / A_MINUTE)
