"""Counts what lies in a relay's queue database, from outside, while the relay runs.

Reads a number and nothing else: for an operator's check and for simulations.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from zentalk.store.sqlite import storage_errors


def count_envelopes(path: Path) -> int:
    """Return how many envelopes the database holds that readers see now.

    Raises StorageError if the file is missing or is no queue database.
    """
    address = f"{path.absolute().as_uri()}?mode=ro"
    with (
        storage_errors(path),
        closing(sqlite3.connect(address, uri=True, isolation_level=None)) as connection,
    ):
        row = connection.execute("SELECT count(*) FROM envelope").fetchone()
    return int(row[0])
