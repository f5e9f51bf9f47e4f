"""Tasks of a relay that follow the clock: epochs, new boots, its status file.

A boot is stored before anything is signed with it. Keys change here and nowhere else. A
disk that is full or failing ends nothing: what could not be written is tried again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from zentalk.errors import ConfigError, StorageError
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.relay.keys.mix_keys import ClockWatch, OwnKeys
from zentalk.relay.status import RelayStatus, StatusFile
from zentalk.store.directory_store import DirectoryStore
from zentalk.wire.descriptor import Descriptor

TICK_SECONDS: Final = 5.0
"""The clock and the status are looked at so often; epochs turn at their own times."""
_LEAST_WAIT_SECONDS: Final = 0.1
"""A timer that rings a little early must not spin until the epoch is over."""


async def boot_keys(runtime: Runtime, directory: Path, keys: OwnKeys, above: int = 0) -> None:
    """Make new mix keys under a boot number that was never used; raises StorageError.

    `above` is the highest boot of this relay that the network has seen.
    """
    boot = await runtime.run_blocking(partial(_next_boot, directory, above))
    keys.boot(boot, runtime.wall())


def _next_boot(directory: Path, above: int) -> int:
    # A connection of its own: the directory's belongs to the directory's thread.
    store = DirectoryStore(directory)
    try:
        return store.next_boot(above)
    finally:
        store.close()


class KeyRotation:
    """Turns epochs, boots again when it must, and keeps the status file true.

    To the directory it is this relay's own descriptor.
    """

    def __init__(
        self,
        runtime: Runtime,
        directory: Path,
        keys: OwnKeys,
        status: Callable[[], RelayStatus],
    ) -> None:
        self._runtime = runtime
        self._directory = directory
        self.keys = keys
        self._status = status
        self._status_file = StatusFile(directory)
        self._written: RelayStatus | None = None
        self._watch = ClockWatch(runtime.wall(), runtime.monotonic())
        self._outdated_by = 0
        self._must_boot = False
        self._soon = Signal()
        self.failed_writes = 0
        """The number of times that a boot or the status file could not be written."""

    @property
    def descriptor(self) -> Descriptor:
        """Return the descriptor of the last boot and epoch."""
        return self.keys.descriptor

    def superseded(self, boot: int) -> None:
        """Boot again soon, above `boot`: the network has seen one at least as high as ours."""
        self._outdated_by = max(self._outdated_by, boot)
        self._soon.set()

    async def run(self, publish: Callable[[], None]) -> None:
        """Work until cancelled; `publish` is called after each change of the descriptor.

        A boot that cannot be stored is tried again: nothing is signed with it before.
        """
        while True:
            await self._soon.wait(self._wait_seconds())
            try:
                if await self._renew_keys():
                    publish()
                await self.write_status()
            except (StorageError, ConfigError):
                self.failed_writes += 1

    async def write_status(self) -> None:
        """Bring the status file up to date; raises ConfigError if it cannot be written."""
        status = self._status()
        if status != self._written:
            await self._runtime.run_blocking(partial(self._status_file.write, status))
            self._written = status

    def _wait_seconds(self) -> float:
        """Return for how long there is nothing to do: a turn that was missed is tried at a tick."""
        next_turn = self.keys.next_turn(self._runtime.wall())
        if next_turn <= 0:
            return TICK_SECONDS
        return min(TICK_SECONDS, max(_LEAST_WAIT_SECONDS, next_turn))

    async def _renew_keys(self) -> bool:
        """Boot or turn the epoch if it is time; says whether the descriptor is new."""
        wall = self._runtime.wall()
        self._must_boot |= self._watch.stepped(wall, self._runtime.monotonic())
        if self._must_boot or self._outdated_by >= self.keys.descriptor.boot:
            await boot_keys(self._runtime, self._directory, self.keys, self._outdated_by)
            self._must_boot = False
            return True
        return self.keys.turn(wall) is not None
