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
SEVERAL: Final = """
    ALTER TABLE observation RENAME TO observation_of_one;
    CREATE TABLE observation (
        node_id BLOB NOT NULL,
        identity BLOB NOT NULL,
        host TEXT NOT NULL,
        port INTEGER NOT NULL,
        address TEXT NOT NULL,
        reached_at INTEGER NOT NULL,
        PRIMARY KEY (node_id, address, port)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO observation SELECT * FROM observation_of_one;
    DROP TABLE observation_of_one;
    """
"""A relay has a row for each address at which it was reached."""
MAX_OBSERVATIONS: Final = 40_000
MAX_OF_ONE: Final = 4
"""Addresses of one relay that are kept: more than a descriptor names nobody dials."""


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
        """Keep observations in place of older ones of the same relays and addresses, as one step.

        The newest four of each relay stay.
        """
        with transaction(self._connection) as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO observation VALUES (?, ?, ?, ?, ?, ?)",
                [row._replace(reached_at=int(row.reached_at)) for row in rows],
            )
            connection.executemany(
                "DELETE FROM observation WHERE node_id = ?1 AND (address, port) NOT IN"
                " (SELECT address, port FROM observation WHERE node_id = ?1"
                " ORDER BY reached_at DESC, address, port LIMIT ?2)",
                [(node_id, MAX_OF_ONE) for node_id in {row.node_id for row in rows}],
            )

    def all(self) -> list[StoredObservation]:
        """Return what is kept, the newest first."""
        with storage_errors(self._path):
            rows = self._connection.execute(
                "SELECT * FROM observation ORDER BY reached_at DESC, node_id, address, port"
                " LIMIT ?",
                (MAX_OBSERVATIONS,),
            ).fetchall()
        return [StoredObservation(NodeId(node_id), *rest) for node_id, *rest in rows]

    def drop_before(self, wall: float) -> None:
        """Delete what was reached before a time."""
        with transaction(self._connection) as connection:
            connection.execute("DELETE FROM observation WHERE reached_at < ?", (int(wall),))
