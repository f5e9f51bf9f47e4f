"""Who owns what: mailboxes, the index of send ids, sessions, and the counts of all.

Spec: docs/spec/mailbox.md section 3. Built from the store at start. It keeps totals
right and enforces nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from zentalk.ids import MailboxId, SendId
from zentalk.mailbox.arrivals import ArrivalList
from zentalk.mailbox.events import Collector
from zentalk.mailbox.state import CollectorSession, MailboxState, SendIdRecord
from zentalk.mailbox.storage import Loaded, Removed, SaveMailbox, StoredMailbox
from zentalk.wire.rpc_send_ids import SendIdEntry

HOURS_A_DAY: Final = 24


class Registry:
    """All mailboxes of one relay; `counters` counts events by name since the start."""

    __slots__ = ("counters", "mailboxes", "send_ids", "sessions", "stored", "tokens")

    def __init__(self, loaded: Loaded) -> None:
        self.mailboxes: dict[MailboxId, MailboxState] = {}
        self.send_ids: dict[SendId, SendIdRecord] = {}
        self.sessions: dict[Collector, CollectorSession] = {}
        self.counters: Counter[str] = Counter()
        self.stored = 0
        self.tokens = 0
        for stored in loaded.mailboxes:
            self._restore(stored, loaded.hour // HOURS_A_DAY)

    def _restore(self, stored: StoredMailbox, day: int) -> None:
        record = stored.record
        mailbox = MailboxState(
            key=record.mailbox,
            generation=record.generation,
            next_seq=max(record.reserved_seq, stored.last_seq + 1),
            reserved_seq=record.reserved_seq,
            expires_hour=record.expires_hour,
            last_resort_used=record.last_resort_used,
            opened_days=record.opened_days,
            opened_day=record.opened_day,
            saved=True,
            prekeys=stored.prekeys,
            takes=stored.takes,
            takes_day=stored.takes_day,
        )
        self.mailboxes[mailbox.key] = mailbox
        for entry in stored.send_ids:
            self.register(mailbox, entry, active=True, day=day)
        for send_id, arrivals in stored.arrivals:
            mailbox.send_ids[send_id].listed = ArrivalList(arrivals)
        for waiting in stored.waiting:
            self.count(
                mailbox, waiting.send_id, waiting.count, waiting.size_bytes, apart=waiting.apart
            )

    def register(
        self, mailbox: MailboxState, entry: SendIdEntry, *, active: bool, day: int = 0
    ) -> None:
        """Add a send id to the index, from that day on, or change the one that is there."""
        known = self.send_ids.get(entry.send_id)
        if known is None:
            known = SendIdRecord(mailbox, entry, active, used_day=day)
            self.send_ids[entry.send_id] = mailbox.send_ids[entry.send_id] = known
        elif known.mailbox is mailbox and active:
            known.entry, known.active = entry, True

    def unregister(self, mailbox: MailboxState, send_ids: Iterable[SendId]) -> None:
        """Take send ids of a mailbox out of the index; mail under them stays."""
        for send_id in send_ids:
            if mailbox.send_ids.pop(send_id, None) is not None:
                del self.send_ids[send_id]

    def remove_mailbox(self, mailbox: MailboxState) -> None:
        """Forget a mailbox that has no session."""
        self.unregister(mailbox, tuple(mailbox.send_ids))
        self.stored -= mailbox.stored
        self.tokens -= len(mailbox.tokens)
        self.mailboxes.pop(mailbox.key, None)

    def count(
        self, mailbox: MailboxState, send_id: SendId, count: int, size_bytes: int, *, apart: bool
    ) -> None:
        """Add to (or, negative, take from) what is stored under a send id."""
        mailbox.stored += count
        mailbox.stored_bytes += size_bytes
        mailbox.public += count * apart
        mailbox.public_bytes += size_bytes * apart
        self.stored += count
        record = self.send_ids.get(send_id)
        if record is not None and record.mailbox is mailbox:
            record.stored += count

    def count_removed(self, removed: Iterable[Removed]) -> int:
        """Take what the store removed out of the counts; return how many envelopes."""
        total = 0
        for item in removed:
            total += item.count
            mailbox = self.mailboxes.get(item.mailbox)
            if mailbox is not None:
                self.count(mailbox, item.send_id, -item.count, -item.size_bytes, apart=item.apart)
        return total

    def record_of(self, mailbox: MailboxState) -> SaveMailbox:
        """Return the operation that saves a mailbox's own record."""
        return SaveMailbox(
            mailbox.key,
            mailbox.generation,
            mailbox.reserved_seq,
            mailbox.expires_hour,
            mailbox.last_resort_used,
            mailbox.opened_days,
            mailbox.opened_day,
        )
