"""The space that a database may still take on its disk, and a ballast for when the disk is full.

Spec: docs/spec/mailbox.md section 7. On a file system without a free byte SQLite cannot
even delete, because it writes a delete to the log first. The ballast is a file without content
whose blocks are given back then. Nothing here decides what is stored.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final

from zentalk.store.sqlite import storage_errors

_MIB: Final = 1024 * 1024
BALLAST_BYTES: Final = 4 * _MIB
"""The size of the ballast. Deletes and acks of a few hundred mailboxes fit into it."""
RESERVE_BYTES: Final = 2 * _MIB
"""New mail is refused below this much free space, which deletes, log and other files need."""
LOW_BYTES: Final = 64 * _MIB
"""With less free space than this, the log is emptied before the space is measured."""
_UNKNOWN: Final = 2**62


class DiskSpace:
    """The free space around one database; `has_ballast` while there is one to give back."""

    __slots__ = ("_ballast", "_ballast_bytes", "has_ballast")

    def __init__(self, database: Path, ballast_bytes: int = BALLAST_BYTES) -> None:
        self._ballast = database.with_name(f"{database.name}.ballast")
        self._ballast_bytes = ballast_bytes
        self.has_ballast = _size_bytes(self._ballast) == ballast_bytes

    def room(self, connection: sqlite3.Connection) -> int:
        """Return how many bytes of new mail one transaction may bring; 0 without a ballast.

        Call it outside a transaction. Raises StorageError.
        """
        free = self._free_bytes()
        if free < LOW_BYTES:
            # The log is written a second time, into the file: count it there.
            with suppress(sqlite3.Error):
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            free = self._free_bytes()
        if not self.has_ballast and free - self._ballast_bytes >= RESERVE_BYTES:
            self._make_ballast()
            free = self._free_bytes()
        if not self.has_ballast:
            return 0
        with storage_errors(None):
            unused = _pragma(connection, "freelist_count") * _pragma(connection, "page_size")
        return _fits(free, unused)

    def fits(self, size_bytes: int) -> bool:
        """Tell whether a file of that size may be written beside the database."""
        return self.has_ballast and self._free_bytes() - size_bytes >= RESERVE_BYTES

    def release(self) -> bool:
        """Give the ballast back if the file system is short of space; tell whether it was."""
        if not self.has_ballast or self._free_bytes() >= RESERVE_BYTES:
            return False
        self.has_ballast = False
        with suppress(OSError):
            self._ballast.unlink()
        return True

    def _make_ballast(self) -> None:
        """Reserve the blocks, not only the length: a sparse file would give nothing back."""
        try:
            descriptor = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, self._ballast_bytes)
            finally:
                os.close(descriptor)
        except OSError:
            with suppress(OSError):
                self._ballast.unlink()
            return
        self.has_ballast = True

    def _free_bytes(self) -> int:
        try:
            found = os.statvfs(self._ballast.parent)
        except OSError:
            return _UNKNOWN
        # A file system that does not know its size says 0 of 0.
        return found.f_bavail * found.f_frsize if found.f_blocks else _UNKNOWN


def _fits(free: int, unused: int) -> int:
    """Return how much fits: into the log, and beyond the file's unused pages a second time.

    What goes into unused pages is in the log for one transaction only, so that it may use
    half of the reserve: or else a disk that mail has filled would stay full for ever.
    """
    beyond = (free - RESERVE_BYTES + unused) // 2
    within = min(unused, free - RESERVE_BYTES // 2)
    return max(0, beyond, within) if beyond > unused else max(0, within)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
