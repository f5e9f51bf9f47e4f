"""Folders and small files that only their owner may read.

Writing is atomic and durable: a crash leaves the old file or the new one, never half of one.
Errors name the path and what to do; they never show what a file holds.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from zentalk.errors import ConfigError, ConflictError

CONFIG_FILE: Final = "config.toml"
DIRECTORY_MODE: Final = 0o700
FILE_MODE: Final = 0o600
_OTHERS: Final = 0o077
_MAX_BYTES: Final = 65536


def make_private_directory(directory: Path) -> None:
    """Make a folder and its parents; new ones are closed to others (mode 0700).

    Raises ConfigError if it cannot be made.
    """
    missing = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    try:
        for folder in reversed(missing):
            folder.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
            folder.chmod(DIRECTORY_MODE)
        if not directory.is_dir():
            raise NotADirectoryError(20, "it is a file")
    except OSError as error:
        raise ConfigError(f"cannot make the folder {directory}: {_reason(error)}") from None


def write_private(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Write a file of mode 0600, whole or not at all, and wait until it is on disk.

    Raises ConflictError if it exists and `replace` is false, ConfigError if it cannot be written.
    """
    if not path.name:
        raise ConfigError(f"'{path}' is not the name of a file: give one")
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        _write_synced(draft, data)
        if replace:
            draft.replace(path)
        else:
            path.hardlink_to(draft)
            draft.unlink()
        _sync_directory(path.parent)
    except FileExistsError:
        draft.unlink(missing_ok=True)
        raise ConflictError(f"{path} exists already; nothing was changed") from None
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ConfigError(f"cannot write {path}: {_reason(error)}") from None


def read_private(path: Path, max_bytes: int = _MAX_BYTES) -> bytes:
    """Read a small file that holds a secret.

    Raises ConfigError if it is missing, unreadable, larger than `max_bytes`, or open to others.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & _OTHERS:
                raise ConfigError(
                    f"{path} can be read or changed by other users; close it with: chmod 600 {path}"
                )
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {_reason(error)}") from None
    if len(data) > max_bytes:
        raise ConfigError(f"{path} is too large for such a file; restore it from a backup")
    return data


def remove_file(path: Path) -> None:
    """Remove a file if it is there; a file that cannot be removed is left."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


def _write_synced(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, FILE_MODE)
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: OSError) -> str:
    return (error.strerror or "unknown error").lower()
