"""The folder in which a node keeps the bytes of its owner's files: what is on its way, and a cache.

Names are random ids: what a file is called, and whose it is, stands in the history database. A file
is whole or not there: what is being written has another name, and takes its own only once it is on
the disk. All calls block.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from zentalk.config.files import DIRECTORY_MODE, FILE_MODE
from zentalk.errors import NotFoundError, StorageError
from zentalk.store.sqlite import storage_errors

DRAFT_SUFFIX: Final = ".part"
RESERVE_BYTES: Final = 64 * 1024 * 1024
"""Free space that files leave to the database and to everything else."""


class FileFolder:
    """The files of one node, by id; the folder is made when the first one is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def draft(self, file_id: bytes) -> FileDraft:
        """Begin to write a file; raises StorageError."""
        with storage_errors(self._folder):
            self._folder.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
            return FileDraft(self._path(file_id))

    def read(self, file_id: bytes, offset: int, length: int) -> bytes:
        """Return bytes of a whole file, fewer at its end.

        Raises NotFoundError if it is not here, StorageError if it cannot be read.
        """
        with self._opened(file_id) as file:
            file.seek(offset)
            return file.read(length)

    def size(self, file_id: bytes) -> int | None:
        """Return the size of a whole file, None if it is not here."""
        try:
            return self._path(file_id).stat().st_size
        except OSError:
            return None

    def remove(self, file_id: bytes) -> None:
        """Delete a file, and what is there of one that is not whole; raises StorageError."""
        path = self._path(file_id)
        with storage_errors(path):
            path.unlink(missing_ok=True)
            _draft_path(path).unlink(missing_ok=True)

    def remove_left(self, unwanted: set[bytes]) -> int:
        """Delete what a crash left: all drafts, and those files; return how many went.

        A file whose id is not given stays: a database put back from earlier may not know it.
        Raises StorageError.
        """
        names = {file_id.hex() for file_id in unwanted}
        gone = 0
        with storage_errors(self._folder):
            for path in self._folder.iterdir() if self._folder.is_dir() else ():
                if path.suffix == DRAFT_SUFFIX or path.name in names:
                    path.unlink(missing_ok=True)
                    gone += 1
        return gone

    def room(self) -> int:
        """Return how many bytes may still be written here."""
        folder = self._folder if self._folder.is_dir() else self._folder.parent
        with storage_errors(self._folder):
            found = os.statvfs(folder)
        return max(0, found.f_bavail * found.f_frsize - RESERVE_BYTES)

    @contextmanager
    def _opened(self, file_id: bytes) -> Iterator[BinaryIO]:
        path = self._path(file_id)
        try:
            with storage_errors(path), path.open("rb") as file:
                yield file
        except StorageError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise NotFoundError("the file is not in this node's folder") from None
            raise

    def _path(self, file_id: bytes) -> Path:
        return self._folder / file_id.hex()


class FileDraft:
    """A file that is being written; `finish` or `discard` it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = _draft_path(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._file = os.fdopen(os.open(self._draft, flags, FILE_MODE), "wb")
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append bytes; raises StorageError, which names a full disk."""
        with storage_errors(self._path):
            self._file.write(data)
        self.size += len(data)

    def finish(self) -> None:
        """Wait until all of it is on the disk, and give it its name; raises StorageError."""
        with storage_errors(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._draft.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def discard(self) -> None:
        """Forget what was written."""
        with storage_errors(self._path):
            self._file.close()
            self._draft.unlink(missing_ok=True)


def _draft_path(path: Path) -> Path:
    return path.with_name(path.name + DRAFT_SUFFIX)
