"""The store of shards as a relay has it: perhaps not made yet, perhaps in trouble.

A relay that nobody has given a shard has no folder for them: it is made for the first one. One
whose folder is gone, or another relay's, stops until the relay is started again; a disk that is
full or failing is tried again with each put.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from typing import Final

import trio

from zentalk.errors import StorageError, StorageFault, StorageFullError
from zentalk.logs import quiet_logger
from zentalk.store.blocking import RunBlocking
from zentalk.store.shards.sentinel import ForeignShardsError, ShardFolder, ShardsMissingError
from zentalk.store.shards.store import ShardLostError, ShardStore

_LOG: Final = quiet_logger("zentalk.relay")


class ShardTrouble(StrEnum):
    """Why shards cannot be stored now; a shelf that has none says NONE."""

    NONE = ""
    FULL = "full"
    FAILING = "failing"
    MISSING = "missing"
    FOREIGN = "foreign"

    @property
    def is_final(self) -> bool:
        """Whether only a restart ends it."""
        return self in (ShardTrouble.MISSING, ShardTrouble.FOREIGN)


class ShardShelf:
    """The store in `place`, opened by `open_if_used` or for the first shard."""

    def __init__(self, place: ShardFolder, run_blocking: RunBlocking) -> None:
        self.place = place
        self._blocking = run_blocking
        self._store: ShardStore | None = None
        self._opening = trio.Lock()
        self._opened = trio.Event()
        self.trouble = ShardTrouble.NONE
        self.fault = ""
        """The sentence for the operator that goes with the trouble."""

    def open_if_used(self) -> None:
        """Open a store that was made before, in this thread; what is wrong becomes `trouble`."""
        try:
            with self.watching():
                if self.place.is_in_use:
                    self._store = ShardStore(self.place, self._blocking)
        except StorageError:
            return  # the relay goes on without it

    @property
    def is_open(self) -> bool:
        """Whether there is a store that can be used."""
        return self._store is not None and not self.trouble.is_final

    @property
    def store(self) -> ShardStore | None:
        """The store, None if there is none yet; raises StorageError if it cannot be used."""
        if self.trouble.is_final or (self.trouble and self._store is None):
            raise StorageError(self.fault)
        return self._store

    async def for_put(self) -> ShardStore:
        """Return the store, opened or made if it is not; raises StorageError."""
        if self.trouble.is_final:
            raise StorageError(self.fault)
        async with self._opening:
            if self._store is None:
                made = partial(ShardStore, self.place, self._blocking)
                with trio.CancelScope(shield=True), self.watching():
                    self._store = await self._blocking(made)
                self._opened.set()
            assert self._store is not None  # else it was raised why
            return self._store

    async def run(self) -> None:
        """Let the store write, as soon as there is one, until cancelled."""
        if self._store is None:
            await self._opened.wait()
        assert self._store is not None  # that is what was waited for
        await self._store.run()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Notice in the block what is the matter with the disk; errors go on to the caller."""
        try:
            yield
        except StorageError as error:
            # One shard that is lost is not the disk, and a relay that stops has closed it itself.
            if not isinstance(error, ShardLostError) and error.fault is not StorageFault.CLOSED:
                self._note(error)
            raise

    def worked(self) -> None:
        """Take note that something was stored."""
        if self.trouble and not self.trouble.is_final:
            self.trouble, self.fault = ShardTrouble.NONE, ""
            _LOG.info("shards_can_be_stored_again")

    def close(self) -> None:
        """Close the store, if there is one; its writer must have ended."""
        if self._store is not None:
            self._store.close()

    def _note(self, error: StorageError) -> None:
        found = self._trouble_of(error)
        if self.trouble.is_final or found is self.trouble:
            return
        self.trouble, self.fault = found, str(error)
        _LOG.warning("shards_cannot_be_stored", reason=found.value)

    def _trouble_of(self, error: StorageError) -> ShardTrouble:
        if isinstance(error, ForeignShardsError):
            return ShardTrouble.FOREIGN
        if isinstance(error, ShardsMissingError):
            return ShardTrouble.MISSING
        if isinstance(error, StorageFullError):
            return ShardTrouble.FULL
        if self._store is not None and not self.place.still_there():
            return ShardTrouble.MISSING
        return ShardTrouble.FAILING
