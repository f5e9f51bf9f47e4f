"""The part of a client that is about files.

In place of a CID each call takes the id of a file at the node; it raises NotFoundError for others.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
from anyio import CancelScope, to_thread

from zentalk.client import file_calls as calls
from zentalk.client.async_bodies import pieces_of
from zentalk.client.calls import Call, T, read_answer
from zentalk.client.file_bodies import AsyncContent, Pieces, body_of
from zentalk.client.waits import FILE_TIMEOUT_SECONDS
from zentalk.rest.files import File, FileHealth, MeshReport
from zentalk.web.file_pieces import PIECE_BYTES
from zentalk.web.part_file import PartFile


class AsyncFiles:
    """The part of a client that is about files. `_run` carries out a call, `_open` a long one."""

    async def _run(self, call: Call[T]) -> T:
        raise NotImplementedError  # the client's own

    def _open(
        self,
        call: Call[T],
        silence_seconds: float | None,
        content: Pieces | None = None,
    ) -> AbstractAsyncContextManager[httpx.Response]:
        raise NotImplementedError  # the client's own

    async def files(self) -> list[File]:
        """Return your files, and those that others gave you, the newest first."""
        return await self._run(calls.listing())

    async def add_file(
        self,
        content: AsyncContent,
        name: str = "",
        media_type: str = "",
        *,
        keep_metadata: bool = False,
    ) -> File:
        """Give the node a file: a path, bytes, or what yields them; relays get it meanwhile.

        It has no CID yet: `file.changed` tells when it is kept. Name and type are those of the
        path unless they are given. What a picture tells beside what it shows is taken out, unless
        it is to be kept. Raises ConfigError if the path cannot be read, InvalidRequestError for a
        name or type that is none, or a damaged picture, and TooLargeError above 4 GiB.
        """
        with body_of(content, name, media_type, is_async=True) as body:
            call = calls.add(body.name, body.headers, keep_metadata=keep_metadata)
            return await self._give(call, body.pieces, None)

    async def upload_file(
        self,
        content: AsyncContent,
        name: str = "",
        media_type: str = "",
        timeout_seconds: float | None = None,
    ) -> File:
        """Give the node a file, every byte of which stays, and return once relays have it.

        Raises as `add_file` does, and DeadlineError if relays have not all of it so long after
        the node has it; it goes on.
        """
        with body_of(content, name, media_type, is_async=True) as body:
            call = calls.upload(body.name, body.headers)
            return await self._give(call, body.pieces, timeout_seconds)

    async def file(self, cid: str) -> File:
        """Return one file."""
        return await self._run(calls.one(cid))

    async def file_health(self, cid: str) -> FileHealth:
        """Ask the holders of a file what they have of it."""
        return await self._run(calls.health(cid))

    async def delete_file(self, cid: str) -> File:
        """Delete a file of yours at all its holders; of somebody else's, forget what is here."""
        return await self._run(calls.delete(cid))

    async def rotate_file(self, cid: str) -> File:
        """Give a file of yours another secret and CID: who had the old ones cannot open it now."""
        return await self._run(calls.rotate(cid))

    async def mesh(self) -> MeshReport:
        """Return what the node knows of the relays that keep files."""
        return await self._run(calls.mesh())

    @asynccontextmanager
    async def file_chunks(self, cid: str, start: int = 0) -> AsyncIterator[AsyncIterator[bytes]]:
        """Read a file from a byte on: `async with client.file_chunks(cid) as chunks`, then iterate.

        Raises UnavailableError if too few relays answer, LinkClosedError if they do not later.
        """
        call = calls.from_byte(cid, start)
        async with (
            self._open(call, FILE_TIMEOUT_SECONDS) as response,
            pieces_of(response) as chunks,
        ):
            yield chunks

    async def download_file(self, cid: str, to: Path | str, *, overwrite: bool = False) -> Path:
        """Write a file to a path, or into a folder under its own name; return where it is.

        What came of it before goes on: it lies beside the path, in a hidden file. Raises
        ConflictError if there is a file already, ConfigError if it cannot be written, and as
        `file_chunks` does: then call it again.
        """
        file = await self.file(cid)
        target = await to_thread.run_sync(calls.target_of, Path(to), file)
        part = PartFile(target, file.cid or file.id, file.size, overwrite=overwrite)
        await to_thread.run_sync(part.__enter__)
        try:
            if not part.is_whole:
                await self._fetch(cid, part)
            return await to_thread.run_sync(part.finish)
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(partial(part.__exit__, None, None, None))

    async def _fetch(self, cid: str, part: PartFile) -> None:
        """Fetch what a part lacks."""
        call = calls.download(cid, part.headers())
        async with self._open(call, FILE_TIMEOUT_SECONDS) as response:
            part.answered(response.status_code, response.headers.get("Content-Range"))
            async with pieces_of(response, PIECE_BYTES) as pieces:
                async for piece in pieces:
                    await to_thread.run_sync(part.write, piece)

    async def _give(self, call: Call[File], pieces: Pieces, silence_seconds: float | None) -> File:
        async with self._open(call, silence_seconds, pieces) as response:
            await response.aread()
            return read_answer(call, response)
