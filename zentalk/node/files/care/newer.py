"""Moves files to the newest version: beside the old ones, read back, and only then in their place.

Spec: docs/spec/mesh.md section 12. A move is a row of its own that says which file it is to
replace; each step is seen from the rows, so that it goes on after any crash. Until the last step
the old file is whole, and going back is to forget the new one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial
from typing import Final

from zentalk.errors import ATTEMPT_FAULTS, NotFoundError, RemoteProtocolError
from zentalk.logs import quiet_logger
from zentalk.net.runtime import Runtime
from zentalk.node.files.download.sources import FileSource
from zentalk.node.files.views import event_data
from zentalk.store.file_folder import FileFolder
from zentalk.store.history import events, files
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.files import FileState, StoredFile
from zentalk.store.sqlite import Transaction
from zentalk.wire.head import SECRET_BYTES, newest_version

FILE_ID_BYTES: Final = 16
_LOG: Final = quiet_logger("zentalk.node")


class VersionSweep:
    """Moves files, one at a time.

    `look_again` is called when there is something to send or to delete.
    """

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        folder: FileFolder,
        source: FileSource,
        look_again: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._folder = folder
        self._source = source
        self._look_again = look_again
        self._stopped = False

    async def step(self) -> None:
        """Do the next step of the file that is being moved, or begin with the next one."""
        with suppress(NotFoundError, *ATTEMPT_FAULTS):
            moving = await self._database.read(files.moving)
            if moving is None and not self._stopped:
                await self._begin()
            elif moving is not None:
                await self._go_on(moving)

    async def roll_back(self) -> None:
        """Forget the new version of the file that is being moved; the old one stays."""
        moving = await self._database.read(files.moving)
        if moving is not None:
            await self._database.write(
                lambda tx: files.set_state(tx, moving.id, FileState.DELETING)
            )
            await self._runtime.run_blocking(lambda: self._folder.remove(moving.id))
            self._look_again()

    async def _begin(self) -> None:
        old = await self._database.read(lambda tx: files.older_than(tx, newest_version()))
        if old is None:
            return
        draw, now = self._runtime.entropy, self._runtime.wall()
        new = replace(
            old,
            id=draw(FILE_ID_BYTES),
            cid=None,
            share_secret=draw(SECRET_BYTES),
            content_secret=draw(SECRET_BYTES),
            owner_secret=draw(SECRET_BYTES),
            state=FileState.UPLOADING,
            reason="",
            segments_done=0,
            holders=(),
            slots=b"",
            renewed_at=None,
            checked_at=None,
            is_here=True,
            used_at=now,
            version=newest_version(),
            replaces=old.id,
        )
        await self._copy(old, new)
        await self._database.write(lambda tx: files.insert(tx, new))
        self._look_again()

    async def _copy(self, old: StoredFile, new: StoredFile) -> None:
        """Put the bytes of a file into the folder for its new version."""
        draft = await self._runtime.run_blocking(lambda: self._folder.draft(new.id))
        try:
            async with aclosing(self._source.pieces(old, 0, old.size)) as pieces:
                async for piece in pieces:
                    await self._runtime.run_blocking(lambda piece=piece: draft.write(piece))  # type: ignore[misc]
            await self._runtime.run_blocking(draft.finish)
        except BaseException:
            draft.discard()
            raise

    async def _go_on(self, new: StoredFile) -> None:
        assert new.replaces is not None
        old_id = new.replaces
        old = await self._database.read(lambda tx: files.get(tx, old_id))
        if old is None or old.state is not FileState.KEPT:
            await self.roll_back()
        elif new.state is FileState.KEPT:
            await self._finish(new, old_id)

    async def _finish(self, new: StoredFile, old_id: bytes) -> None:
        """Read the new version back, and let it take the place of the old one if it is right."""
        if not await self._is_right(new):
            # It would be wrong again: whoever starts this program anew may try.
            self._stopped = True
            _LOG.error("file_version_wrong", version=new.version)
            await self.roll_back()
            return
        now = self._runtime.wall()

        def job(tx: Transaction) -> None:
            files.replaced(tx, old_id, new.id)
            events.append(tx, "file.added", now, event_data(replace(new, replaces=None)))

        await self._database.write(job)
        with suppress(*ATTEMPT_FAULTS):
            await self._runtime.run_blocking(lambda: self._folder.remove(old_id))
        self._look_again()

    async def _is_right(self, new: StoredFile) -> bool:
        """Compare what a reader gets from holders with what was read of the old version."""
        at, reader = 0, replace(new, owner_secret=None)
        try:
            async with aclosing(self._source.from_mesh(reader, 0, new.size)) as pieces:
                async for piece in pieces:
                    read = partial(self._folder.read, new.id, at, len(piece))
                    if piece != await self._runtime.run_blocking(read):
                        return False
                    at += len(piece)
        except RemoteProtocolError:
            return False
        return at == new.size
