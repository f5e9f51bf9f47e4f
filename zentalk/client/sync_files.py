"""The part of a client that is about files.

In place of a CID each call takes the id of a file at the node; it raises NotFoundError for others.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx

from zentalk.client import file_calls as calls
from zentalk.client.calls import Call, T, read_answer
from zentalk.client.file_bodies import Content, Pieces, body_of
from zentalk.client.waits import FILE_TIMEOUT_SECONDS
from zentalk.rest.files import File, FileHealth, MeshReport
from zentalk.web.part_file import PartFile


class SyncFiles:
    """The part of a client that is about files. `_run` carries out a call, `_open` a long one."""

    def _run(self, call: Call[T]) -> T:
        raise NotImplementedError  # the client's own

    def _open(
        self,
        call: Call[T],
        silence_seconds: float | None,
        content: Pieces | None = None,
    ) -> AbstractContextManager[httpx.Response]:
        raise NotImplementedError  # the client's own

    def files(self) -> list[File]:
        """Return your files, and those that others gave you, the newest first."""
        return self._run(calls.listing())

    def add_file(
        self,
        content: Content,
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
        with body_of(content, name, media_type, is_async=False) as body:
            call = calls.add(body.name, body.headers, keep_metadata=keep_metadata)
            return self._give(call, body.pieces, None)

    def upload_file(
        self,
        content: Content,
        name: str = "",
        media_type: str = "",
        timeout_seconds: float | None = None,
    ) -> File:
        """Give the node a file, every byte of which stays, and return once relays have it.

        Raises as `add_file` does, and DeadlineError if relays have not all of it so long after
        the node has it; it goes on.
        """
        with body_of(content, name, media_type, is_async=False) as body:
            call = calls.upload(body.name, body.headers)
            return self._give(call, body.pieces, timeout_seconds)

    def file(self, cid: str) -> File:
        """Return one file."""
        return self._run(calls.one(cid))

    def file_health(self, cid: str) -> FileHealth:
        """Ask the holders of a file what they have of it."""
        return self._run(calls.health(cid))

    def delete_file(self, cid: str) -> File:
        """Delete a file of yours at all its holders; of somebody else's, forget what is here."""
        return self._run(calls.delete(cid))

    def rotate_file(self, cid: str) -> File:
        """Give a file of yours another secret and CID: who had the old ones cannot open it now."""
        return self._run(calls.rotate(cid))

    def mesh(self) -> MeshReport:
        """Return what the node knows of the relays that keep files."""
        return self._run(calls.mesh())

    def file_chunks(self, cid: str, start: int = 0) -> Generator[bytes, None, None]:
        """Yield a file piece by piece, from a byte on; close it if you do not want all.

        Raises UnavailableError if too few relays answer, LinkClosedError if they do not later.
        """
        with self._open(calls.from_byte(cid, start), FILE_TIMEOUT_SECONDS) as response:
            yield from response.iter_raw()

    def download_file(self, cid: str, to: Path | str, *, overwrite: bool = False) -> Path:
        """Write a file to a path, or into a folder under its own name; return where it is.

        What came of it before goes on: it lies beside the path, in a hidden file. Raises
        ConflictError if there is a file already, ConfigError if it cannot be written, and as
        `file_chunks` does: then call it again.
        """
        file = self.file(cid)
        target = calls.target_of(Path(to), file)
        with PartFile(target, file.cid or file.id, file.size, overwrite=overwrite) as part:
            if not part.is_whole:
                call = calls.download(cid, part.headers())
                with self._open(call, FILE_TIMEOUT_SECONDS) as response:
                    part.answered(response.status_code, response.headers.get("Content-Range"))
                    for piece in response.iter_raw():
                        part.write(piece)
            return part.finish()

    def _give(self, call: Call[File], pieces: Pieces, silence_seconds: float | None) -> File:
        with self._open(call, silence_seconds, pieces) as response:
            response.read()
            return read_answer(call, response)
