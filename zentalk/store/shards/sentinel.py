"""Whose folder of shards this is, and whether it is there at all.

A disk that is not mounted looks like an empty folder: whoever went on there would take all shards
for lost, and fill the disk below. So three things have to agree: a *sentinel* file in the folder
with the relay's node id, a word in the index that it was written, and a *marker* in the relay's
own folder that says where the shards are. Nothing here removes anything.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from zentalk.config.files import read_private, write_private
from zentalk.errors import ConfigError, StorageError

SENTINEL_FILE: Final = "relay-id"
MARKER_FILE: Final = "shards-kept"
_HEAD: Final = "zentalk shards 1"


class ShardsMissingError(StorageError):
    """The folder, its index or its sentinel is gone, though shards were there."""


class ForeignShardsError(StorageError):
    """The folder holds another relay's shards, or what is not known here."""


class ShardFolder:
    """One relay's folder of shards; `home` is the relay's own folder."""

    def __init__(self, folder: Path, home: Path, node_id: bytes) -> None:
        self.folder = folder
        self.marker = home / MARKER_FILE
        self._sentinel = folder / SENTINEL_FILE
        self._content = f"{_HEAD}\n{node_id.hex()}\n".encode("ascii")

    @property
    def is_in_use(self) -> bool:
        """Whether there is, or should be, anything to open."""
        return self.was_used or self._sentinel.exists()

    @property
    def was_used(self) -> bool:
        """Whether this relay has had shards, here or elsewhere."""
        return self.marker.exists()

    def check(self, *, has_index: bool) -> None:
        """Look at what is there before anything is opened or made.

        Raises ShardsMissingError or ForeignShardsError with a next step.
        """
        if self._is_there():
            if self.was_used and not has_index:
                raise self._missing("its index `shards.db` is gone")
        elif self.was_used:
            raise self._missing("its disk may not be mounted")

    def settle(self, *, told: bool, tell: Callable[[], None]) -> None:
        """Agree with an open index: write what a first start has to write, in this order.

        `told` is whether the index has the word that there is a sentinel, `tell` puts it there.
        Raises ShardsMissingError, or StorageError if a file cannot be written.
        """
        there = self._is_there()
        if told and not there:
            raise self._missing(f"`{SENTINEL_FILE}` in it is gone")
        if self.was_used and not told:
            raise self._missing("its index `shards.db` is empty")
        try:
            if not there:
                write_private(self._sentinel, self._content)
            if not told:
                tell()
            if not self.was_used:
                write_private(self.marker, f"{self.folder}\n".encode())
        except ConfigError as error:
            raise StorageError(str(error)) from None

    def still_there(self) -> bool:
        """Tell whether the sentinel is where it was: cheap, for every doubt."""
        try:
            return self._sentinel.read_bytes() == self._content
        except OSError:
            return False

    def _is_there(self) -> bool:
        if not self._sentinel.exists():
            return False
        try:
            content = read_private(self._sentinel)
        except ConfigError as error:
            raise ForeignShardsError(str(error)) from None
        if content != self._content:
            raise ForeignShardsError(
                f"{self.folder} holds the shards of another relay: set `storage_directory` to a"
                " folder of this relay's own"
            )
        return True

    def gone(self) -> ShardsMissingError:
        """Return what to raise when the folder has gone while the relay runs."""
        return self._missing("its disk may have been taken away")

    def _missing(self, what: str) -> ShardsMissingError:
        return ShardsMissingError(
            f"the shards of this relay are not in {self.folder}: {what}; bring the folder back"
            f" ({self.marker} says where it was) and restart the relay. If it is lost for good,"
            f" remove {self.marker} and what is left of the folder, and it begins with an empty one"
        )
