"""Deletes envelopes from a relay's queue database, and tells whose they were.

Spec: docs/spec/mailbox.md section 7. Counts and sizes come from an index, so that a delete reads no
sealed bytes. All of it runs inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from zentalk.ids import DepositId, MailboxId, SendId
from zentalk.mailbox.storage import (
    ClearSendIds,
    DeleteEnvelopes,
    DropArrivals,
    RemovedOutcome,
    SweepEnvelopes,
)
from zentalk.mailbox.stored import Removed, group_removed
from zentalk.store.mailbox import arrivals
from zentalk.store.mailbox.mailboxes import ref_of


class _Row(NamedTuple):
    """An envelope without its sealed bytes, as it is counted when it is deleted."""

    id: int
    mailbox: int
    key: bytes
    send_id: bytes
    size_bytes: int
    work: int


_SELECT: Final = (
    "SELECT id, mailbox, collect_key, send_id, size_bytes, work"
    " FROM envelope JOIN mailbox ON ref = mailbox WHERE "
)


def delete(connection: sqlite3.Connection, operation: DeleteEnvelopes) -> RemovedOutcome:
    """Delete by sequence number; missing ones are no error."""
    ref = ref_of(connection, operation.mailbox)
    query = _SELECT + "mailbox = ? AND seq = ?"
    found = [_select(connection, query, ref, seq) for seq in dict.fromkeys(operation.seqs)]
    return RemovedOutcome(_remove(connection, [row for rows in found for row in rows]))


def sweep(connection: sqlite3.Connection, operation: SweepEnvelopes) -> RemovedOutcome:
    """Delete what expired, the longest expired first."""
    query = _SELECT + "envelope.expires_hour <= ? ORDER BY envelope.expires_hour, id LIMIT ?"
    rows = _select(connection, query, operation.now_hour, operation.limit)
    removed = _remove(connection, rows)
    query = "SELECT 1 FROM envelope WHERE mailbox = ? LIMIT 1"
    keys = {row.mailbox: MailboxId(row.key) for row in rows}
    empty = (key for ref, key in keys.items() if not _any(connection, query, ref))
    return RemovedOutcome(removed, tuple(sorted(empty)))


def clear(connection: sqlite3.Connection, operation: ClearSendIds) -> RemovedOutcome:
    """Delete all that waits under send ids of a mailbox."""
    ref = ref_of(connection, operation.mailbox)
    query = _SELECT + "mailbox = ? AND send_id = ?"
    ids = dict.fromkeys(operation.send_ids)
    rows = [row for send_id in ids for row in _select(connection, query, ref, send_id)]
    return RemovedOutcome(_remove(connection, rows))


def drop_arrivals(connection: sqlite3.Connection, operation: DropArrivals) -> RemovedOutcome:
    """Take deposits off the list of a send id, and out of the store."""
    ref = ref_of(connection, operation.mailbox)
    if ref is None:
        return RemovedOutcome(())
    return RemovedOutcome(drop(connection, ref, operation.send_id, operation.deposit_ids))


def drop(
    connection: sqlite3.Connection, ref: int, send_id: SendId, deposit_ids: Iterable[DepositId]
) -> tuple[Removed, ...]:
    """Take deposits off the list of a send id; their envelopes go where they still wait."""
    ids = dict.fromkeys(deposit_ids)
    arrivals.remove(connection, ref, send_id, ids)
    query = _SELECT + "mailbox = ? AND send_id = ? AND deposit_id = ?"
    found = [_select(connection, query, ref, send_id, deposit_id)[:1] for deposit_id in ids]
    return _remove(connection, [row for rows in found for row in rows])


def evict(connection: sqlite3.Connection, ref: int, size_bytes: int) -> tuple[Removed, ...]:
    """Delete the oldest of contacts until so many bytes are free."""
    doomed: list[_Row] = []
    freed = 0
    query = _SELECT + "mailbox = ? AND work = -1 ORDER BY seq"
    for row in map(_Row._make, connection.execute(query, (ref,))):
        if freed >= size_bytes:
            break
        doomed.append(row)
        freed += row.size_bytes
    return _remove(connection, doomed)


def _select(connection: sqlite3.Connection, query: str, *values: Any) -> list[_Row]:
    return [_Row(*row) for row in connection.execute(query, values)]


def _any(connection: sqlite3.Connection, query: str, *values: Any) -> bool:
    return connection.execute(query, values).fetchone() is not None


def _remove(connection: sqlite3.Connection, rows: Sequence[_Row]) -> tuple[Removed, ...]:
    connection.executemany("DELETE FROM envelope WHERE id = ?", [(row.id,) for row in rows])
    return group_removed(
        (MailboxId(row.key), SendId(row.send_id), row.work, row.size_bytes) for row in rows
    )
