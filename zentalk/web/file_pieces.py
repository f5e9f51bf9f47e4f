"""A file of this machine as the body of a request: its size, its pieces, and what it may be.

It is read as it is sent, and never whole. All calls block.
"""

from __future__ import annotations

import mimetypes
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from zentalk.errors import ConfigError

PIECE_BYTES: Final = 256 * 1024
DEFAULT_TYPE: Final = "application/octet-stream"


class SentFile:
    """An open file that is to be sent; close it.

    Raises ConfigError if it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise self._unreadable(error) from None
        found = os.fstat(self._file.fileno())
        self.size: int | None = found.st_size if stat.S_ISREG(found.st_mode) else None
        """Bytes that are sent of it; None of a pipe, which ends when it ends."""

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def headers(self, media_type: str) -> dict[str, str]:
        """Return the headers that tell its type, and its size if that is known."""
        length = {} if self.size is None else {"Content-Length": str(self.size)}
        return {"Content-Type": media_type, **length}

    def piece(self, sent: int) -> bytes:
        """Return the next piece after so many bytes, b"" at the end.

        Raises ConfigError if it has become shorter, or cannot be read.
        """
        most = PIECE_BYTES if self.size is None else min(PIECE_BYTES, self.size - sent)
        try:
            piece = self._file.read(most)
        except OSError as error:
            raise self._unreadable(error) from None
        if self.size is not None and most and not piece:
            raise ConfigError(f"{self.path} became shorter while it was sent: send it again")
        return piece

    def pieces(self) -> Iterator[bytes]:
        """Yield all pieces; raises as `piece` does."""
        sent = 0
        while piece := self.piece(sent):
            sent += len(piece)
            yield piece

    def _unreadable(self, error: OSError) -> ConfigError:
        reason = (error.strerror or "unknown error").lower()
        return ConfigError(f"{self.path} cannot be read: {reason}")


def media_type_of(name: str) -> str:
    """Return what a file of this name is likely to be; nothing looks into it."""
    found, encoding = mimetypes.guess_type(name, strict=True)
    return DEFAULT_TYPE if found is None or encoding else found


def ending_of(media_type: str) -> str:
    """Return how names of this type end, empty if that is not known."""
    return mimetypes.guess_extension(media_type, strict=True) or ""
