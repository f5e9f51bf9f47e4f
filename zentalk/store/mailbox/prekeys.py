"""The pools of one-time prekeys in a relay's database.

Spec: docs/spec/mailbox.md section 10. All of it runs inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3

from zentalk.ids import PrekeyId
from zentalk.mailbox.pool import (
    ListPrekeys,
    PoolListOutcome,
    PoolOutcome,
    PrekeyOutcome,
    PutPrekeys,
    TakePrekey,
)
from zentalk.store.mailbox.mailboxes import ref_of


def put(connection: sqlite3.Connection, operation: PutPrekeys) -> PoolOutcome:
    """Remove and add prekeys of a mailbox; one that is there stays one."""
    ref = ref_of(connection, operation.mailbox)
    if ref is None:
        return PoolOutcome(0)
    connection.executemany(
        "DELETE FROM prekey WHERE mailbox = ? AND id = ?",
        [(ref, prekey_id) for prekey_id in operation.remove],
    )
    connection.executemany(
        "INSERT INTO prekey (mailbox, id, blob) SELECT ?1, ?2, ?3 WHERE NOT EXISTS"
        " (SELECT 1 FROM prekey WHERE mailbox = ?1 AND id = ?2)",
        [(ref, item.prekey_id, item.blob) for item in operation.add],
    )
    query = "SELECT count(*) FROM prekey WHERE mailbox = ?"
    return PoolOutcome(connection.execute(query, (ref,)).fetchone()[0])


def ids(connection: sqlite3.Connection, operation: ListPrekeys) -> PoolListOutcome:
    """Return the ids of a pool's prekeys, in the order in which they are given out."""
    ref = ref_of(connection, operation.mailbox)
    rows = connection.execute("SELECT id FROM prekey WHERE mailbox = ? ORDER BY number", (ref,))
    return PoolListOutcome(tuple(PrekeyId(row[0]) for row in rows))


def take(connection: sqlite3.Connection, operation: TakePrekey) -> PrekeyOutcome:
    """Take the oldest prekey out of a pool, and count it."""
    ref = ref_of(connection, operation.mailbox)
    query = "SELECT number, blob FROM prekey WHERE mailbox = ? ORDER BY number LIMIT 1"
    row = connection.execute(query, (ref,)).fetchone()
    if row is None:
        return PrekeyOutcome(None)
    connection.execute("DELETE FROM prekey WHERE number = ?", (row[0],))
    connection.execute(
        "UPDATE mailbox SET takes = ?, takes_day = ? WHERE ref = ?",
        (operation.takes, operation.day, ref),
    )
    return PrekeyOutcome(row[1])
