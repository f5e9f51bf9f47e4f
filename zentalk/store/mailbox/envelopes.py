"""Puts envelopes into a relay's queue database and reads them.

Spec: docs/spec/mailbox.md section 7. Rows hold send ids, sealed bytes and expiry: never a sender.
Quotas and times are decided by the core. All of it runs inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

from zentalk.mailbox.storage import (
    DONE,
    CountAttempts,
    Done,
    PutEnvelope,
    PutOutcome,
    PutResult,
    ReadEnvelopes,
    ReadOutcome,
    Room,
    ShortenExpiry,
)
from zentalk.mailbox.stored import SINK, Envelope, Removed
from zentalk.store.mailbox import arrivals, removals
from zentalk.store.mailbox.capacity import FileRoom
from zentalk.store.mailbox.mailboxes import ref_of
from zentalk.wire.deposit import decode_stamp, encode_stamp


class _Known(NamedTuple):
    """A stored copy of an envelope that comes again."""

    id: int
    seq: int
    size_bytes: int


def put(connection: sqlite3.Connection, capacity: FileRoom, operation: PutEnvelope) -> PutOutcome:
    """Store an envelope, or put it in the place of the copy that is there."""
    envelope = operation.envelope
    ref = ref_of(connection, envelope.mailbox)
    if ref is None:
        return PutOutcome(PutResult.REFUSED, envelope.seq, 0, ())
    known = _known(connection, ref, envelope)
    if known is None and operation.room is Room.REPLACE_ONLY:
        return PutOutcome(PutResult.REFUSED, envelope.seq, 0, ())
    if known is not None and envelope.work == SINK:
        return PutOutcome(PutResult.REPLACED, known.seq, 0, ())
    size = len(envelope.sealed)
    grown = size if known is None else size - known.size_bytes
    if not capacity.take(grown, is_new=known is None):
        return PutOutcome(PutResult.NO_SPACE, envelope.seq, 0, ())
    evicted = _list(connection, ref, operation)
    if known is not None:
        _replace(connection, known, envelope)
        return PutOutcome(PutResult.REPLACED, known.seq, grown, evicted)
    if operation.room is Room.EVICT_OLDEST:
        evicted = removals.evict(connection, ref, size)
    _insert(connection, ref, envelope)
    return PutOutcome(PutResult.INSERTED, envelope.seq, size, evicted)


def _known(connection: sqlite3.Connection, ref: int, envelope: Envelope) -> _Known | None:
    row = connection.execute(
        "SELECT id, seq, size_bytes FROM envelope"
        " WHERE mailbox = ? AND send_id = ? AND deposit_id = ?",
        (ref, envelope.send_id, envelope.deposit_id),
    ).fetchone()
    return None if row is None else _Known(*row)


def _list(connection: sqlite3.Connection, ref: int, operation: PutEnvelope) -> tuple[Removed, ...]:
    """List a deposit under a public send id; return what it displaced."""
    change, send_id = operation.change, operation.envelope.send_id
    if change is None:
        return ()
    gone = (arrival.deposit_id for arrival in change.displaced)
    evicted = removals.drop(connection, ref, send_id, gone)
    arrivals.add(connection, ref, send_id, change.arrival)
    return evicted


def _replace(connection: sqlite3.Connection, known: _Known, envelope: Envelope) -> None:
    connection.execute(
        "UPDATE envelope SET sealed = ?, size_bytes = ?, work = max(work, ?), stamp = ?"
        " WHERE id = ?",
        (
            envelope.sealed,
            len(envelope.sealed),
            envelope.work,
            encode_stamp(envelope.stamp),
            known.id,
        ),
    )


def _insert(connection: sqlite3.Connection, ref: int, envelope: Envelope) -> None:
    connection.execute(
        "INSERT INTO envelope (mailbox, seq, send_id, deposit_id, size_bytes, arrived_hour,"
        " expires_hour, attempts, last_attempt_hour, sealed, work, stamp)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            ref,
            envelope.seq,
            envelope.send_id,
            envelope.deposit_id,
            len(envelope.sealed),
            envelope.arrived_hour,
            envelope.expires_hour,
            envelope.attempts,
            envelope.last_attempt_hour,
            envelope.sealed,
            envelope.work,
            encode_stamp(envelope.stamp),
        ),
    )


def read(connection: sqlite3.Connection, operation: ReadEnvelopes) -> ReadOutcome:
    """Read in order from after a sequence number."""
    envelopes: list[Envelope] = []
    size_bytes = 0
    for row in _rows(connection, operation):
        size_bytes += len(row[-3])
        full = len(envelopes) == operation.limit or size_bytes > operation.max_bytes
        if envelopes and full:
            return ReadOutcome(tuple(envelopes), more=True)
        found = (*row[:-1], decode_stamp(row[-1]))
        envelopes.append(Envelope(operation.mailbox, *found))
    return ReadOutcome(tuple(envelopes), more=False)


def _rows(connection: sqlite3.Connection, operation: ReadEnvelopes) -> Any:
    return connection.execute(
        "SELECT seq, send_id, deposit_id, arrived_hour, expires_hour, attempts,"
        " last_attempt_hour, sealed, work, stamp FROM envelope"
        " WHERE mailbox = ?1 AND seq > ?2 AND expires_hour > ?3"
        " AND work > -2 AND (?4 IS NULL OR (work >= 0) = ?4) ORDER BY seq LIMIT ?5",
        (
            ref_of(connection, operation.mailbox),
            operation.after_seq,
            operation.now_hour,
            operation.public,
            operation.limit + 1,
        ),
    )


def count_attempts(connection: sqlite3.Connection, operation: CountAttempts) -> Done:
    """Count one more fruitless push of each."""
    ref = ref_of(connection, operation.mailbox)
    connection.executemany(
        "UPDATE envelope SET attempts = attempts + 1, last_attempt_hour = ?"
        " WHERE mailbox = ? AND seq = ?",
        [(operation.hour, ref, seq) for seq in operation.seqs],
    )
    return DONE


def shorten(connection: sqlite3.Connection, operation: ShortenExpiry) -> Done:
    """Let nothing expire later than so long after its arrival."""
    connection.execute(
        "UPDATE envelope SET expires_hour = arrived_hour + :hours"
        " WHERE expires_hour > arrived_hour + :hours",
        {"hours": operation.max_hours},
    )
    return DONE
