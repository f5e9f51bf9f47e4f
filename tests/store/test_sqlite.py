import sqlite3
import stat
from pathlib import Path

import pytest

from zentalk.errors import StorageError, StorageFullError
from zentalk.store.sqlite import open_database, transaction

FIRST = "CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;"
SECOND = "ALTER TABLE note ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;"


def notes(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT body FROM note ORDER BY id")]


def test_commits_survive_closing_and_reopening(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.db"
    first = open_database(path, (FIRST,))
    with transaction(first):
        first.execute("INSERT INTO note (body) VALUES ('kept')")
    first.close()
    second = open_database(path, (FIRST,))
    assert notes(second) == ["kept"]
    second.close()


def test_a_file_and_its_folder_are_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.db"
    open_database(path, (FIRST,)).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_durability_settings_are_on(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "a.db", (FIRST,))
    settings = [
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys")
    ]
    connection.close()
    assert settings == ["wal", 2, 1]


def test_an_older_file_is_migrated_and_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    old = open_database(path, (FIRST,))
    old.execute("INSERT INTO note (body) VALUES ('old')")
    old.close()
    new = open_database(path, (FIRST, SECOND))
    assert new.execute("SELECT body, seen FROM note").fetchall() == [("old", 0)]
    new.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    open_database(path, (FIRST,)).close()
    with pytest.raises(StorageError):
        open_database(path, (FIRST, "CREATE TABLE other (x); SELECT no_such_function();"))
    again = open_database(path, (FIRST, SECOND))
    tables = [row[0] for row in again.execute("SELECT name FROM sqlite_schema")]
    again.close()
    assert tables == ["note"]


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    open_database(path, (FIRST, SECOND)).close()
    with pytest.raises(StorageError, match="newer version"):
        open_database(path, (FIRST,))


@pytest.mark.parametrize("damage", ["header", "pages"])
def test_a_damaged_file_is_named_and_left_as_it_is(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.db"
    connection = open_database(path, (FIRST,))
    with transaction(connection):
        connection.executemany("INSERT INTO note (body) VALUES (?)", [("x" * 500,)] * 200)
    connection.close()
    data = bytearray(path.read_bytes())
    if damage == "header":
        data[:16] = b"not a database!!"
    else:
        data[4096:20480] = b"\xff" * 16384
    path.write_bytes(data)
    with pytest.raises(StorageError, match=r"a\.db is damaged"):
        open_database(path, (FIRST,))
    assert path.read_bytes() == bytes(data)


def test_a_failed_block_is_rolled_back(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "a.db", (FIRST,))
    with pytest.raises(StorageError), transaction(connection):
        connection.executemany("INSERT INTO note (body) VALUES (?)", [("gone",), (None,)])
    assert notes(connection) == []
    connection.close()


def test_a_full_database_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "a.db", (FIRST,))
    connection.execute("INSERT INTO note (body) VALUES ('kept')")
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageFullError), transaction(connection):
        connection.execute("INSERT INTO note (body) VALUES (?)", ("x" * 100_000,))
    assert notes(connection) == ["kept"]
    connection.close()


def test_read_only_reads_and_refuses_to_write(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    writer = open_database(path, (FIRST,))
    writer.execute("INSERT INTO note (body) VALUES ('seen')")
    reader = open_database(path, (FIRST,), read_only=True)
    assert notes(reader) == ["seen"]
    with pytest.raises(StorageError), transaction(reader):
        reader.execute("DELETE FROM note")
    reader.close()
    writer.close()
    with pytest.raises(StorageError, match="no database"):
        open_database(tmp_path / "missing.db", (FIRST,), read_only=True)
    assert not (tmp_path / "missing.db").exists()
