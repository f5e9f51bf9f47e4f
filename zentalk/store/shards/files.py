"""The files of shards: `ab/cdef...-1f` below the folder, closed to others, written once.

The name is the shard's id and its place, which no other file ever has: so nobody who writes, reads
or removes one file can meet somebody else's, whatever happens at the same time. A file that
`write` returned is on the disk with its name. Functions here are synchronous and may run in
several threads at once.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

from zentalk.errors import StorageError, StorageFault, StorageFullError

PREFIXES: Final = 256
"""Folders that files are spread over, by the first byte of their ids."""
_FILE_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700
_FLAGS: Final = os.O_CLOEXEC | os.O_NOFOLLOW
_RUN_SHIFT: Final = 32


class ShardFiles:
    """The files of one relay's shards; `run` is a number that no run before has used."""

    def __init__(self, folder: Path, run: int) -> None:
        self.folder = folder
        self._first = run << _RUN_SHIFT
        self._places = count(self._first + 1)
        self._synced_folders: set[str] = set()

    def write(self, shard_id: bytes, content: bytes) -> int:
        """Write a new file and return its place; it is on the disk then.

        Raises StorageError, StorageFullError if there is no room, and leaves nothing behind.
        """
        place = next(self._places)
        path = self._path(shard_id, place)
        try:
            self._write(path, content)
        except OSError as error:
            with suppress(OSError):
                path.unlink()
            raise file_error(error, self.folder) from error
        return place

    def read(self, shard_id: bytes, place: int, offset: int, length: int) -> bytes | None:
        """Return a range of a file, None if the file is gone; raises StorageError."""
        try:
            descriptor = os.open(self._path(shard_id, place), os.O_RDONLY | _FLAGS)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise file_error(error, self.folder) from error
        try:
            return os.pread(descriptor, length, offset)
        except OSError as error:
            raise file_error(error, self.folder) from error
        finally:
            os.close(descriptor)

    def remove(self, shard_id: bytes, place: int) -> bool:
        """Remove a file, if it is there; False if that failed, and it is a stray from now on."""
        try:
            self._path(shard_id, place).unlink(missing_ok=True)
        except OSError:
            return False
        return True

    def has(self, shard_id: bytes, place: int, size: int) -> bool:
        """Tell whether a file of that size is there."""
        try:
            return self._path(shard_id, place).stat().st_size == size
        except OSError:
            return False

    def places(self, prefix: int) -> Iterator[tuple[bytes, int]]:
        """Yield id and place of the files in one of the folders; other files are not ours.

        Raises StorageError.
        """
        folder = self.folder / f"{prefix:02x}"
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    found = _parsed(folder.name, entry.name)
                    if found is not None:
                        yield found
        except FileNotFoundError:
            return
        except OSError as error:
            raise file_error(error, self.folder) from error

    def is_of_this_run(self, place: int) -> bool:
        """Tell whether a file was written by this run: its row may still be to come."""
        return place > self._first

    def _path(self, shard_id: bytes, place: int) -> Path:
        name = shard_id.hex()
        return self.folder / name[:2] / f"{name[2:]}-{place:x}"

    def _write(self, path: Path, content: bytes) -> None:
        self._make_folder(path.parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, _FILE_MODE)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(path.parent)

    def _make_folder(self, folder: Path) -> None:
        if folder.name in self._synced_folders:
            return
        with suppress(FileExistsError):
            folder.mkdir(_FOLDER_MODE)
        sync_folder(self.folder)  # also where somebody else has just made it
        self._synced_folders.add(folder.name)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk; raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_error(error: OSError, folder: Path) -> StorageError:
    """Return what an error of the file system means for the operator; it names no shard."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFullError(f"the disk of {folder} is full: free space on it")
    denied = error.errno in (errno.EROFS, errno.EACCES, errno.EPERM)
    return StorageError(
        f"a shard in {folder} cannot be read or written ({error.strerror or 'unknown error'}):"
        " look at the disk and the rights of that folder",
        StorageFault.READ_ONLY if denied else StorageFault.OTHER,
        errno.errorcode.get(error.errno or 0, type(error).__name__),
    )


def _parsed(folder: str, name: str) -> tuple[bytes, int] | None:
    rest, dash, place = name.partition("-")
    try:
        found = bytes.fromhex(folder + rest), int(place, 16)
    except ValueError:
        return None
    if not dash or len(found[0]) != 32 or f"{rest}-{found[1]:x}" != name:
        return None
    return found
