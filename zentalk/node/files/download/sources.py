"""Gives out the bytes of files, from this node's folder or from the mesh.

A file that is read from its first byte to its last is kept in the cache on the way.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Final

import trio

from zentalk.errors import DecodeError, NotFoundError, StorageError, UnavailableError
from zentalk.net.runtime import Runtime
from zentalk.node.files.download.cache import FileCache
from zentalk.node.files.download.opening import FileOpener
from zentalk.node.files.download.reading import FileReading
from zentalk.store.file_folder import FileDraft
from zentalk.store.history.files import StoredFile
from zentalk.wire.head import segment_bytes_of

PIECE_BYTES: Final = 256 * 1024


class FileSource:
    """Reads files; `run` must be running for those that are not here."""

    def __init__(self, runtime: Runtime, opener: FileOpener, cache: FileCache) -> None:
        self._runtime = runtime
        self._opener = opener
        self._cache = cache
        self._nursery: trio.Nursery | None = None

    async def run(self) -> None:
        """Carry the tasks of readings, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    async def pieces(
        self, file: StoredFile, start: int, length: int
    ) -> AsyncGenerator[bytes, None]:
        """Yield some bytes of a file.

        Raises UnavailableError if too few holders answer, RemoteProtocolError if its author made
        it wrong, and StorageError.
        """
        if file.is_here:
            with suppress(NotFoundError):
                await self._cache.used(file)
                async for piece in self._from_here(file, start, length):
                    yield piece
                return
        whole = (start, length) == (0, file.size) and self._cache.takes(file)
        pieces = self._kept(file) if whole else self.from_mesh(file, start, length)
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def _from_here(
        self, file: StoredFile, start: int, length: int
    ) -> AsyncGenerator[bytes, None]:
        for at in range(start, start + length, PIECE_BYTES):
            yield await self._cache.read(file, at, min(PIECE_BYTES, start + length - at))

    async def from_mesh(
        self, file: StoredFile, start: int, length: int
    ) -> AsyncGenerator[bytes, None]:
        """Yield some bytes of a file as holders have it; raises as `pieces`."""
        if self._nursery is None:
            raise UnavailableError("the network is not running")
        size = segment_bytes_of(file.size)
        file_map = await self._opener.map_of(file)
        if file_map.size != file.size:
            raise DecodeError("this file has another size than the message that names it says")
        fetcher = self._opener.fetcher(file_map.content_secret)
        reading = FileReading(self._runtime, file_map, fetcher, self._nursery)
        first, end = start // size, max(1, -(-(start + length) // size))
        skip, left = start - first * size, length
        async with aclosing(reading.segments(first, end)) as segments:
            async for data in segments:
                piece = data[skip : skip + left]
                skip, left = 0, left - len(piece)
                yield piece

    async def _kept(self, file: StoredFile) -> AsyncGenerator[bytes, None]:
        """Yield all of a file, and keep it if the disk has room for it."""
        draft: FileDraft | None = None
        with suppress(StorageError):
            draft = await self._runtime.run_blocking(lambda: self._cache.draft(file))
        try:
            async with aclosing(self.from_mesh(file, 0, file.size)) as pieces:
                async for piece in pieces:
                    draft = await self._written(draft, piece)
                    yield piece
            if draft is not None:
                kept, draft = draft, None
                with suppress(StorageError):
                    await self._cache.keep(file, kept)
        finally:
            if draft is not None:
                with suppress(StorageError):
                    draft.discard()

    async def _written(self, draft: FileDraft | None, piece: bytes) -> FileDraft | None:
        if draft is None:
            return None
        try:
            await self._runtime.run_blocking(lambda: draft.write(piece))
        except StorageError:
            with suppress(StorageError):
                draft.discard()
            return None
        return draft
