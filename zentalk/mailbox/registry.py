"""The registry: mailboxes that are awake, the index of their send ids, sessions, and all counts.

Spec: docs/spec/mailbox.md sections 3 and 16. The counts are of all mailboxes, also of those that
sleep. It keeps them right and enforces nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from zentalk.ids import MailboxId, SendId
from zentalk.mailbox.arrivals import ArrivalList
from zentalk.mailbox.events import Collector
from zentalk.mailbox.state import CollectorSession, MailboxState, SendIdRecord
from zentalk.mailbox.stored import Removed, StoredMailbox, Totals
from zentalk.mailbox.tokens import Tokens
from zentalk.wire.rpc_send_ids import SendIdEntry


class Registry:
    """Mailboxes of one relay; `counters` counts events by name since the start.

    `mailboxes` and `send_ids` have what is awake, `removing` what is about to leave the store.
    `mailbox_count`, `send_id_count`, `stored` and `recipients` are of all there are.
    """

    __slots__ = (
        "counters",
        "mailbox_count",
        "mailboxes",
        "recipients",
        "removing",
        "send_id_count",
        "send_ids",
        "sessions",
        "stored",
        "tokens",
    )

    def __init__(self, totals: Totals) -> None:
        self.mailboxes: dict[MailboxId, MailboxState] = {}
        self.send_ids: dict[SendId, SendIdRecord] = {}
        self.sessions: dict[Collector, CollectorSession] = {}
        self.removing: set[MailboxId] = set()
        self.tokens = Tokens()
        self.counters: Counter[str] = Counter()
        self.mailbox_count, self.send_id_count, self.stored, self.recipients = totals

    # --- waking and sleeping -------------------------------------------------------------

    def wake(self, stored: StoredMailbox) -> MailboxState:
        """Bring a mailbox into memory as the store has it."""
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
            saved=record,
            prekeys=stored.prekeys,
            takes=stored.takes,
            takes_day=stored.takes_day,
        )
        self.mailboxes[mailbox.key] = mailbox
        for entry, day in stored.send_ids:
            self._index(SendIdRecord(mailbox, entry, used_day=day, saved_day=day))
        for send_id, arrivals in stored.arrivals:
            mailbox.send_ids[send_id].listed = ArrivalList(arrivals)
        for waiting in stored.waiting:
            _count(mailbox, waiting, 1)
        return mailbox

    def forget(self, mailbox: MailboxState) -> None:
        """Let go of a mailbox that has no session: what the store has of it is all there is."""
        for send_id in mailbox.send_ids:
            del self.send_ids[send_id]
        del self.mailboxes[mailbox.key]

    def make(self, key: MailboxId) -> MailboxState:
        """Add a new mailbox."""
        mailbox = self.mailboxes[key] = MailboxState(key)
        self.mailbox_count += 1
        return mailbox

    def unmake(self, mailbox: MailboxState) -> None:
        """Forget a new mailbox that could not be committed."""
        self.forget(mailbox)
        self.mailbox_count -= 1

    def removed(self, key: MailboxId, gone: Totals | None) -> None:
        """Take note that a mailbox has left the store, or (None) that it could not."""
        self.removing.discard(key)
        if gone is not None:
            self.mailbox_count -= gone.mailboxes
            self.send_id_count -= gone.send_ids
            self.stored -= gone.envelopes
            self.recipients -= gone.recipients
            self.counters["mailboxes_removed"] += 1

    # --- send ids ------------------------------------------------------------------------

    def register(self, mailbox: MailboxState, entry: SendIdEntry, day: int) -> None:
        """Add a send id whose commit is done, from that day on, or change the one that is there."""
        known = self.send_ids.get(entry.send_id)
        if known is None:
            self._index(SendIdRecord(mailbox, entry, used_day=day, saved_day=day))
            self.send_id_count += 1
        elif known.mailbox is mailbox:
            known.entry = entry

    def _index(self, record: SendIdRecord) -> None:
        send_id = record.entry.send_id
        self.send_ids[send_id] = record.mailbox.send_ids[send_id] = record

    def unregister(self, mailbox: MailboxState, send_ids: Iterable[SendId]) -> None:
        """Take send ids of a mailbox out of the index; mail under them stays."""
        for send_id in send_ids:
            record = mailbox.send_ids.pop(send_id, None)
            if record is not None:
                self.send_id_count -= 1
                if self.send_ids.get(send_id) is record:
                    del self.send_ids[send_id]

    # --- counts --------------------------------------------------------------------------

    def count(self, mailbox: MailboxState, change: Removed, sign: int) -> None:
        """Add to (or, with -1, take from) what is stored of a mailbox that is awake."""
        was_empty = mailbox.stored == 0
        _count(mailbox, change, sign)
        self.stored += sign * change.count
        self.recipients += was_empty - (mailbox.stored == 0)

    def count_removed(self, removed: Iterable[Removed], emptied: Iterable[MailboxId] = ()) -> int:
        """Take what the store removed out of the counts; return how many envelopes.

        `emptied` are mailboxes in which nothing is left, of which only those that sleep count.
        """
        total = 0
        for item in removed:
            total += item.count
            mailbox = self.mailboxes.get(item.mailbox)
            if mailbox is not None:
                self.count(mailbox, item, -1)
            else:
                self.stored -= item.count
        self.recipients -= sum(key not in self.mailboxes for key in emptied)
        return total


def _count(mailbox: MailboxState, change: Removed, sign: int) -> None:
    count, size_bytes = sign * change.count, sign * change.size_bytes
    mailbox.stored += count
    mailbox.stored_bytes += size_bytes
    mailbox.public += count * change.apart
    mailbox.public_bytes += size_bytes * change.apart
    record = mailbox.send_ids.get(change.send_id)
    if record is not None:
        record.stored += count
