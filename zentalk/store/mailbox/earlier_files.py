"""The name of the queue database, and taking over the files that had other names.

Spec: docs/spec/mailbox.md section 7. Earlier versions named the file after the relay's port, so
that whoever changed the port lost what waited. Nothing here may lose a row: a kill at any moment
leaves every envelope in a file that the next start reads.
"""

from __future__ import annotations

import os
import re
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from zentalk.errors import StorageError
from zentalk.store.disk_space import DiskSpace
from zentalk.store.mailbox.schema import MIGRATIONS
from zentalk.store.sqlite import open_database, storage_errors, transaction

QUEUE_FILE: Final = "queue.db"
"""Named after nothing that an operator may change."""
_EARLIER: Final = re.compile(r"queue-[0-9]{1,5}\.db")
_BALLAST: Final = re.compile(r"(queue-[0-9]{1,5}\.db)\.ballast")

_MERGE: Final = (
    (
        "INSERT OR IGNORE INTO mailbox (collect_key, generation, reserved_seq, expires_hour,"
        " last_resort_used, opened_days, opened_day, takes, takes_day)"
        " SELECT collect_key, generation, 0, expires_hour, last_resort_used, opened_days,"
        " opened_day, takes, takes_day FROM earlier.mailbox"
    ),
    (
        "CREATE TEMP TABLE place AS SELECT theirs.ref AS theirs, ours.ref AS ours,"
        # No number was ever used at or above these, in either file.
        " max(ours.reserved_seq, theirs.reserved_seq,"
        "  (SELECT ifnull(max(seq), -1) + 1 FROM main.envelope WHERE mailbox = ours.ref),"
        "  (SELECT ifnull(max(seq), -1) + 1 FROM earlier.envelope WHERE mailbox = theirs.ref))"
        " AS seq,"
        " (SELECT count(*) FROM main.prekey WHERE mailbox = ours.ref) AS prekeys"
        " FROM earlier.mailbox AS theirs JOIN main.mailbox AS ours USING (collect_key)"
    ),
    (
        "INSERT INTO main.envelope (mailbox, seq, send_id, deposit_id, size_bytes, arrived_hour,"
        " expires_hour, attempts, last_attempt_hour, sealed, work, stamp)"
        " SELECT place.ours,"
        " place.seq + row_number() OVER (PARTITION BY e.mailbox ORDER BY e.seq) - 1,"
        " e.send_id, e.deposit_id, e.size_bytes, e.arrived_hour, e.expires_hour, e.attempts,"
        " e.last_attempt_hour, e.sealed, e.work, e.stamp"
        " FROM earlier.envelope AS e JOIN place ON e.mailbox = place.theirs"
        # After a kill between commit and removal the same file comes a second time.
        " WHERE NOT EXISTS (SELECT 1 FROM main.envelope AS known WHERE known.mailbox = place.ours"
        "  AND known.send_id = e.send_id AND known.deposit_id = e.deposit_id)"
    ),
    (
        "INSERT OR IGNORE INTO main.send_id SELECT i.send_id, place.ours, i.kind, i.valid_from_day,"
        " i.valid_until_day, i.used_day FROM earlier.send_id AS i"
        " JOIN place ON i.mailbox = place.theirs"
    ),
    # Two lists become one; one that is too long then admits nothing until enough has given way.
    (
        "INSERT OR IGNORE INTO main.arrival (send_id, deposit_id, work, places)"
        " SELECT a.send_id, a.deposit_id, a.work, a.places FROM earlier.arrival AS a"
        " JOIN earlier.send_id AS i USING (send_id) JOIN place ON i.mailbox = place.theirs"
        " JOIN main.send_id AS ours ON ours.send_id = a.send_id AND ours.mailbox = place.ours"
        " ORDER BY a.number"
    ),
    # An owner who has been here since has replaced the pool; keys of an older one would not open.
    (
        "INSERT INTO main.prekey (mailbox, id, blob) SELECT place.ours, p.id, p.blob"
        " FROM earlier.prekey AS p JOIN place ON p.mailbox = place.theirs WHERE place.prekeys = 0"
        " ORDER BY p.number"
    ),
    (
        "UPDATE main.mailbox SET"
        " generation = max(generation, (SELECT theirs.generation FROM earlier.mailbox AS theirs"
        "  WHERE theirs.collect_key = mailbox.collect_key)),"
        " expires_hour = max(expires_hour, (SELECT theirs.expires_hour"
        "  FROM earlier.mailbox AS theirs WHERE theirs.collect_key = mailbox.collect_key)),"
        " opened_days = max(opened_days, (SELECT theirs.opened_days FROM earlier.mailbox AS theirs"
        "  WHERE theirs.collect_key = mailbox.collect_key)),"
        " reserved_seq = max((SELECT seq FROM place WHERE ours = ref),"
        "  (SELECT ifnull(max(seq), -1) + 1 FROM main.envelope WHERE mailbox = ref))"
        " WHERE ref IN (SELECT ours FROM place)"
    ),
    "UPDATE main.kept_time SET hour = max(hour, (SELECT hour FROM earlier.kept_time))",
    (
        "UPDATE main.turns SET taken = max(taken, (SELECT taken FROM earlier.turns)),"
        " hour = max(hour, (SELECT hour FROM earlier.turns))"
    ),
    "DROP TABLE place",
)


