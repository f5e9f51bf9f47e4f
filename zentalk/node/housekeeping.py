"""Forgets what nobody needs any more: at the start and every hour."""

from __future__ import annotations

from functools import partial
from typing import Final

import trio

from zentalk.ids import DAY_SECONDS
from zentalk.lifetimes import RETIRED_RATCHET_SECONDS, SEEN_SECONDS
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.message_states import MessageStates
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.messages import requests
from zentalk.node.messages.confirmations import KEPT_SECONDS
from zentalk.node.messages.effects import CommitEffects
from zentalk.node.messages.first_contact import introducing, invites
from zentalk.node.messages.groups.receiving import GroupInbox
from zentalk.node.sessions import prekey_rotation
from zentalk.store.history import (
    confirmations,
    group_forgetting,
    introductions,
    outbox,
    parts,
    ratchets,
    request_keys,
    search,
)
from zentalk.store.history import invites as stored_invites
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.retry import until_stored
from zentalk.store.sqlite import Transaction

SWEEP_SECONDS: Final = 3600.0
KEEP_KEYS_SECONDS: Final = 7 * DAY_SECONDS


class Housekeeping:
    """Sweeps one history. `run` must be running."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        states: MessageStates,
        outbox: Outbox,
        groups: GroupInbox,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._states = states
        self._outbox = outbox
        self._groups = groups

    async def run(self) -> None:
        """Sweep at once and every hour, until cancelled."""
        while True:
            await until_stored(self._sweep)
            await trio.sleep(SWEEP_SECONDS)

    async def _sweep(self) -> None:
        now = self._runtime.wall()

        def job(tx: Transaction) -> CommitEffects:
            ratchets.forget_seen(tx, now)
            confirmations.forget(tx, now - KEPT_SECONDS, now - SEEN_SECONDS)
            ratchets.forget_retired(tx, now - RETIRED_RATCHET_SECONDS)
            request_keys.forget_keys(tx, now - KEEP_KEYS_SECONDS)
            parts.forget_parts(tx, now - SEEN_SECONDS)
            requests.expire(tx, now)
            group_forgetting.people(tx)
            stored_invites.forget(tx, now - invites.KEPT_SECONDS)
            introductions.forget(tx, now - introducing.KEPT_SECONDS)
            prekey_rotation.erase_ended(tx, now)
            search.scrub(tx)
            return self._groups.give_up(tx, now)

        await self._outbox.carry_out(await self._database.write(job))
        await self._database.scrub()
        for item in await self._database.read(partial(outbox.expired_without_envelope, now=now)):
            # What waits to be encrypted is not in the outbox's own timers.
            await self._outbox.carry_out(await self._states.expired(item))
