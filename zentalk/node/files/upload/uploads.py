"""Brings files to their holders, one after the other, and tries again what did not go.

An upload is never given up: its owner sees why it waits, and deletes it or lets it wait.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import trio

from zentalk.errors import RELAY_FAULTS, NotFoundError
from zentalk.logs import quiet_logger
from zentalk.mesh.placement import lay_out, nearest
from zentalk.mesh.secrets import FileSecrets, ShareSecrets
from zentalk.net.backoff import half_jitter
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.files.holders.relays import StorageRelays
from zentalk.node.files.upload.copies import order_of_copies
from zentalk.node.files.upload.sending import FileSender
from zentalk.node.files.upload.slots import FileSlots
from zentalk.node.files.views import event_data
from zentalk.store.history import events, files
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.files import FileState, StoredFile
from zentalk.store.retry import until_stored
from zentalk.store.sqlite import Transaction

FIRST_WAIT_SECONDS: Final = 2.0
LONGEST_WAIT_SECONDS: Final = 300.0
NO_RELAYS: Final = "no relay of this network keeps files now: it is tried again"
GONE: Final = "the file is no longer in this node's folder: delete it, and send it again"
_LOG: Final = quiet_logger("zentalk.node")


class Uploads:
    """Sends what waits, the oldest first; `trim` is called when a file need not lie here any more.

    `poked` is to be set after a file was added.
    """

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        relays: StorageRelays,
        sender: FileSender,
        trim: Callable[[], Awaitable[None]],
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._relays = relays
        self._sender = sender
        self._trim = trim
        self._failures = 0
        self.poked = Signal()

    async def run(self) -> None:
        """Send, until cancelled."""
        while True:
            waiting = await until_stored(
                lambda: self._database.read(lambda tx: files.in_state(tx, FileState.UPLOADING))
            )
            done = [await self._try(file) for file in waiting]
            if all(done):
                self._failures = 0
                await self.poked.wait()
            else:
                self._failures += 1
                await self.poked.wait(
                    half_jitter(
                        self._failures,
                        FIRST_WAIT_SECONDS,
                        LONGEST_WAIT_SECONDS,
                        self._runtime.entropy,
                    )
                )

    async def _try(self, file: StoredFile) -> bool:
        """Send one file; False if it waits for something."""
        try:
            placed = await self._placed(file)
            if placed is None:
                await self._waits(file, NO_RELAYS)
                return False
            await until_stored(lambda: self._sender.send(*placed))
            await until_stored(self._trim)
        except NotFoundError:
            await self._waits(file, GONE)
            return True
        except RELAY_FAULTS as error:
            await self._waits(file, str(error))
            return False
        return True

    async def _placed(self, file: StoredFile) -> tuple[StoredFile, FileSlots] | None:
        """Return a file with who holds which of its slots; None if there is nobody."""
        candidates = self._relays.candidates()
        if not candidates:
            await trio.lowlevel.checkpoint()
            return None
        assert file.content_secret is not None
        place = FileSecrets(file.content_secret).shard_place
        holders, row = file.holders, file.slots
        if not row:
            layout = lay_out(place, candidates)
            holders, row = layout.holders, bytes(layout.slots)
        order = [one.node for one in nearest(place, candidates)]
        head_place = ShareSecrets(file.share_secret).head_place
        head_order = order_of_copies(head_place, candidates)
        current = await self._database.read(lambda tx: files.get(tx, file.id))
        return current or file, FileSlots(holders, row, order, head_order)

    async def _waits(self, file: StoredFile, reason: str) -> None:
        if file.reason != reason:
            now = self._runtime.wall()

            def job(tx: Transaction) -> None:
                files.set_reason(tx, file.id, reason)
                data = event_data(replace(file, reason=reason))
                events.append(tx, "file.changed", now, data)

            await until_stored(lambda: self._database.write(job))
