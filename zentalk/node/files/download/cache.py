"""Files that lie in the node's folder although holders have them: kept while there is room.

An own file that is not kept by holders yet is never touched here.
"""

from __future__ import annotations

from typing import Final

from zentalk.net.runtime import Runtime
from zentalk.store.file_folder import FileDraft, FileFolder
from zentalk.store.history import files
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.files import StoredFile
from zentalk.store.sqlite import Transaction

MARGIN: Final = 2
"""A file larger than this part of the cache is not kept in it: it would push all others out."""


class FileCache:
    """Keeps up to `most_bytes` of files that could be fetched again."""

    def __init__(
        self, runtime: Runtime, database: HistoryDatabase, folder: FileFolder, most_bytes: int
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._folder = folder
        self._most_bytes = most_bytes

    def takes(self, file: StoredFile) -> bool:
        """Say whether a file is kept once it was fetched."""
        return file.size <= self._most_bytes // MARGIN

    async def read(self, file: StoredFile, offset: int, length: int) -> bytes:
        """Return bytes of a file that is here; raises NotFoundError, StorageError."""
        return await self._runtime.run_blocking(lambda: self._folder.read(file.id, offset, length))

    async def used(self, file: StoredFile) -> None:
        """Note that a file was read."""
        now = self._runtime.wall()
        await self._database.write(lambda tx: files.used(tx, file.id, now))

    def draft(self, file: StoredFile) -> FileDraft:
        """Begin to keep a file; it blocks. Raises StorageError."""
        return self._folder.draft(file.id)

    async def keep(self, file: StoredFile, draft: FileDraft) -> None:
        """Keep a file that was fetched whole, and let others go that were not used for long.

        Raises StorageError.
        """
        now = self._runtime.wall()
        await self._runtime.run_blocking(draft.finish)
        await self._database.write(lambda tx: files.is_here(tx, file.id, now, here=True))
        await self.trim()

    async def trim(self) -> None:
        """Let go what is too much, that first which was not used for longest."""

        def choose(tx: Transaction) -> list[bytes]:
            cached = files.cached(tx)
            too_much = sum(size for _, size in cached) - self._most_bytes
            chosen: list[bytes] = []
            for file_id, size in cached:
                if too_much <= 0:
                    break
                too_much -= size
                files.is_here(tx, file_id, 0.0, here=False)
                chosen.append(file_id)
            return chosen

        # The row first: what a crash leaves in the folder is removed at the next start.
        for file_id in await self._database.write(choose):
            await self._runtime.run_blocking(lambda file_id=file_id: self._folder.remove(file_id))  # type: ignore[misc]
