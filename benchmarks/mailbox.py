"""Mailboxes: grouped commits, the price of a flood, and what the time of an answer tells.

Durable deposits, in one transaction against one each, go into the relay's own store, on the
disk of the folder this runs in, and take wall-clock time: what is shared is the wait for the
disk. The others take CPU time.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from benchmarks import flood
from benchmarks.rounds import Row, Seconds, ratio_row, wall_seconds
from zentalk.ids import Day, DepositId, MailboxId, SendId
from zentalk.mailbox.storage import ChangeSendIds, PutEnvelope, PutOutcome, PutResult, Room
from zentalk.mailbox.stored import Envelope, SaveMailbox
from zentalk.store.mailbox.sqlite import SqliteMailboxStore
from zentalk.wire.deposit import ENVELOPE_SMALL_BYTES
from zentalk.wire.rpc_send_ids import SendIdEntry, SendIdKind

GROUP = 100
GROUPS = 4
ROUNDS = 15
TARGET = 8.0
MAILBOX = MailboxId(bytes(32))
SEND_ID = SendId(bytes(16))


def rows() -> list[Row]:
    """The rows: name, median ratio or value, spread (the middle half) and target."""
    with tempfile.TemporaryDirectory(prefix="zentalk-bench-", dir=".") as folder:
        store = SqliteMailboxStore(Path(folder) / "queue.db")
        try:
            desk = Desk(store)
            name = f"durable deposits, {GROUP} in a group / one by one"
            grouped = ratio_row(name, TARGET, desk.one_round, ROUNDS, wall_seconds, at_least=True)
        finally:
            store.close()
    return [grouped, *flood.rows()]


class Desk:
    """One mailbox that takes everything."""

    def __init__(self, store: SqliteMailboxStore) -> None:
        self.store = store
        self.numbers = count()
        entry = SendIdEntry(SEND_ID, SendIdKind.CONTACT, Day(0), Day(2**32 - 1))
        store.apply(
            [
                SaveMailbox(MAILBOX, 1, 0, 10**6, last_resort_used=False),
                ChangeSendIds(MAILBOX, (entry,), ()),
            ]
        )

    def one_round(self, seconds: Seconds) -> float:
        """Return how many times faster groups are."""
        alone = [self.deposit() for _ in range(GROUP)]
        together = [self.deposit() for _ in range(GROUP * GROUPS)]
        one_by_one = seconds(lambda: self.apply([deposit] for deposit in alone)) / len(alone)
        grouped = seconds(lambda: self.apply(groups(together))) / len(together)
        return one_by_one / grouped

    def deposit(self) -> PutEnvelope:
        number = next(self.numbers)
        envelope = Envelope(
            mailbox=MAILBOX,
            seq=number,
            send_id=SEND_ID,
            deposit_id=DepositId(number.to_bytes(16, "big")),
            arrived_hour=1,
            expires_hour=1000,
            attempts=0,
            last_attempt_hour=0,
            sealed=os.urandom(ENVELOPE_SMALL_BYTES),
        )
        return PutEnvelope(envelope, Room.FREE)

    def apply(self, transactions: Iterable[list[PutEnvelope]]) -> None:
        for operations in transactions:
            for outcome in self.store.apply(operations):
                assert isinstance(outcome, PutOutcome)
                assert outcome.result is not PutResult.REFUSED


def groups(deposits: list[PutEnvelope]) -> list[list[PutEnvelope]]:
    return [deposits[at : at + GROUP] for at in range(0, len(deposits), GROUP)]
