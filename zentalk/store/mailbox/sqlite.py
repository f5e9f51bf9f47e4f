"""Mailboxes in SQLite: the `durable` profile, where an acknowledged envelope survives.

Spec: docs/spec/mailbox.md section 7. Write-ahead log with synchronous=FULL; one batch
is one transaction, so many deposits share one fsync. Rows hold send ids, sealed bytes
and expiry: never a sender. Quotas and times are decided by the core, not here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from zentalk.errors import StorageError
from zentalk.ids import DepositId, MailboxId, SendId
from zentalk.mailbox.pool import (
    ListPrekeys,
    PoolListOutcome,
    PoolOutcome,
    PrekeyOutcome,
    PutPrekeys,
    TakePrekey,
)
from zentalk.mailbox.storage import (
    DONE,
    SINK,
    ChangeSendIds,
    ClearSendIds,
    CountAttempts,
    DeleteEnvelopes,
    Done,
    DropArrivals,
    Envelope,
    KeepTime,
    KeepTurns,
    Loaded,
    Operation,
    Outcome,
    PutEnvelope,
    PutOutcome,
    PutResult,
    ReadEnvelopes,
    ReadOutcome,
    Removed,
    RemovedOutcome,
    RemoveMailbox,
    Room,
    SaveMailbox,
    ShortenExpiry,
    SweepEnvelopes,
    group_removed,
)
from zentalk.store.disk_space import DiskSpace
from zentalk.store.mailbox import arrivals, prekeys, send_ids
from zentalk.store.mailbox.load import load_mailboxes
from zentalk.store.mailbox.schema import MIGRATIONS
from zentalk.store.sqlite import open_database, storage_errors, transaction
from zentalk.wire.deposit import decode_stamp, encode_stamp

SPARE_PAGES: Final = 64
"""Pages below the cap that envelopes may not take: a delete can need a few of its own."""
DEFAULT_MAX_BYTES: Final = 4 * 1024**3
_GENERATION_BYTES: Final = 8
_ROW_OVERHEAD_BYTES: Final = 384
"""Bytes of a row beyond its sealed bytes, with indexes and its place in a list; rounded up."""


class _Row(NamedTuple):
    """An envelope without its sealed bytes, as it is counted when it is deleted."""

    id: int
    mailbox: int
    send_id: bytes
    size_bytes: int
    work: int


_SELECT_ROWS: Final = "SELECT id, mailbox, send_id, size_bytes, work FROM envelope WHERE "


class SqliteMailboxStore:
    """A `MailboxStore` in one SQLite file.

    `max_bytes` caps the file: a little below it, or when the file system is nearly full,
    envelopes are refused and everything else goes on, deletes above all. Raises
    StorageError if the file cannot be used.
    """

    def __init__(self, path: Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._path = path
        self._space = DiskSpace(path)
        self._connection = self._open()
        self._refs: dict[MailboxId, int] = {}
        self._keys: dict[int, MailboxId] = {}
        self._page_bytes: int = int(self._one("PRAGMA page_size")[0])
        self._max_pages: int = max_bytes // self._page_bytes
        self._free_bytes = 0
        self._connection.execute(f"PRAGMA max_page_count = {self._max_pages}")
        self._methods: dict[type[Any], Callable[[Any], Outcome]] = {
            PutEnvelope: self._put,
            DropArrivals: self._drop_arrivals,
            DeleteEnvelopes: self._delete,
            SweepEnvelopes: self._sweep,
            ReadEnvelopes: self._read,
            CountAttempts: self._count_attempts,
            ShortenExpiry: self._shorten,
            SaveMailbox: self._save,
            RemoveMailbox: self._remove_mailbox,
            ChangeSendIds: self._change_send_ids,
            ClearSendIds: self._clear_send_ids,
            PutPrekeys: self._put_prekeys,
            ListPrekeys: self._list_prekeys,
            TakePrekey: self._take_prekey,
            KeepTime: self._keep_time,
            KeepTurns: self._keep_turns,
        }
        self._read_refs()

    @property
    def memory_bytes(self) -> int:
        """Nothing: mail is in the file."""
        return 0

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def load(self) -> Loaded:
        """Return what is stored, without the envelopes."""
        with storage_errors(self._path):
            return load_mailboxes(self._connection)

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Execute operations as one transaction; on disk when this returns.

        On a full file system it is tried once more, without the ballast and new envelopes.
        """
        try:
            return self._apply(operations)
        except StorageError:
            if not self._space.release():
                raise
        return self._apply(operations)

    def _apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        disk_bytes = self._space.room(self._connection)
        try:
            with transaction(self._connection):
                self._free_bytes = min(self._cap_bytes(), disk_bytes)
                return [self._methods[type(operation)](operation) for operation in operations]
        except BaseException:
            self._read_refs()
            raise

    def _open(self) -> sqlite3.Connection:
        try:
            return open_database(self._path, MIGRATIONS)
        except StorageError:
            if not self._space.release():
                raise
        return open_database(self._path, MIGRATIONS)

    def _one(self, query: str, *values: Any) -> Any:
        return self._connection.execute(query, values).fetchone()

    def _read_refs(self) -> None:
        with storage_errors(self._path):
            rows = self._connection.execute("SELECT collect_key, ref FROM mailbox").fetchall()
        self._refs = {MailboxId(key): ref for key, ref in rows}
        self._keys = {ref: key for key, ref in self._refs.items()}

    def _cap_bytes(self) -> int:
        """Return what may still be put into the file before its cap is reached."""
        used = int(self._one("PRAGMA page_count")[0] - self._one("PRAGMA freelist_count")[0])
        return max(0, self._max_pages - SPARE_PAGES - used) * self._page_bytes

    # --- envelopes -----------------------------------------------------------------------

    def _put(self, operation: PutEnvelope) -> PutOutcome:
        envelope, change = operation.envelope, operation.change
        size = len(envelope.sealed)
        ref = self._refs.get(envelope.mailbox)
        if ref is None:
            return PutOutcome(PutResult.REFUSED, envelope.seq, 0, ())
        known = self._one(
            "SELECT id, seq, size_bytes FROM envelope"
            " WHERE mailbox = ? AND send_id = ? AND deposit_id = ?",
            *(ref, envelope.send_id, envelope.deposit_id),
        )
        if known is None and operation.room is Room.REPLACE_ONLY:
            return PutOutcome(PutResult.REFUSED, envelope.seq, 0, ())
        if known is not None and envelope.work == SINK:
            return PutOutcome(PutResult.REPLACED, known[1], 0, ())
        grown = size if known is None else size - known[2]
        if self._lacks_space(grown if known is not None else size + _ROW_OVERHEAD_BYTES):
            return PutOutcome(PutResult.NO_SPACE, envelope.seq, 0, ())
        evicted: tuple[Removed, ...] = ()
        if change is not None:
            gone = tuple(arrival.deposit_id for arrival in change.displaced)
            evicted = self._drop(ref, envelope.send_id, gone)
            arrivals.add(self._connection, ref, envelope.send_id, change.arrival)
        if known is not None:
            self._connection.execute(
                "UPDATE envelope SET sealed = ?, size_bytes = ?, work = max(work, ?), stamp = ?"
                " WHERE id = ?",
                (envelope.sealed, size, envelope.work, encode_stamp(envelope.stamp), known[0]),
            )
            return PutOutcome(PutResult.REPLACED, known[1], grown, evicted)
        if operation.room is Room.EVICT_OLDEST:
            evicted = self._evict(ref, size)
        self._insert(ref, envelope)
        return PutOutcome(PutResult.INSERTED, envelope.seq, size, evicted)

    def _insert(self, ref: int, envelope: Envelope) -> None:
        self._connection.execute(
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

    def _drop_arrivals(self, operation: DropArrivals) -> RemovedOutcome:
        ref = self._refs.get(operation.mailbox)
        if ref is None:
            return RemovedOutcome(())
        return RemovedOutcome(self._drop(ref, operation.send_id, operation.deposit_ids))

    def _drop(
        self, ref: int, send_id: SendId, deposit_ids: tuple[DepositId, ...]
    ) -> tuple[Removed, ...]:
        """Take deposits off the list of a send id; their envelopes go where they still wait."""
        arrivals.remove(self._connection, ref, send_id, deposit_ids)
        query = _SELECT_ROWS + "mailbox = ? AND send_id = ? AND deposit_id = ?"
        ids = dict.fromkeys(deposit_ids)
        rows = [self._one(query, ref, send_id, deposit_id) for deposit_id in ids]
        return self._remove([_Row(*row) for row in rows if row is not None])

    def _lacks_space(self, grown: int) -> bool:
        """Whether cap and disk leave no room; what is taken is counted until the commit."""
        if grown > max(0, self._free_bytes):
            return True
        self._free_bytes -= grown
        return False

    def _evict(self, ref: int, size_bytes: int) -> tuple[Removed, ...]:
        doomed: list[_Row] = []
        freed = 0
        query = _SELECT_ROWS + "mailbox = ? AND work = -1 ORDER BY seq"
        for row in map(_Row._make, self._connection.execute(query, (ref,))):
            if freed >= size_bytes:
                break
            doomed.append(row)
            freed += row.size_bytes
        return self._remove(doomed)

    def _remove(self, rows: Sequence[_Row]) -> tuple[Removed, ...]:
        self._connection.executemany(
            "DELETE FROM envelope WHERE id = ?", [(row.id,) for row in rows]
        )
        return group_removed(
            (self._keys[row.mailbox], SendId(row.send_id), row.work, row.size_bytes) for row in rows
        )

    def _delete(self, operation: DeleteEnvelopes) -> RemovedOutcome:
        ref = self._refs.get(operation.mailbox)
        query = _SELECT_ROWS + "mailbox = ? AND seq = ?"
        found = [self._one(query, ref, seq) for seq in dict.fromkeys(operation.seqs)]
        return RemovedOutcome(self._remove([_Row(*row) for row in found if row is not None]))

    def _sweep(self, operation: SweepEnvelopes) -> RemovedOutcome:
        rows = self._connection.execute(
            _SELECT_ROWS + "expires_hour <= ? ORDER BY expires_hour LIMIT ?",
            (operation.now_hour, operation.limit),
        )
        return RemovedOutcome(self._remove([_Row(*row) for row in rows]))

    def _read(self, operation: ReadEnvelopes) -> ReadOutcome:
        envelopes: list[Envelope] = []
        size_bytes = 0
        for row in self._connection.execute(
            "SELECT seq, send_id, deposit_id, arrived_hour, expires_hour, attempts,"
            " last_attempt_hour, sealed, work, stamp FROM envelope"
            " WHERE mailbox = ?1 AND seq > ?2 AND expires_hour > ?3"
            " AND work > -2 AND (?4 IS NULL OR (work >= 0) = ?4) ORDER BY seq LIMIT ?5",
            (
                self._refs.get(operation.mailbox),
                operation.after_seq,
                operation.now_hour,
                operation.public,
                operation.limit + 1,
            ),
        ):
            size_bytes += len(row[-3])
            full = len(envelopes) == operation.limit or size_bytes > operation.max_bytes
            if envelopes and full:
                return ReadOutcome(tuple(envelopes), more=True)
            found = (*row[:-1], decode_stamp(row[-1]))
            envelopes.append(Envelope(operation.mailbox, *found))
        return ReadOutcome(tuple(envelopes), more=False)

    def _count_attempts(self, operation: CountAttempts) -> Done:
        ref = self._refs.get(operation.mailbox)
        self._connection.executemany(
            "UPDATE envelope SET attempts = attempts + 1, last_attempt_hour = ?"
            " WHERE mailbox = ? AND seq = ?",
            [(operation.hour, ref, seq) for seq in operation.seqs],
        )
        return DONE

    def _shorten(self, operation: ShortenExpiry) -> Done:
        self._connection.execute(
            "UPDATE envelope SET expires_hour = arrived_hour + :hours"
            " WHERE expires_hour > arrived_hour + :hours",
            {"hours": operation.max_hours},
        )
        return DONE

    # --- mailboxes -----------------------------------------------------------------------

    def _save(self, operation: SaveMailbox) -> Done:
        self._connection.execute(
            "INSERT INTO mailbox (collect_key, generation, reserved_seq, expires_hour,"
            " last_resort_used, opened_days, opened_day) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (collect_key) DO UPDATE SET"
            " generation = excluded.generation, reserved_seq = excluded.reserved_seq,"
            " expires_hour = excluded.expires_hour, last_resort_used = excluded.last_resort_used,"
            " opened_days = excluded.opened_days, opened_day = excluded.opened_day",
            (
                operation.mailbox,
                operation.generation.to_bytes(_GENERATION_BYTES, "big"),
                operation.reserved_seq,
                operation.expires_hour,
                operation.last_resort_used,
                operation.opened_days,
                operation.opened_day,
            ),
        )
        if operation.mailbox not in self._refs:
            row = self._one("SELECT ref FROM mailbox WHERE collect_key = ?", operation.mailbox)
            self._refs[operation.mailbox] = row[0]
            self._keys[row[0]] = operation.mailbox
        return DONE

    def _remove_mailbox(self, operation: RemoveMailbox) -> Done:
        ref = self._refs.pop(operation.mailbox, None)
        if ref is not None:
            self._connection.execute("DELETE FROM mailbox WHERE ref = ?", (ref,))
            del self._keys[ref]
        return DONE

    def _change_send_ids(self, operation: ChangeSendIds) -> Done:
        ref = self._refs.get(operation.mailbox)
        if ref is not None:
            send_ids.change(self._connection, ref, operation)
        return DONE

    def _clear_send_ids(self, operation: ClearSendIds) -> RemovedOutcome:
        query = _SELECT_ROWS + "mailbox = ? AND send_id = ?"
        ref = self._refs.get(operation.mailbox)
        ids = dict.fromkeys(operation.send_ids)
        rows = [row for item in ids for row in self._connection.execute(query, (ref, item))]
        return RemovedOutcome(self._remove([_Row(*row) for row in rows]))

    def _put_prekeys(self, operation: PutPrekeys) -> PoolOutcome:
        ref = self._refs.get(operation.mailbox)
        if ref is None:
            return PoolOutcome(0)
        return prekeys.put(self._connection, ref, operation)

    def _list_prekeys(self, operation: ListPrekeys) -> PoolListOutcome:
        return prekeys.ids(self._connection, self._refs.get(operation.mailbox))

    def _take_prekey(self, operation: TakePrekey) -> PrekeyOutcome:
        return prekeys.take(self._connection, self._refs.get(operation.mailbox), operation)

    def _keep_time(self, operation: KeepTime) -> Done:
        self._connection.execute("UPDATE kept_time SET hour = max(hour, ?)", (operation.hour,))
        return DONE

    def _keep_turns(self, operation: KeepTurns) -> Done:
        self._connection.execute("UPDATE turns SET taken = ?, hour = ?", operation.taken)
        return DONE
