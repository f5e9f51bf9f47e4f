"""Mailboxes in SQLite: the `durable` profile, where an acknowledged envelope survives.

Spec: docs/spec/mailbox.md section 7. Write-ahead log with synchronous=FULL; one batch is one
transaction, so many deposits share one fsync. Here it is opened and batches are executed; what
each operation does is in the modules named in `_METHODS`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from zentalk.errors import StorageError
from zentalk.mailbox import look_ups, pool, storage, stored
from zentalk.mailbox.storage import Operation, Outcome
from zentalk.mailbox.stored import Loaded
from zentalk.store.disk_space import DiskSpace
from zentalk.store.mailbox import (
    envelopes,
    kept,
    look_up,
    mailboxes,
    prekeys,
    removals,
    send_ids,
)
from zentalk.store.mailbox.capacity import FileRoom
from zentalk.store.mailbox.schema import MIGRATIONS
from zentalk.store.sqlite import open_database, storage_errors, transaction

DEFAULT_MAX_BYTES: Final = 4 * 1024**3

_METHODS: Final[Mapping[type[Any], Callable[[sqlite3.Connection, Any], Outcome]]] = {
    storage.DropArrivals: removals.drop_arrivals,
    storage.DeleteEnvelopes: removals.delete,
    storage.SweepEnvelopes: removals.sweep,
    storage.ClearSendIds: removals.clear,
    storage.ReadEnvelopes: envelopes.read,
    storage.CountAttempts: envelopes.count_attempts,
    storage.ShortenExpiry: envelopes.shorten,
    look_ups.FindMailbox: look_up.find_mailbox,
    look_ups.FindOwner: look_up.find_owner,
    look_ups.ListDue: look_up.list_due,
    stored.SaveMailbox: mailboxes.save,
    storage.RemoveMailbox: mailboxes.remove,
    storage.ChangeSendIds: send_ids.change,
    pool.PutPrekeys: prekeys.put,
    pool.ListPrekeys: prekeys.ids,
    pool.TakePrekey: prekeys.take,
    storage.KeepTime: kept.keep_time,
    storage.KeepTurns: kept.keep_turns,
}


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
        self._capacity = FileRoom(self._connection, max_bytes)

    @property
    def memory_bytes(self) -> int:
        """Nothing: mail is in the file."""
        return 0

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def load(self) -> Loaded:
        """Return how much is stored, and what is kept besides."""
        with storage_errors(self._path):
            return look_up.load(self._connection)

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
        with transaction(self._connection):
            self._capacity.begin(self._connection, disk_bytes)
            return [self._execute(operation) for operation in operations]

    def _execute(self, operation: Operation) -> Outcome:
        if isinstance(operation, storage.PutEnvelope):
            return envelopes.put(self._connection, self._capacity, operation)
        return _METHODS[type(operation)](self._connection, operation)

    def _open(self) -> sqlite3.Connection:
        try:
            return open_database(self._path, MIGRATIONS)
        except StorageError:
            if not self._space.release():
                raise
        return open_database(self._path, MIGRATIONS)
