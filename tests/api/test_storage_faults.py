"""What REST says when the disk or the database fails: our sentence for each kind, and no more."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock as Clock

from tests.api.double import BOB, TOKEN
from tests.api.test_problems import check
from zentalk.api.app import create_app
from zentalk.config import ApiSettings
from zentalk.errors import StorageError, StorageFault, StorageFullError
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.node.node import Node
from zentalk.store.key_file import create_identity
from zentalk.store.sqlite import storage_error
from zentalk.web import problems
from zentalk.wire.text import format_address

BOBS = format_address(BOB)
MESSAGES = f"/v1/conversations/{BOBS}/messages"
FOREIGN = ("sqlite", "malformed", "disk i/o", "errno", "readonly", "database or disk", "locked")
"""Words of SQLite and of the system, in small letters."""


@pytest.fixture
async def node(tmp_path: Path, nursery: trio.Nursery, autojump_clock: Clock) -> AsyncIterator[Node]:
    runtime = Runtime.virtual(1, 1_800_000_000.0)
    create_identity(tmp_path, runtime.entropy)
    node = Node(ApiSettings(directory=tmp_path, port=0), runtime, MemoryNetwork().host("alice"))
    await nursery.start(node.run)
    yield node
    node.stop()


@pytest.fixture
async def rest(node: Node) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(node, TOKEN, node.stopping))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:3001", headers=headers
    ) as client:
        assert (await client.post(MESSAGES, json={"text": "before"})).is_success
        yield client


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def fill(node: Node, _stack: ExitStack) -> None:
    """Let the database not grow by a single page."""
    node._database._connection.execute("PRAGMA max_page_count = 1")


def forbid_writing(node: Node, _stack: ExitStack) -> None:
    node._database._connection.execute("PRAGMA query_only = ON")


def spoil(node: Node, _stack: ExitStack) -> None:
    """Overwrite all pages, beneath the open connections, which hold none of them."""
    node._database._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = node._database._path
    with path.open("r+b") as file:
        file.seek(100)
        file.write(os.urandom(path.stat().st_size - 100))
    for connection in (node._database._connection, *node._database._connections):
        connection.execute("PRAGMA shrink_memory")


def occupy(node: Node, stack: ExitStack) -> None:
    """Have another program write for as long as the node is there."""
    node._database._connection.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(node._database._path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    stack.callback(other.close)


def break_a_job(node: Node, _stack: ExitStack) -> None:
    node._database._connection.execute("DROP TABLE messages")


FAULTS: dict[StorageFault, Callable[[Node, ExitStack], None]] = {
    StorageFault.FULL: fill,
    StorageFault.READ_ONLY: forbid_writing,
    StorageFault.DAMAGED: spoil,
    StorageFault.BUSY: occupy,
    StorageFault.OTHER: break_a_job,
}


def is_ours(sentence: str, folder: Path) -> bool:
    """Say whether nothing of a library, no path and no address is in a sentence."""
    said = sentence.lower()
    return not any(word in said for word in (*FOREIGN, "/", ".db", str(folder), BOBS))


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault_has_a_sentence_of_ours(
    rest: httpx.AsyncClient,
    node: Node,
    stack: ExitStack,
    tmp_path: Path,
    fault: StorageFault,
) -> None:
    FAULTS[fault](node, stack)
    with capture_logs() as logs:
        detail = check(await rest.post(MESSAGES, json={"text": "CANARY" * 2000}), 503)
    assert detail == StorageError("", fault).public
    assert is_ours(detail, tmp_path)
    notes = (await rest.get("/v1/network")).json()["notes"]
    assert detail in notes
    assert all(is_ours(note, tmp_path) for note in notes)
    assert "CANARY" not in str(logs)
    assert BOBS not in str(logs)


async def test_what_can_only_be_read_is_still_read(
    rest: httpx.AsyncClient, node: Node, stack: ExitStack
) -> None:
    forbid_writing(node, stack)
    check(await rest.post(MESSAGES, json={"text": "x"}), 503)
    assert (await rest.get(MESSAGES)).json()["messages"][0]["text"] == "before"


async def test_a_page_that_cannot_be_read_is_said_so(
    rest: httpx.AsyncClient, node: Node, stack: ExitStack
) -> None:
    spoil(node, stack)
    detail = check(await rest.get(MESSAGES), 503)
    assert detail == StorageError("", StorageFault.DAMAGED).public


async def test_control_the_message_for_the_operator_names_the_file(
    rest: httpx.AsyncClient,
    node: Node,
    stack: ExitStack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(StorageError, "public", property(str))
    fill(node, stack)
    detail = check(await rest.post(MESSAGES, json={"text": "x" * 20_000}), 503)
    assert not is_ours(detail, tmp_path)


@pytest.mark.parametrize("fault", StorageFault)
def test_a_sentence_says_what_happened_and_what_to_do(fault: StorageFault, tmp_path: Path) -> None:
    error = StorageFullError("") if fault is StorageFault.FULL else StorageError("", fault)
    happened, _, do = error.public.partition(": ")
    assert happened
    assert do
    assert is_ours(error.public, tmp_path)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (OSError(28, "No space left on device"), StorageFault.FULL),
        (OSError(30, "Read-only file system"), StorageFault.READ_ONLY),
        (OSError(13, "Permission denied"), StorageFault.READ_ONLY),
        (OSError(5, "Input/output error"), StorageFault.OTHER),
        (sqlite3.OperationalError('fts5: syntax error near "CANARY"'), StorageFault.OTHER),
    ],
)
def test_what_the_system_says_is_one_of_the_kinds(
    error: OSError | sqlite3.Error, fault: StorageFault, tmp_path: Path
) -> None:
    found = storage_error(error, tmp_path)
    assert found.fault is fault
    assert problems.problem_of(found).status_code == 503
    assert "CANARY" not in str(found) + found.code
