"""A node's files over holders in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
import trio

from tests.node.files.shelves import START_WALL, Shelves
from zentalk.mesh.placement import ShardCandidate
from zentalk.net.runtime import Runtime
from zentalk.node.files.care.parts import FileSurroundings, build_care
from zentalk.node.files.deletes import Deletes
from zentalk.node.files.download.cache import FileCache
from zentalk.node.files.download.opening import FileOpener
from zentalk.node.files.download.sources import FileSource
from zentalk.node.files.holders.calls import HolderCalls
from zentalk.node.files.holders.links import HolderLinks
from zentalk.node.files.holders.relays import StorageRelays
from zentalk.node.files.library import FileLibrary
from zentalk.node.files.looks import FileCleaner, no_preview
from zentalk.node.files.moves import Moves
from zentalk.node.files.transfers import Transfers
from zentalk.node.files.upload.sending import FileSender
from zentalk.node.files.upload.uploads import Uploads
from zentalk.store.file_folder import FileFolder
from zentalk.store.history.database import HistoryDatabase

CACHE_BYTES = 64 * 2**20


class Near(StorageRelays):
    """All shelves, whether they answer or not."""

    def __init__(self, shelves: Shelves) -> None:
        super().__init__(dict)
        self._shelves = shelves

    def candidates(self) -> list[ShardCandidate]:
        return [ShardCandidate(node_id) for node_id in self._shelves.all]


class Owner:
    """A node's files, with what tests look at."""

    def __init__(self, folder: Path, shelves: Shelves, cache_bytes: int) -> None:
        runtime = Runtime.virtual(7 + int(trio.current_time()), START_WALL)
        self.database = HistoryDatabase(folder / "history.db", runtime.run_blocking)
        self.folder = FileFolder(folder / "files")
        self.links = HolderLinks(shelves.link)
        calls, moves, near = HolderCalls(runtime, self.links), Moves(), Near(shelves)
        opener = FileOpener(self.database, calls, near)
        cache = FileCache(runtime, self.database, self.folder, cache_bytes)
        sender = FileSender(runtime, self.database, self.folder, calls, moves.tell)
        source = FileSource(runtime, opener, cache)
        uploads = Uploads(runtime, self.database, near, sender, cache.trim)
        deletes = Deletes(runtime, self.database, calls, moves.tell)
        around = FileSurroundings(self.database, self.folder, calls, near, source)
        self.care = build_care(runtime, around, (uploads.poked, deletes.poked))
        self.transfers = Transfers(opener, source, uploads, deletes, moves, self.care)
        cleaner = FileCleaner(self.folder, runtime.run_blocking, no_preview)
        self.library = FileLibrary(
            runtime, self.database, self.database, cleaner, self.transfers, is_direct=False
        )

    async def put(self, data: bytes, name: str = "a.bin", *, wait: bool = True) -> str:
        """Upload some bytes; return the CID."""
        made = await self.library.upload(name, "", pieces_of(data), wait=wait)
        return made.cid

    async def get(self, cid: str, start: int = 0, length: int | None = None) -> bytes:
        """Download a file, or some bytes of it."""
        view = await self.library.view(cid)
        wanted = view.size - start if length is None else length
        return b"".join([one async for one in self.library.pieces(view, start, wanted)])


async def pieces_of(data: bytes) -> AsyncGenerator[bytes, None]:
    """Yield some bytes as a request brings them."""
    for at in range(0, len(data), 100_000):
        yield data[at : at + 100_000]


Opened: TypeAlias = Callable[..., AbstractAsyncContextManager[Owner]]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """Open the files of one node; to open them again is to start it again."""

    @asynccontextmanager
    async def open_files(
        shelves: Shelves, name: str = "alice", cache_bytes: int = CACHE_BYTES
    ) -> AsyncIterator[Owner]:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        owner = Owner(folder, shelves, cache_bytes)
        async with trio.open_nursery() as writing:
            writing.start_soon(owner.database.run)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(owner.links.run)
                nursery.start_soon(owner.transfers.run)
                await trio.testing.wait_all_tasks_blocked()
                yield owner
                nursery.cancel_scope.cancel()
            writing.cancel_scope.cancel()
        owner.database.close()

    return open_files
