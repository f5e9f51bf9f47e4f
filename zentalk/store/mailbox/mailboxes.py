"""The mailboxes' own records in a relay's database, and the number that each row goes by.

Spec: docs/spec/mailbox.md section 7. No mailbox is kept in memory here: its number is looked up
each time, in an index. All of it runs inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from zentalk.ids import MailboxId
from zentalk.mailbox.storage import DONE, Done, RemoveMailbox
from zentalk.mailbox.stored import SaveMailbox, Totals

GENERATION_BYTES: Final = 8


def ref_of(connection: sqlite3.Connection, mailbox: MailboxId) -> int | None:
    """Return the number of a mailbox, None if there is none."""
    query = "SELECT ref FROM mailbox WHERE collect_key = ?"
    row = connection.execute(query, (mailbox,)).fetchone()
    return None if row is None else int(row[0])


def save(connection: sqlite3.Connection, operation: SaveMailbox) -> Done:
    """Create or update a record, and note when its send ids were used."""
    connection.execute(
        "INSERT INTO mailbox (collect_key, generation, reserved_seq, expires_hour,"
        " last_resort_used, opened_days, opened_day) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (collect_key) DO UPDATE SET"
        " generation = excluded.generation, reserved_seq = excluded.reserved_seq,"
        " expires_hour = excluded.expires_hour, last_resort_used = excluded.last_resort_used,"
        " opened_days = excluded.opened_days, opened_day = excluded.opened_day",
        (
            operation.mailbox,
            operation.generation.to_bytes(GENERATION_BYTES, "big"),
            operation.reserved_seq,
            operation.expires_hour,
            operation.last_resort_used,
            operation.opened_days,
            operation.opened_day,
        ),
    )
    connection.executemany(
        "UPDATE send_id SET used_day = ? WHERE send_id = ?"
        " AND mailbox = (SELECT ref FROM mailbox WHERE collect_key = ?)",
        [(day, send_id, operation.mailbox) for send_id, day in operation.used],
    )
    return DONE


def remove(connection: sqlite3.Connection, operation: RemoveMailbox) -> Totals:
    """Delete a mailbox with all that belongs to it; return how much that was."""
    ref = ref_of(connection, operation.mailbox)
    if ref is None:
        return Totals()
    query = "SELECT count(*) FROM send_id WHERE mailbox = ?"
    send_ids = int(connection.execute(query, (ref,)).fetchone()[0])
    query = "SELECT count(*) FROM envelope WHERE mailbox = ?"
    envelopes = int(connection.execute(query, (ref,)).fetchone()[0])
    connection.execute("DELETE FROM mailbox WHERE ref = ?", (ref,))
    return Totals(1, send_ids, envelopes, int(envelopes > 0))
