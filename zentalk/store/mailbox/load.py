"""Reads a relay's mailboxes at start: everything but the envelopes themselves.

Spec: docs/spec/mailbox.md section 7. What waits is counted from an index, so that a
start reads no sealed bytes.
"""

from __future__ import annotations

import sqlite3

from zentalk.ids import Day, MailboxId, SendId
from zentalk.mailbox.storage import Loaded, Removed, SaveMailbox, StoredMailbox, TurnsTaken
from zentalk.store.mailbox import arrivals
from zentalk.wire.rpc_send_ids import SendIdEntry, SendIdKind


def load_mailboxes(connection: sqlite3.Connection) -> Loaded:
    """Return what the database holds; raises sqlite3.Error."""
    execute = connection.execute
    rows = execute(
        "SELECT ref, collect_key, generation, reserved_seq, expires_hour, last_resort_used,"
        " takes, takes_day, opened_days, opened_day FROM mailbox ORDER BY ref"
    ).fetchall()
    keys = {row[0]: MailboxId(row[1]) for row in rows}
    pools = dict(execute("SELECT mailbox, count(*) FROM prekey GROUP BY mailbox"))
    last_seqs = dict(execute("SELECT mailbox, max(seq) FROM envelope GROUP BY mailbox"))
    send_ids = _send_ids(connection)
    waiting = _waiting(connection, keys)
    lists = arrivals.load(connection)
    boxes = tuple(
        StoredMailbox(
            record=SaveMailbox(
                keys[ref], int.from_bytes(generation, "big"), reserved, expires, bool(used), *opened
            ),
            last_seq=last_seqs.get(ref, -1),
            prekeys=pools.get(ref, 0),
            send_ids=tuple(send_ids.get(ref, ())),
            waiting=tuple(waiting.get(ref, ())),
            arrivals=tuple(
                (send_id, tuple(found)) for send_id, found in lists.get(ref, {}).items()
            ),
            takes=takes,
            takes_day=takes_day,
        )
        for ref, _, generation, reserved, expires, used, takes, takes_day, *opened in rows
    )
    turns = TurnsTaken(*execute("SELECT taken, hour FROM turns").fetchone())
    return Loaded(boxes, execute("SELECT hour FROM kept_time").fetchone()[0], turns)


def _send_ids(connection: sqlite3.Connection) -> dict[int, list[SendIdEntry]]:
    entries: dict[int, list[SendIdEntry]] = {}
    for ref, send_id, kind, valid_from, valid_until in connection.execute(
        "SELECT mailbox, send_id, kind, valid_from_day, valid_until_day FROM send_id"
    ):
        entry = SendIdEntry(SendId(send_id), SendIdKind(kind), Day(valid_from), Day(valid_until))
        entries.setdefault(ref, []).append(entry)
    return entries


def _waiting(
    connection: sqlite3.Connection, keys: dict[int, MailboxId]
) -> dict[int, list[Removed]]:
    waiting: dict[int, list[Removed]] = {}
    for ref, send_id, apart, count, size in connection.execute(
        "SELECT mailbox, send_id, work <> -1 AS apart, count(*), sum(size_bytes) FROM envelope"
        " GROUP BY mailbox, send_id, apart"
    ):
        removed = Removed(keys[ref], SendId(send_id), bool(apart), count, size)
        waiting.setdefault(ref, []).append(removed)
    return waiting
