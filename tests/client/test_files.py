"""Both clients about files, over a real server and a node that keeps them in memory."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
import trio

from tests.api.double import BOB, TOKEN, FakeNode
from tests.client.loops import both_loops, on
from zentalk.client import AccessDeniedError, AsyncClient, Client, InvalidRequestError
from zentalk.errors import (
    ConfigError,
    ConflictError,
    LinkClosedError,
    NotFoundError,
    TransportError,
    UnavailableError,
)
from zentalk.web.file_pieces import PIECE_BYTES
from zentalk.wire.devices import DeviceScope
from zentalk.wire.text import format_address

BOBS = format_address(BOB)
CONTENT = os.urandom(3 * PIECE_BYTES + 77)
T = TypeVar("T")


async def blocks(function: Callable[[], T]) -> T:
    return await trio.to_thread.run_sync(function)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "harbour.jpg"
    made.write_bytes(CONTENT)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "into").mkdir()
    return tmp_path / "into"


def inside(folder: Path) -> list[Path]:
    return [*folder.iterdir()]


def part(folder: Path, cid: str) -> Path:
    return folder / f".{cid}.part"


async def test_a_blocking_client_does_everything_with_a_file(
    blocking: Client, node: FakeNode, path: Path, folder: Path
) -> None:
    def use() -> None:
        node.files.hold_back = 1
        assert blocking.add_file(path, keep_metadata=True).state == "uploading"
        assert node.files.cleaned == [False]
        node.files.hold_back = 0
        made = blocking.upload_file(path)
        assert (made.name, made.media_type, made.size) == (path.name, "image/jpeg", len(CONTENT))
        assert next(iter(blocking.files())).id == made.id
        assert blocking.file(made.cid) == made
        assert blocking.file_health(made.cid).survives_node_losses == 4
        assert blocking.mesh().files == 2
        assert b"".join(blocking.file_chunks(made.cid)) == CONTENT
        assert b"".join(blocking.file_chunks(made.cid, 1000)) == CONTENT[1000:]
        written = blocking.download_file(made.cid, folder)
        assert (written, written.read_bytes()) == (folder / path.name, CONTENT)
        sent = blocking.chat(BOBS).send(file={"cid": made.cid})
        assert (sent.kind, (sent.body or {})["cid"]) == ("file", made.cid)
        assert blocking.delete_file(made.cid).state == "deleting"
        with pytest.raises(NotFoundError):
            blocking.file(made.cid)

    await blocks(use)


@both_loops
async def test_an_async_client_does_everything_with_a_file(
    url: str, path: Path, folder: Path, loop: str
) -> None:
    async def use() -> None:
        async with AsyncClient(url, TOKEN) as client:
            small = await client.add_file(b"bytes", "a.txt")
            assert small.media_type == "text/plain"
            assert await client.file(small.id) == small
            made = await client.upload_file(path)
            assert (made.name, made.size) == (path.name, len(CONTENT))
            assert next(iter(await client.files())).id == made.id
            assert await client.file(made.cid) == made
            assert (await client.file_health(made.cid)).holders == 15
            assert (await client.mesh()).files == 2
            async with client.file_chunks(made.cid, 1000) as chunks:
                assert b"".join([chunk async for chunk in chunks]) == CONTENT[1000:]
            async with client.file_chunks(made.cid) as chunks:
                assert CONTENT.startswith(await anext(chunks)), "and the rest is left"
            written = await client.download_file(made.cid, folder)
            assert written.read_bytes() == CONTENT
            assert (await client.delete_file(made.cid)).state == "deleting"

    await on(loop, use)


async def test_what_is_uploaded_never_is_whole_in_memory(
    blocking: Client, node: FakeNode, path: Path
) -> None:
    def pieces() -> Iterator[bytes]:
        yield from (CONTENT[place : place + 1000] for place in range(0, len(CONTENT), 1000))

    made = await blocks(lambda: blocking.upload_file(pieces(), "a.bin"))
    assert node.files.contents[made.id] == CONTENT
    made = await blocks(lambda: blocking.upload_file(path))
    assert node.files.contents[made.id] == CONTENT
    assert max(node.files.pieces_taken) <= PIECE_BYTES
    made = await blocks(lambda: blocking.upload_file(b"", ""))
    assert (made.name, made.size, made.media_type) == ("", 0, "application/octet-stream")


@both_loops
async def test_an_async_client_takes_both_kinds_of_iterators(
    url: str, node: FakeNode, loop: str
) -> None:
    async def later() -> AsyncIterator[bytes]:
        for word in (b"one", b"two"):
            yield word

    async def use() -> None:
        async with AsyncClient(url, TOKEN) as client:
            for content in (later(), iter([b"one", b"two"])):
                made = await client.upload_file(content, "a", "text/plain")
                assert node.files.contents[made.id] == b"onetwo"

    await on(loop, use)


async def test_what_cannot_be_sent_is_said(blocking: Client, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: no such file"):
        await blocks(lambda: blocking.add_file(tmp_path / "none"))
    with pytest.raises(InvalidRequestError, match="not a media type"):
        await blocks(lambda: blocking.add_file(b"x", "a", "picture"))
    shrinks = tmp_path / "log"
    shrinks.write_bytes(bytes(3 * PIECE_BYTES))

    def cut(_self: object, sent: int) -> bytes:
        raise ConfigError(f"it became shorter after {sent}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zentalk.web.file_pieces.SentFile.piece", cut)
        with pytest.raises(ConfigError, match="became shorter"):
            await blocks(lambda: blocking.add_file(shrinks))
    assert await blocks(blocking.files) == []


@pytest.mark.parametrize("kind", ["blocking", "asyncio", "trio"])
async def test_a_download_goes_on_where_it_stopped(
    url: str, blocking: Client, node: FakeNode, folder: Path, kind: str
) -> None:
    async def fetched(cid: str) -> Path:
        async with AsyncClient(url, TOKEN) as client:
            return await client.download_file(cid, folder / "a.bin")

    async def fetch(cid: str) -> Path:
        if kind == "blocking":
            return await blocks(lambda: blocking.download_file(cid, folder / "a.bin"))
        return await on(kind, fetched, cid)

    made = await blocks(lambda: blocking.upload_file(CONTENT))
    node.files.breaks_after = PIECE_BYTES + 5000
    with pytest.raises(LinkClosedError):
        await fetch(made.cid)
    assert inside(folder) == [part(folder, made.cid)]
    have = part(folder, made.cid).stat().st_size
    assert 0 < have < len(CONTENT)
    node.files.breaks_after = None
    written = await fetch(made.cid)
    assert written.read_bytes() == CONTENT
    assert node.files.asked == [(0, len(CONTENT)), (have, len(CONTENT) - have)]
    assert inside(folder) == [written]


async def test_nothing_comes_where_too_few_relays_answer(
    blocking: Client, node: FakeNode, folder: Path
) -> None:
    made = await blocks(lambda: blocking.upload_file(CONTENT))
    node.files.breaks_after = 0
    with pytest.raises(UnavailableError, match="too few relays"):
        await blocks(lambda: blocking.download_file(made.cid, folder))
    assert inside(folder) == []


async def test_a_file_that_is_there_is_overwritten_only_if_that_is_said(
    blocking: Client, folder: Path
) -> None:
    made = await blocks(lambda: blocking.upload_file(CONTENT, "../mine"))
    mine = folder / "mine"
    mine.write_bytes(b"mine")
    with pytest.raises(ConflictError, match="is there already"):
        await blocks(lambda: blocking.download_file(made.cid, folder))
    assert mine.read_bytes() == b"mine"
    await blocks(partial(blocking.download_file, made.cid, mine, overwrite=True))
    assert mine.read_bytes() == CONTENT


async def test_the_name_of_a_sender_leads_nowhere_else(
    blocking: Client, node: FakeNode, folder: Path
) -> None:
    made = await blocks(lambda: blocking.upload_file(b"x", "a.txt"))
    node.files.known[0] = node.files.known[0]._replace(name="../../.ssh/authorized_keys")
    written = await blocks(lambda: blocking.download_file(made.cid, folder))
    assert written == folder / "authorized_keys"


async def test_the_wait_for_relays_may_end(url: str, node: FakeNode, path: Path) -> None:
    node.files.never_done = True
    with Client(url, TOKEN) as client, pytest.raises(TransportError, match="in time"):
        await blocks(partial(client.upload_file, path, timeout_seconds=0.2))


async def test_a_refusal_is_read_also_before_all_is_sent(
    url: str, node: FakeNode, tmp_path: Path
) -> None:
    _, token = await node.devices.add("phone", DeviceScope.READ)
    large = tmp_path / "large"
    large.write_bytes(bytes(16 * 2**20))
    with Client(url, token) as client, pytest.raises(AccessDeniedError, match="scope"):
        await blocks(lambda: client.add_file(large))
    assert node.files.known == []
