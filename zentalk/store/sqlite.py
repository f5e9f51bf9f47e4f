"""Opens SQLite files the one way this project uses them; must never know a schema.

Write-ahead log, synchronous=FULL (a commit that returned survives a power cut), foreign
keys on, migrations counted by `user_version`, files readable by their owner only. A
connection may be used from any thread, but by one caller at a time: whoever opens it
keeps its calls in a row.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from zentalk.errors import StorageError, StorageFault, StorageFullError

Transaction = sqlite3.Connection
"""What a write job or a query gets: the connection, inside an open transaction."""

STORAGE_FAULTS: Final = (sqlite3.Error, OSError)
"""What a database raises by itself; callers of this package get StorageError instead."""
BUSY_TIMEOUT_SECONDS: Final = 10.0
FULL_CHECK_BYTES: Final = 64 * 1024 * 1024
"""Above this size only the header and the schema are checked at start: a whole pass would
delay a relay by seconds, and SQLite still reports a broken page when it meets one."""

_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600


def open_database(
    path: Path, migrations: tuple[str, ...], *, read_only: bool = False
) -> sqlite3.Connection:
    """Open or create the database at `path` and bring it to the newest schema.

    `migrations[n]` is the SQL script that takes version n to n + 1; each runs in one
    transaction. The connection is in autocommit mode: group statements with
    `transaction`. Raises StorageError, naming the file, if it cannot be read, is damaged,
    or was written by a newer version.
    """
    with storage_errors(path):
        if not read_only:
            _create_private(path)
        elif not path.is_file():
            raise StorageError(f"there is no database at {path}")
        connection = _connect(path, read_only=read_only)
        try:
            _configure(connection, read_only=read_only)
            _check(connection, path)
            _migrate(connection, path, migrations, read_only=read_only)
        except BaseException:
            connection.close()
            raise
    return connection


def check_database(path: Path, migrations: tuple[str, ...]) -> None:
    """Read the whole database without changing it, of whatever earlier version it is.

    Raises StorageError if it is damaged, unreadable, or of a newer version.
    """
    with storage_errors(path), closing(_connect(path, read_only=True)) as connection:
        if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise _damaged(f"the database {path}")
        _known_version(connection, path, migrations)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run the block in one write transaction: all of it is on disk afterwards, or nothing.

    Raises StorageError (StorageFullError when there is no room) instead of sqlite3's own.
    """
    with storage_errors(None):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextmanager
def savepoint(connection: sqlite3.Connection) -> Iterator[None]:
    """Run the block inside an open transaction so that it is kept whole or not at all.

    An error undoes what the block wrote, and nothing else of the transaction.
    """
    connection.execute("SAVEPOINT part")
    try:
        yield
    except BaseException:
        # A full disk may have ended the whole transaction already; its owner sees the error.
        if connection.in_transaction:
            connection.execute("ROLLBACK TO part")
            connection.execute("RELEASE part")
        raise
    connection.execute("RELEASE part")


@contextmanager
def storage_errors(path: Path | None) -> Iterator[None]:
    """Turn errors of sqlite3 and of the file system into StorageError with a next step."""
    try:
        yield
    except STORAGE_FAULTS as error:
        raise storage_error(error, path) from error


def storage_error(error: sqlite3.Error | OSError, path: Path | None) -> StorageError:
    """Return what one of STORAGE_FAULTS means for its owner, with a next step."""
    name = "the database" if path is None else f"the database {path}"
    if isinstance(error, OSError):
        return _of_the_system(error, name)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return _full(name)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _damaged(name)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StorageError(
            f"{name} is in use by another process: stop that one first", StorageFault.BUSY
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN):
        return StorageError(
            f"{name} cannot be written: check the folder and its permissions",
            StorageFault.READ_ONLY,
        )
    # Its name and not its text, which may quote what was looked for.
    reason = getattr(error, "sqlite_errorname", type(error).__name__)
    what = "cannot be read or written: check the disk" if code == sqlite3.SQLITE_IOERR else "failed"
    return StorageError(f"{name} {what} ({reason})", StorageFault.OTHER, reason)


def _of_the_system(error: OSError, name: str) -> StorageError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(name)
    fault = StorageFault.OTHER
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        fault = StorageFault.READ_ONLY
    reason = errno.errorcode.get(error.errno or 0, type(error).__name__)
    return StorageError(f"{name} cannot be opened: {error.strerror or error}", fault, reason)


def _full(name: str) -> StorageFullError:
    return StorageFullError(f"{name} is full: free disk space or raise its limit")


def _damaged(name: str) -> StorageError:
    return StorageError(
        f"{name} is damaged: nothing was changed; restore it from a backup, "
        "or move it away to start with an empty one",
        StorageFault.DAMAGED,
    )


def _create_private(path: Path) -> None:
    path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE))


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    mode = "ro" if read_only else "rw"
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _configure(connection: sqlite3.Connection, *, read_only: bool) -> None:
    if not read_only:
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _check(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if path.stat().st_size > FULL_CHECK_BYTES:
        return
    if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise _damaged(f"the database {path}")


def _known_version(connection: sqlite3.Connection, path: Path, migrations: tuple[str, ...]) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(migrations):
        raise StorageError(
            f"the database {path} was written by a newer version of zentalk: upgrade, "
            "or use another folder"
        )
    return version


def _migrate(
    connection: sqlite3.Connection, path: Path, migrations: tuple[str, ...], *, read_only: bool
) -> None:
    version = _known_version(connection, path, migrations)
    if read_only:
        if version < len(migrations):
            raise StorageError(f"the database {path} is of an older version: start its node once")
        return
    for number, script in enumerate(migrations[version:], start=version + 1):
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{script}\n;PRAGMA user_version = {number};\nCOMMIT;"
            )
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
