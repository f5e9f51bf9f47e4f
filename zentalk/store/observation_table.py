"""The table of relays that a relay reached itself: where, and when last.

Spec: docs/spec/directory.md section 3. Part of the directory's file. All of it is public; it is
kept so that a restart needs to reach nobody again before it can answer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from zentalk.ids import NodeId
from zentalk.store.sqlite import storage_errors, transaction

TABLE: Final = """
    CREATE TABLE observation (
        node_id BLOB PRIMARY KEY,
        identity BLOB NOT NULL,
        host TEXT NOT NULL,
        port INTEGER NOT NULL,
        address TEXT NOT NULL,
        reached_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    """
MAX_OBSERVATIONS: Final = 10_000


class StoredObservation(NamedTuple):
    """A relay was reached at host and port, which led to `address`, at a wall time in seconds."""

    node_id: NodeId
    identity: bytes
    host: str
    port: int
    address: str
    reached_at: float


class ObservationTable:
    """The observations of one database. Every method raises StorageError on a failing disk."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def save(self, rows: Sequence[StoredObservation]) -> None:
        """Keep observations in place of older ones of the same relays, as one step."""
        with transaction(self._connection) as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO observation VALUES (?, ?, ?, ?, ?, ?)",
                [row._replace(reached_at=int(row.reached_at)) for row in rows],
            )

    def all(self) -> list[StoredObservation]:
        """Return what is kept, the newest first."""
        with storage_errors(self._path):
            rows = self._connection.execute(
                "SELECT * FROM observation ORDER BY reached_at DESC, node_id LIMIT ?",
                (MAX_OBSERVATIONS,),
            ).fetchall()
        return [StoredObservation(NodeId(node_id), *rest) for node_id, *rest in rows]

    def drop_before(self, wall: float) -> None:
        """Delete what was reached before a time."""
        with transaction(self._connection) as connection:
            connection.execute("DELETE FROM observation WHERE reached_at < ?", (int(wall),))