def take_over(folder: Path) -> int:
    """Bring what files of earlier names hold into `QUEUE_FILE`; return how many there were.

    The file written last takes the new name; others are merged into it: for one mailbox the
    newer registration counts, and mail follows behind what waits. Call it before the database is
    opened, and under the folder's lock. Raises StorageError, naming the file that is bad.
    """
    target = folder / QUEUE_FILE
    with storage_errors(target):
        found = sorted(earlier_files(folder), key=_written_at, reverse=True)
    for path in found:
        _fold_log(path)
        with storage_errors(path):
            if target.exists():
                _merge(target, path)
            else:
                _rename(path, target)
    _remove_left_ballast(folder)
    return len(found)


def earlier_files(folder: Path) -> list[Path]:
    """Return the queue files of earlier names; raises OSError."""
    return [path for path in folder.iterdir() if _EARLIER.fullmatch(path.name)]


def _written_at(path: Path) -> tuple[float, str]:
    log = path.with_name(f"{path.name}-wal")
    return max(file.stat().st_mtime for file in (path, log) if file.exists()), path.name


def _fold_log(path: Path) -> None:
    """Bring the file to the newest schema and its log into it, so that there is one file."""
    try:
        _to_one_file(path)
    except StorageError:
        if not DiskSpace(path).release():
            raise
        _to_one_file(path)


def _to_one_file(path: Path) -> None:
    with (
        closing(open_database(path, MIGRATIONS)) as connection,
        storage_errors(path),
    ):
        mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
    if mode != "delete":
        raise StorageError(f"the database {path} is in use by another process: stop that one first")


def _rename(path: Path, target: Path) -> None:
    for left in ("-wal", "-shm"):
        # A log that stayed behind a deleted database must not be applied to this one.
        target.with_name(f"{target.name}{left}").unlink(missing_ok=True)
    path.rename(target)
    _sync(target.parent)
    with suppress(OSError):  # a new one is made where there is none
        path.with_name(f"{path.name}.ballast").rename(target.with_name(f"{target.name}.ballast"))


def _merge(target: Path, path: Path) -> None:
    with closing(open_database(target, MIGRATIONS)) as connection:
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("ATTACH ? AS earlier", (f"{path.absolute().as_uri()}?mode=ro",))
        with transaction(connection):
            for statement in _MERGE:
                connection.execute(statement)
        connection.execute("DETACH earlier")
    path.unlink()
    _sync(path.parent)


def _remove_left_ballast(folder: Path) -> None:
    with suppress(OSError):
        for path in list(folder.iterdir()):
            named = _BALLAST.fullmatch(path.name)
            if named and not (folder / named[1]).exists():
                path.unlink()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
