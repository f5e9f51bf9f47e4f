"""A file that is fetched over HTTP, piece by piece, and that goes on where it stopped.

What came lies beside the place where the file is to be, under the CID of the file, which stands for
the same bytes for ever. The file takes its place once all of it is on the disk, and never that of
another one unless its owner said so. Only the owner can read it. All calls block.

Source: RFC 9110 sections 13.1.5 (If-Range) and 14 (ranges).
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from zentalk.errors import (
    ConfigError,
    ConflictError,
    LinkClosedError,
    RemoteProtocolError,
)

_MODE: Final = 0o600
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_WHOLE: Final = 200
_PART: Final = 206
_NO_HARD_LINKS: Final = {errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS}


class PartFile:
    """The part of one file that is here; use it in a `with` block.

    Every call raises ConfigError if the disk does not take it. What came stays when the block ends
    before the file is whole.
    """

    def __init__(self, target: Path, cid: str, size: int, *, overwrite: bool = False) -> None:
        self.target = target
        self.size = size
        self.have = 0
        """Bytes that are here."""
        self._cid = cid
        self._overwrite = overwrite
        self._path = target.with_name(f".{cid}.part") if target.name else target
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        """Open it; raises ConflictError if the target exists, or another program fetches it."""
        if not self.target.name:
            raise ConfigError(f"'{self.target}' is not the name of a file: give one")
        if not self._overwrite and os.path.lexists(self.target):
            raise self._exists()
        with self._on_disk():
            self._file = os.fdopen(os.open(self._path, _FLAGS, _MODE), "r+b")
        try:
            self._lock()
            self.have = os.fstat(self._opened.fileno()).st_size
            if self.have > self.size:
                self._begin_anew()
            self._opened.seek(self.have)
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it; a part without any bytes goes."""
        with self._on_disk():
            try:
                if not self.have:
                    self._path.unlink(missing_ok=True)
            finally:
                self._opened.close()  # with what was written, and the lock

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to be fetched."""
        return self.have == self.size

    def headers(self) -> dict[str, str]:
        """Return the headers that ask for the rest, if it is still of the same bytes."""
        if not self.have:
            return {}
        return {"Range": f"bytes={self.have}-", "If-Range": f'"{self._cid}"'}

    def answered(self, status: int, content_range: str | None) -> None:
        """Look at the head of an answer: the rest goes on, all of it begins anew.

        Raises RemoteProtocolError if it is neither.
        """
        if status == _WHOLE:
            with self._on_disk():
                self._begin_anew()
            return
        if status != _PART or content_range != f"bytes {self.have}-{self.size - 1}/{self.size}":
            raise RemoteProtocolError("the node answered with another part of the file: try again")

    def write(self, piece: bytes) -> None:
        """Append what came; raises RemoteProtocolError if it is more than the file has."""
        if self.have + len(piece) > self.size:
            raise RemoteProtocolError("the node answered with more than the file has: try again")
        with self._on_disk():
            self._opened.write(piece)
        self.have += len(piece)

    def finish(self) -> Path:
        """Give the file its name once it is on the disk; return where it is.

        Raises LinkClosedError if some of it has not come, ConflictError if a file of the name has.
        """
        if not self.is_whole:
            raise LinkClosedError("the connection ended before all of the file had come")
        with self._on_disk():
            self._opened.flush()
            os.fsync(self._opened.fileno())
            try:
                self._take_place()
            except FileExistsError:
                raise self._exists() from None
        return self.target

    @property
    def _opened(self) -> BinaryIO:
        assert self._file is not None
        return self._file

    def _begin_anew(self) -> None:
        self._opened.seek(0)
        self._opened.truncate()
        self.have = 0

    def _lock(self) -> None:
        """Keep others off; raises ConflictError if one is at it, or had just finished it."""
        descriptor = self._opened.fileno()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            is_ours = False
        else:
            is_ours = self._is_in_place(descriptor)
        if not is_ours:
            raise ConflictError(
                f"another program is fetching the same file into {self._path.parent}"
            )

    def _is_in_place(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.lstat())
        except FileNotFoundError:
            return False

    def _take_place(self) -> None:
        if self._overwrite:
            self._path.replace(self.target)
            return
        try:
            self.target.hardlink_to(self._path)
        except FileExistsError:
            raise
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            # A stick, for example: an empty file keeps the name meanwhile.
            os.close(os.open(self.target, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE))
            self._path.replace(self.target)
        else:
            self._path.unlink()

    def _exists(self) -> ConflictError:
        return ConflictError(f"{self.target} is there already; nothing was changed")

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = (error.strerror or "unknown error").lower()
            raise ConfigError(f"{self.target} cannot be written: {reason}") from None
