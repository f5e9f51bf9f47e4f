"""Send ids of mailboxes in a relay's database: which there are, and whose.

Spec: docs/spec/mailbox.md section 7. Queries only.
"""

from __future__ import annotations

import sqlite3

from zentalk.mailbox.storage import ChangeSendIds


def change(connection: sqlite3.Connection, ref: int, operation: ChangeSendIds) -> None:
    """Remove send ids of a mailbox and add or change others; raises sqlite3.Error."""
    connection.executemany(
        "DELETE FROM send_id WHERE send_id = ? AND mailbox = ?",
        [(send_id, ref) for send_id in operation.remove],
    )
    # An id of another mailbox stays that one's.
    connection.executemany(
        "INSERT INTO send_id VALUES (?, ?, ?, ?, ?) ON CONFLICT (send_id) DO UPDATE SET"
        " kind = excluded.kind, valid_from_day = excluded.valid_from_day,"
        " valid_until_day = excluded.valid_until_day WHERE mailbox = excluded.mailbox",
        [
            (entry.send_id, ref, int(entry.kind), entry.valid_from, entry.valid_until)
            for entry in operation.add
        ],
    )
