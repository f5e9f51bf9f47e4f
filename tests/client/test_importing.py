"""Both clients import a file into a real node, and say what came of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.api.double import BOB, OWNER, STRANGER, TOKEN
from tests.client.test_history_file import conversation, message
from zentalk.api.server import serve
from zentalk.client import AsyncClient, Client, InvalidRequestError
from zentalk.client.importing import A_GROUP, NOT_ACCEPTED, ImportReport, LeftOut
from zentalk.config import ApiSettings
from zentalk.errors import ConfigError
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.node.node import Node
from zentalk.store.key_file import create_identity
from zentalk.wire.text import format_address

OWNS, BOBS, CAROLS = map(format_address, (OWNER, BOB, STRANGER))


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a real node."""
    runtime = Runtime.real()
    home = tmp_path / "node"
    home.mkdir(mode=0o700)
    create_identity(home, runtime.entropy)
    node = Node(ApiSettings(directory=home, port=0), runtime, MemoryNetwork().host("alice"))
    async with trio.open_nursery() as nursery:
        await nursery.start(node.run)
        yield await nursery.start(serve, node, ApiSettings(directory=home, port=0), TOKEN,
                                  node.stopping)  # fmt: skip
        node.stop()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    mine = message(2, author=OWNS, direction="out", state="queued")
    asking = message(3, author=CAROLS)
    document = {
        "format": 1,
        "conversations": [
            conversation(message(1), mine, state="contact"),
            conversation(asking, address=CAROLS, state="request"),
        ],
    }
    path = tmp_path / "export.json"
    path.write_text(json.dumps(document))
    return path


def write(file: Path, *place: str | int, to: object) -> None:
    """Change one value in the file."""
    document = json.loads(file.read_text())
    inner: Any = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = to
    file.write_text(json.dumps(document))


def expected(**counts: int) -> ImportReport:
    return ImportReport(conversations=1, left_out=[LeftOut(CAROLS, 1, NOT_ACCEPTED)], **counts)


async def test_an_import_says_what_it_took_and_what_it_left_out(real: str, file: Path) -> None:
    async with AsyncClient(real, TOKEN) as client:
        assert await client.import_history(file) == expected(added=2, contacts_added=1)
        assert await client.import_history(str(file)) == expected(known=2)
        (listed,) = await client.conversations()
        assert (listed.address, listed.name, listed.unread) == (BOBS, "Bob", 0)
        page = await client.messages(BOBS)
        assert [one.state for one in page] == ["received", "failed"]
        assert [one.id for one in await client.messages(BOBS, before=page[1].seq)] == [page[0].id]
        assert await client.chat(BOBS).after(page[0].seq) == [page[1]]


async def test_a_group_is_left_out_with_its_reason(real: str, file: Path) -> None:
    write(file, "conversations", 1, "state", to="group")
    async with AsyncClient(real, TOKEN) as client:
        report = await client.import_history(file)
    assert report.left_out == [LeftOut(CAROLS, 1, A_GROUP)]


async def test_a_blocking_client_does_the_same(real: str, file: Path) -> None:
    def work() -> Any:
        with Client(real, TOKEN) as client:
            return client.import_history(file)

    assert await trio.to_thread.run_sync(work) == expected(added=2, contacts_added=1)


async def test_of_a_file_that_is_wrong_at_its_end_nothing_is_imported(
    real: str, file: Path
) -> None:
    write(file, "conversations", 1, "state", to="contact")
    write(file, "conversations", 1, "messages", 0, "text", to=5)
    async with AsyncClient(real, TOKEN) as client:
        with pytest.raises(ConfigError, match="conversation 2"):
            await client.import_history(file)
        assert await client.contacts() == []


async def test_who_waits_as_a_request_here_is_left_out_with_a_reason(real: str, file: Path) -> None:
    async with AsyncClient(real, TOKEN) as client:
        await client.block(BOBS)
        report = await client.import_history(file)
    assert (report.conversations, report.added) == (0, 0)
    assert [one.messages for one in report.left_out] == [2, 1]
    assert "blocked" in report.left_out[0].reason


async def test_your_own_address_is_nobody_to_talk_to(real: str, file: Path) -> None:
    async with AsyncClient(real, TOKEN) as client:
        write(file, "conversations", 0, "address", to=(await client.me()).address)
        write(file, "conversations", 0, "messages", to=[])
        with pytest.raises(InvalidRequestError, match="your own address"):
            await client.import_history(file)
