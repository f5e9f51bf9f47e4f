"""Publishes the owner's user records: which days, when, and what is in them.

Spec: docs/spec/directory.md section 7. Records go out ahead, so that an owner who is away
stays reachable, and at random times, so that those of different days are not linked by
the moment of their arrival. Each day has its own public send ids, so two records of one person
share nothing but their reader.
"""

from __future__ import annotations

from typing import Final

import trio

from zentalk.crypto import x25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.mlkem import public_of
from zentalk.crypto.types import Entropy
from zentalk.directory.records import AHEAD_DAYS
from zentalk.errors import ATTEMPT_FAULTS
from zentalk.ids import Day, day_at
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.messages.routes import current
from zentalk.node.records.holders import RecordHolders
from zentalk.onion.draw import below
from zentalk.store.history import mailboxes, prekeys
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.sqlite import Transaction
from zentalk.wire.prekeys import PqPrekey, SignedPrekey
from zentalk.wire.rpc_send_ids import SendIdKind
from zentalk.wire.user_record import MailboxEntry, RecordContents, seal_record

REPUBLISH_SECONDS: Final = 3600.0
"""A record is published again after an hour, for holders that lost it or are new."""
CHECK_SECONDS: Final = 30.0
"""How often a publisher that waits looks whether holders have moved."""
FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 60.0
SPREAD_SECONDS: Final = 6 * 3600.0
"""Long enough to part the days from each other, short enough for a node that is on for an
evening to leave a week behind."""
_STEPS: Final = 1 << 32


class RecordPublisher:
    """Publishes the records of one owner; `published` is set once today's has a holder."""

    def __init__(
        self,
        runtime: Runtime,
        identity: SigningKey,
        database: HistoryDatabase,
        holders: RecordHolders,
    ) -> None:
        self._runtime = runtime
        self._identity = identity
        self._database = database
        self._holders = holders
        self._changed = Signal()
        self.published = trio.Event()

    def changed(self) -> None:
        """Our mailboxes or keys are not what the published records say."""
        self._changed.set()

    async def run(self) -> None:
        """Publish our record when it changes, ahead of time and again, until cancelled."""
        await self._changed.wait()
        while True:
            self._changed.take()
            plan = publication_plan(self._runtime.wall(), self._runtime.entropy)
            with trio.move_on_after(REPUBLISH_SECONDS):
                await self._follow(plan)

    async def _follow(self, plan: list[tuple[float, Day]]) -> None:
        """Publish each day of the plan at its time; return when the plan is out of date."""
        relays = self._holders.known_relays()
        for at, day in plan:
            while (wait := at - self._runtime.wall()) > 0:
                if await self._changed.wait(min(wait, CHECK_SECONDS)) or self._is_outdated(relays):
                    return
            await self._publish(day)
            if self._changed.is_set():
                return
        await self._changed.wait()

    def _is_outdated(self, relays: int) -> bool:
        """Tell whether the network has grown or shrunk so much that holders moved."""
        known = self._holders.known_relays()
        return abs(known - relays) > max(1, relays // 5)

    async def _publish(self, day: Day) -> None:
        wait = FIRST_WAIT_SECONDS
        while not self._changed.is_set():
            try:
                raw = await self._database.write(lambda tx: self._own_record(tx, day))
                if raw is not None:
                    await self._holders.publish_record(raw)
                    if day == day_at(self._runtime.wall()):
                        self.published.set()
            except ATTEMPT_FAULTS:
                await trio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)
            else:
                return

    def _own_record(self, tx: Transaction, day: Day) -> bytes | None:
        """Make the record of a day with the next sequence number; None without mailboxes."""
        signed, last_resort = prekeys.newest(tx, "signed"), prekeys.newest(tx, "pq")
        entries = tuple(
            MailboxEntry(mailbox.relay, row.send_id, x25519.from_secret(row.secret).public)
            for mailbox in current(tx)
            for row in mailboxes.send_ids(tx, mailbox.mailbox)
            if row.kind == SendIdKind.PUBLIC and row.day == day
        )
        if signed is None or last_resort is None or not entries:
            return None
        signed_public = x25519.from_secret(signed[1]).public
        contents = RecordContents(
            mailboxes=entries,
            signed_prekey=SignedPrekey.create(self._identity, signed[0], signed_public).to_bytes(),
            pq_prekey=PqPrekey.create(
                self._identity, last_resort[0], public_of(last_resort[1])
            ).to_bytes(),
        )
        sequence = mailboxes.next_record_sequence(tx, day, self._runtime.wall())
        return seal_record(self._identity, day, sequence, contents, self._runtime.entropy)


def publication_plan(now: float, entropy: Entropy) -> list[tuple[float, Day]]:
    """Return (wall time, day) pairs in order of time: yesterday, today and tomorrow at once.

    The 7 days after those follow at independent random times within six hours.
    """
    today = day_at(now)
    urgent = [(now, Day(today + offset)) for offset in (0, 1, -1)]
    later = [
        (now + SPREAD_SECONDS * below(_STEPS, entropy) / _STEPS, Day(today + offset))
        for offset in range(2, AHEAD_DAYS + 1)
    ]
    return urgent + sorted(later)
