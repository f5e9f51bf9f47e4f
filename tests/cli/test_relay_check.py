"""`zentalk relay check`: the sentence that `run` would end with, and nothing changed."""

import sqlite3
from pathlib import Path

import pytest
import structlog

from tests.cli.conftest import Run
from zentalk.store.directory_store import DirectoryStore
from zentalk.store.mailbox.sqlite import SqliteMailboxStore
from zentalk.web.serving import bind

pytestmark = pytest.mark.usefixtures("_default_logging")
DATABASES = ["directory.db", "queue.db", "queue-9001.db"]


@pytest.fixture
def _default_logging() -> object:
    yield
    structlog.reset_defaults()


@pytest.fixture
def folder(run: Run, tmp_path: Path) -> Path:
    made = run("relay", "init", "--dir", tmp_path, "--host", "127.0.0.1", "--port", 0)
    assert made.code == 0
    DirectoryStore(tmp_path).close()
    for name in DATABASES[1:]:
        SqliteMailboxStore(tmp_path / name).close()
    return tmp_path


def sentence(run: Run, folder: Path) -> str:
    before = contents(folder)
    result = run("relay", "check", "--dir", folder)
    assert result.code == 1
    assert "internal error" not in result.err
    assert contents(folder) == before
    return result.err


def contents(folder: Path) -> dict[str, bytes]:
    """What is in the folder; SQLite leaves an empty log beside what it has read."""
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    return {name: content for name, content in files.items() if not name.endswith(("-shm", "-wal"))}


def test_a_good_folder(run: Run, folder: Path) -> None:
    before = contents(folder)
    result = run("relay", "check", "--dir", folder)
    assert result.code == 0
    assert result.out.startswith("ok  zt-relay:")
    assert result.out.endswith("@127.0.0.1:0\n")
    assert contents(folder) == before


def test_settings_and_environment(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZENTALK_MEMORY_BYTES", "1MiB")
    assert "ZENTALK_MEMORY_BYTES" in sentence(run, folder)
    monkeypatch.delenv("ZENTALK_MEMORY_BYTES")
    with (folder / "config.toml").open("a") as config:
        config.write("colour = 1\n")
    assert "'colour'" in sentence(run, folder)


def test_the_identity(run: Run, folder: Path) -> None:
    key = folder / "identity.key"
    key.chmod(0o644)
    assert "chmod 600" in sentence(run, folder)
    key.chmod(0o600)
    content = key.read_bytes()
    key.write_bytes(content[:-5])
    assert "damaged" in sentence(run, folder)
    key.unlink()
    assert "identity.key" in sentence(run, folder)


@pytest.mark.parametrize("name", DATABASES)
def test_databases(run: Run, folder: Path, name: str) -> None:
    path = folder / name
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert f"{name} was written by a newer version" in sentence(run, folder)
    path.write_bytes(b"no database" * 500)
    assert f"{name} is damaged" in sentence(run, folder)


def test_a_database_of_an_earlier_version_stays_as_it_is(run: Run, folder: Path) -> None:
    with sqlite3.connect(folder / "queue.db") as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    assert run("relay", "check", "--dir", folder).code == 0


def test_the_port(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with bind("127.0.0.1", 0) as taken:
        monkeypatch.setenv("ZENTALK_PORT", str(taken.getsockname()[1]))
        assert "in use" in sentence(run, folder)


def test_warnings_come_first_and_are_no_failure(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("NETWORK", "main"), ("ID_DIFFICULTY", "0")):
        monkeypatch.setenv(f"ZENTALK_{name}", value)
    result = run("relay", "check", "--dir", folder)
    assert result.code == 0
    assert result.out.startswith("warning   the announced host 127.0.0.1 leads to loopback")


def test_the_level_of_the_log_is_one_of_four(run: Run, folder: Path) -> None:
    result = run("relay", "run", "--dir", folder, "--log-level", "loud")
    assert result.code == 2
    assert "--log-level" in result.err


def test_a_certificate_that_is_none(run: Run, folder: Path) -> None:
    (folder / "own.pem").write_text("junk", "utf-8")
    config = folder / "config.toml"
    lines = 'http = true\nhttp_certificate = "own.pem"\nhttp_key = "own.pem"\n'
    config.write_text(f"{config.read_text('utf-8')}\n{lines}", "utf-8")
    assert "no certificate with its key" in sentence(run, folder)
