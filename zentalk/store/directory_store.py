"""A node's copy of the directory: descriptors, proofs, user records, its boot counter.

Spec: docs/spec/directory.md sections 3 and 7. Synchronous functions over one connection;
callers run them through `run_blocking`, one at a time. Everything is kept as the bytes
that were signed, and whoever loads them verifies them again: a file that someone edited
is not believed. Decisions belong to zentalk.directory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from zentalk.errors import StorageError
from zentalk.ids import Day, NodeId
from zentalk.store.observation_table import SEVERAL as SEVERAL_OBSERVATIONS
from zentalk.store.observation_table import TABLE as OBSERVATION_TABLE
from zentalk.store.observation_table import ObservationTable
from zentalk.store.sqlite import open_database, storage_errors, transaction

FILE_NAME: Final = "directory.db"
HINT_SECONDS: Final = 30 * 86_400
"""Expired descriptors are deleted after this long; until then they say where to connect."""
MAX_DESCRIPTORS: Final = 10_000
MAX_PROOFS: Final = 4096
"""Proofs kept; the oldest is deleted when there are more, so that others cannot fill the disk."""
_MAX_BOOT: Final = 2**62
Row: TypeAlias = tuple[Any, ...]

MIGRATIONS: Final = (
    """
    CREATE TABLE descriptor (
        node_id BLOB PRIMARY KEY,
        raw BLOB NOT NULL,
        saved_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE proof (
        node_id BLOB PRIMARY KEY,
        first BLOB NOT NULL,
        second BLOB NOT NULL
    ) STRICT;
    CREATE TABLE user_record (
        blinded_key BLOB NOT NULL,
        day INTEGER NOT NULL,
        sequence BLOB NOT NULL,
        raw BLOB NOT NULL,
        PRIMARY KEY (blinded_key, day)
    ) STRICT;
    CREATE INDEX user_record_day ON user_record (day);
    CREATE TABLE own_boot (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        boot INTEGER NOT NULL
    ) STRICT;
    """,
    # Records without work are refused everywhere by now; their owners publish them again.
    """
    DELETE FROM user_record;
    ALTER TABLE user_record ADD COLUMN work INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX user_record_worth ON user_record (work, day DESC);
    """,
    OBSERVATION_TABLE,
    SEVERAL_OBSERVATIONS,
)


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A user record as it lies in the store."""

    blinded_key: bytes
    day: Day
    sequence: int
    work: int
    raw: bytes


class DirectoryStore:
    """One node's directory database. Every method raises StorageError on a failing disk."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._connection = open_database(self.path, MIGRATIONS)
        self.observed = ObservationTable(self.path, self._connection)

    def close(self) -> None:
        """Close the file; nothing may be called afterwards."""
        self._connection.close()

    # own boot counter

    def next_boot(self, above: int = 0) -> int:
        """Return a boot number never given before and above `above`; on disk on return.

        `above` is the highest number of our own seen on the network: a folder restored
        from an old copy must not sign a second descriptor for a boot it had before.
        """
        with transaction(self._connection) as connection:
            row = connection.execute("SELECT boot FROM own_boot").fetchone()
            boot = max(row[0] if row else 0, above) + 1
            if boot > _MAX_BOOT:
                raise StorageError(
                    f"the boot counter in {self.path} is used up: create a new relay"
                )
            connection.execute(
                "INSERT INTO own_boot (only, boot) VALUES (1, ?1)"
                " ON CONFLICT (only) DO UPDATE SET boot = ?1",
                (boot,),
            )
        return boot

    # descriptors and proofs

    def save_descriptors(self, items: Iterable[tuple[NodeId, bytes]], now: float) -> None:
        """Keep the newest descriptor of each relay, in one transaction."""
        with transaction(self._connection) as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO descriptor (node_id, raw, saved_at) VALUES (?, ?, ?)",
                [(node_id, raw, int(now)) for node_id, raw in items],
            )

    def descriptors(self) -> list[bytes]:
        """Return the raw descriptors kept, expired ones included."""
        return [row[0] for row in self._all("SELECT raw FROM descriptor ORDER BY node_id", ())]

    def drop_old_descriptors(self, now: float) -> None:
        """Delete descriptors that are too old, or too many, even as hints where to dial."""
        with transaction(self._connection) as connection:
            connection.execute(
                "DELETE FROM descriptor WHERE saved_at < ?", (int(now - HINT_SECONDS),)
            )
            connection.execute(
                "DELETE FROM descriptor WHERE node_id IN (SELECT node_id FROM descriptor"
                " ORDER BY saved_at DESC, node_id LIMIT -1 OFFSET ?)",
                (MAX_DESCRIPTORS,),
            )

    def save_proof(self, node_id: NodeId, first: bytes, second: bytes) -> None:
        """Keep a proof of equivocation and forget the relay's descriptor."""
        with transaction(self._connection) as connection:
            connection.execute(
                "INSERT OR IGNORE INTO proof (node_id, first, second) VALUES (?, ?, ?)",
                (node_id, first, second),
            )
            connection.execute("DELETE FROM descriptor WHERE node_id = ?", (node_id,))
            connection.execute(
                "DELETE FROM proof WHERE rowid <= (SELECT max(rowid) FROM proof) - ?", (MAX_PROOFS,)
            )

    def proofs(self) -> list[tuple[bytes, bytes]]:
        """Return the pairs of raw descriptors that convict a relay."""
        rows = self._all("SELECT first, second FROM proof ORDER BY rowid", ())
        return [(row[0], row[1]) for row in rows]

    # user records

    def record(self, blinded_key: bytes, day: Day) -> StoredRecord | None:
        """Return the record of a key and day, or None."""
        row = self._one(
            "SELECT blinded_key, day, sequence, work, raw FROM user_record"
            " WHERE blinded_key = ? AND day = ?",
            (blinded_key, day),
        )
        return _stored(row) if row else None

    def least_record(self) -> StoredRecord | None:
        """Return the record with the least work, of those the one furthest ahead, or None."""
        row = self._one(
            "SELECT blinded_key, day, sequence, work, raw FROM user_record"
            " ORDER BY work, day DESC LIMIT 1",
            (),
        )
        return _stored(row) if row else None

    def record_keys_after(
        self, blinded_key: bytes, day: Day, limit: int
    ) -> list[tuple[bytes, Day, int, int]]:
        """Return key, day, sequence and work of the next records by (key, day)."""
        rows = self._all(
            "SELECT blinded_key, day, sequence, work FROM user_record"
            " WHERE (blinded_key, day) > (?, ?) ORDER BY blinded_key, day LIMIT ?",
            (blinded_key, day, limit),
        )
        return [
            (key, Day(on), int.from_bytes(sequence, "big"), work)
            for key, on, sequence, work in rows
        ]

    def records_count(self) -> int:
        """Return how many records are held."""
        row = self._one("SELECT count(*) FROM user_record", ())
        return int(row[0]) if row else 0

    def save_record(self, record: StoredRecord, evict: tuple[bytes, Day] | None = None) -> None:
        """Keep a record in place of an older one; `evict` goes in the same transaction."""
        with transaction(self._connection) as connection:
            if evict is not None:
                connection.execute(
                    "DELETE FROM user_record WHERE blinded_key = ? AND day = ?", evict
                )
            connection.execute(
                "INSERT OR REPLACE INTO user_record (blinded_key, day, sequence, work, raw)"
                " VALUES (?, ?, ?, ?, ?)",
                (
                    record.blinded_key,
                    record.day,
                    record.sequence.to_bytes(8, "big"),
                    record.work,
                    record.raw,
                ),
            )

    def drop_records_before(self, day: Day) -> int:
        """Delete records of days before `day`; returns how many."""
        with transaction(self._connection) as connection:
            return connection.execute("DELETE FROM user_record WHERE day < ?", (day,)).rowcount

    def _one(self, sql: str, values: tuple[object, ...]) -> Row | None:
        with storage_errors(self.path):
            row: Row | None = self._connection.execute(sql, values).fetchone()
            return row

    def _all(self, sql: str, values: tuple[object, ...]) -> list[Row]:
        with storage_errors(self.path):
            return self._connection.execute(sql, values).fetchall()


def _stored(row: Row) -> StoredRecord:
    blinded_key, day, sequence, work, raw = row
    return StoredRecord(blinded_key, Day(day), int.from_bytes(sequence, "big"), work, raw)
