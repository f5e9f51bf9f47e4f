"""Only one program may use a folder: a lock that the kernel drops when its holder dies.

The file is empty and never removed; only the lock on it counts.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from zentalk.errors import ConfigError, ConflictError

LOCK_FILE: Final = "lock"


@contextmanager
def hold_lock(directory: Path) -> Iterator[None]:
    """Hold the folder's lock inside the `with` block.

    Raises ConflictError if another program holds it, ConfigError if the file cannot be opened.
    """
    path = directory / LOCK_FILE
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise ConfigError(f"cannot open {path}: {reason}") from None
    try:
        _lock(descriptor, directory)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, directory: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConflictError(
            f"another program is running in {directory}; stop it first, or use another folder"
        ) from None
