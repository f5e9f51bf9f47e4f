"""Only one program may use a folder, and only one at a time change lists in it.

Locks are the kernel's, which drops them when their holder dies. Their files are empty and never
removed; only the locks on them count.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from zentalk.errors import ConfigError, ConflictError

LOCK_FILE: Final = "lock"
EDIT_LOCK_FILE: Final = "edit.lock"
"""Beside the first one: an operator changes lists while the program runs."""
EDIT_SECONDS: Final = 5.0
"""The longest wait for another command, which reads a file and writes it."""
_LOOK_SECONDS: Final = 0.02


@contextmanager
def hold_lock(directory: Path) -> Iterator[None]:
    """Hold the folder's lock inside the `with` block.

    Raises ConflictError if another program holds it, ConfigError if the file cannot be opened.
    """
    with _opened(directory / LOCK_FILE) as descriptor:
        if not _is_locked(descriptor):
            raise ConflictError(
                f"another program is running in {directory}; stop it first, or use another folder"
            )
        yield


@contextmanager
def hold_edit_lock(directory: Path) -> Iterator[None]:
    """Let no other command change a list of the folder inside the `with` block.

    Waits for one that does. For programs without a loop of events. Raises ConflictError if it takes
    too long, ConfigError if the file cannot be opened.
    """
    with _opened(directory / EDIT_LOCK_FILE) as descriptor:
        left = int(EDIT_SECONDS / _LOOK_SECONDS)
        while not _is_locked(descriptor):
            if left <= 0:
                raise ConflictError(
                    f"another command is changing {directory}; nothing was changed: try again when"
                    " it has ended"
                )
            left -= 1
            time.sleep(_LOOK_SECONDS)  # noqa: TID251 - commands have no loop
        yield


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise ConfigError(f"cannot open {path}: {reason}") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    """Take a lock; return whether it could be had now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
