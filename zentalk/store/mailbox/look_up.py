"""Looks up single mailboxes in a relay's database, and how much there is in all.

Spec: docs/spec/mailbox.md section 16. What waits is counted from an index, so that waking a mailbox
reads no sealed bytes, and starting a relay reads no mailbox.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from zentalk.ids import MailboxId, SendId
from zentalk.mailbox.look_ups import DueOutcome, FindMailbox, FindOwner, FoundOutcome, ListDue
from zentalk.mailbox.stored import (
    Loaded,
    Removed,
    SaveMailbox,
    StoredMailbox,
    Totals,
    TurnsTaken,
)
from zentalk.store.mailbox import arrivals, send_ids
from zentalk.store.mailbox.mailboxes import ref_of
from zentalk.wire.rpc_send_ids import SendIdKind

_RECORD: Final = (
    "SELECT collect_key, generation, reserved_seq, expires_hour, last_resort_used,"
    " takes, takes_day, opened_days, opened_day FROM mailbox WHERE ref = ?"
)
_DUE: Final = (
    "SELECT collect_key FROM mailbox WHERE collect_key > :after AND (expires_hour <= :hour"
    " OR EXISTS (SELECT 1 FROM send_id WHERE mailbox = ref AND valid_until_day < :day){unused})"
    " ORDER BY collect_key LIMIT :limit"
)
_UNUSED: Final = (
    " OR ((SELECT count(*) FROM send_id WHERE mailbox = ref) > :more_than AND EXISTS"
    " (SELECT 1 FROM send_id WHERE mailbox = ref AND kind <> :public AND used_day <= :used_day))"
)


def load(connection: sqlite3.Connection) -> Loaded:
    """Return how much there is, and what is kept besides; raises sqlite3.Error."""

    def one(query: str) -> Any:
        return connection.execute(query).fetchone()

    totals = Totals(
        one("SELECT count(*) FROM mailbox")[0],
        one("SELECT count(*) FROM send_id")[0],
        one("SELECT count(*) FROM envelope")[0],
        one(
            "SELECT count(*) FROM mailbox WHERE EXISTS"
            " (SELECT 1 FROM envelope WHERE envelope.mailbox = ref)"
        )[0],
    )
    turns = TurnsTaken(*one("SELECT taken, hour FROM turns"))
    return Loaded(totals, one("SELECT hour FROM kept_time")[0], turns)


def find_mailbox(connection: sqlite3.Connection, operation: FindMailbox) -> FoundOutcome:
    """Return what is stored of a mailbox."""
    return _found(connection, ref_of(connection, operation.mailbox))


def find_owner(connection: sqlite3.Connection, operation: FindOwner) -> FoundOutcome:
    """Return what is stored of the mailbox that a send id belongs to."""
    query = "SELECT mailbox FROM send_id WHERE send_id = ?"
    row = connection.execute(query, (operation.send_id,)).fetchone()
    return _found(connection, None if row is None else row[0])


def list_due(connection: sqlite3.Connection, operation: ListDue) -> DueOutcome:
    """Return which mailboxes need attention."""
    values: dict[str, Any] = {
        "after": operation.after,
        "hour": operation.hour,
        "day": operation.day,
        "limit": operation.limit,
    }
    unused = ""
    if operation.unused is not None:
        unused = _UNUSED
        values["more_than"] = operation.unused.more_than
        values["used_day"] = operation.unused.day
        values["public"] = int(SendIdKind.PUBLIC)
    rows = connection.execute(_DUE.format(unused=unused), values)
    return DueOutcome(tuple(MailboxId(row[0]) for row in rows))


def _found(connection: sqlite3.Connection, ref: int | None) -> FoundOutcome:
    if ref is None:
        return FoundOutcome(None)
    row = connection.execute(_RECORD, (ref,)).fetchone()
    key, generation, reserved, expires, used, takes, takes_day, *opened = row

    def one(query: str) -> Any:
        return connection.execute(query, (ref,)).fetchone()[0]

    record = SaveMailbox(
        MailboxId(key), int.from_bytes(generation, "big"), reserved, expires, bool(used), *opened
    )
    stored = StoredMailbox(
        record=record,
        last_seq=one("SELECT ifnull(max(seq), -1) FROM envelope WHERE mailbox = ?"),
        prekeys=one("SELECT count(*) FROM prekey WHERE mailbox = ?"),
        send_ids=send_ids.find(connection, ref),
        waiting=_waiting(connection, ref, record.mailbox),
        arrivals=arrivals.find(connection, ref),
        takes=takes,
        takes_day=takes_day,
    )
    return FoundOutcome(stored)


def _waiting(connection: sqlite3.Connection, ref: int, mailbox: MailboxId) -> tuple[Removed, ...]:
    rows = connection.execute(
        "SELECT send_id, work <> -1 AS apart, count(*), sum(size_bytes) FROM envelope"
        " WHERE mailbox = ? GROUP BY send_id, apart",
        (ref,),
    )
    return tuple(
        Removed(mailbox, SendId(send_id), bool(apart), count, size)
        for send_id, apart, count, size in rows
    )
