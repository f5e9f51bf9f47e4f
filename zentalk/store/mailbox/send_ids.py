"""Send ids of mailboxes in a relay's database: which there are, and whose.

Spec: docs/spec/mailbox.md section 7. Queries only.
"""

from __future__ import annotations

import sqlite3

from zentalk.ids import Day, SendId
from zentalk.mailbox.storage import ChangeSendIds, SendIdsOutcome
from zentalk.mailbox.stored import StoredSendId
from zentalk.store.mailbox.mailboxes import ref_of
from zentalk.wire.rpc_send_ids import SendIdEntry, SendIdKind


def find(connection: sqlite3.Connection, ref: int) -> tuple[StoredSendId, ...]:
    """Return the send ids of the mailbox with this number."""
    rows = connection.execute(
        "SELECT send_id, kind, valid_from_day, valid_until_day, used_day FROM send_id"
        " WHERE mailbox = ?",
        (ref,),
    )
    return tuple(
        StoredSendId(SendIdEntry(SendId(send_id), SendIdKind(kind), Day(first), Day(last)), used)
        for send_id, kind, first, last, used in rows
    )


def change(connection: sqlite3.Connection, operation: ChangeSendIds) -> SendIdsOutcome:
    """Remove send ids of a mailbox and add or change others, if none is of another mailbox.

    Raises sqlite3.Error.
    """
    ref = ref_of(connection, operation.mailbox)
    if any(_is_of_another(connection, ref, entry.send_id) for entry in operation.add):
        return SendIdsOutcome(is_taken=True)
    if ref is None:
        return SendIdsOutcome(is_taken=False)
    connection.executemany(
        "DELETE FROM send_id WHERE send_id = ? AND mailbox = ?",
        [(send_id, ref) for send_id in operation.remove],
    )
    connection.executemany(
        "INSERT INTO send_id (send_id, mailbox, kind, valid_from_day, valid_until_day, used_day)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (send_id) DO UPDATE SET"
        " kind = excluded.kind, valid_from_day = excluded.valid_from_day,"
        " valid_until_day = excluded.valid_until_day",
        [
            (
                entry.send_id,
                ref,
                int(entry.kind),
                entry.valid_from,
                entry.valid_until,
                operation.day,
            )
            for entry in operation.add
        ],
    )
    return SendIdsOutcome(is_taken=False)


def _is_of_another(connection: sqlite3.Connection, ref: int | None, send_id: SendId) -> bool:
    query = "SELECT mailbox FROM send_id WHERE send_id = ?"
    row = connection.execute(query, (send_id,)).fetchone()
    return row is not None and row[0] != ref
