"""The owner's files: what REST does with them.

Taking a file in and bringing it to relays are two things: once it lies in the node's folder and
stands in the database it is not lost, whatever happens to the request. What goes on meanwhile is
told by events.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from typing import Final

from zentalk.errors import ConflictError, LocalProtocolError, NotFoundError, ZentalkError
from zentalk.net.runtime import Runtime
from zentalk.node.files.intake import DEFAULT_TYPE, check_name, check_type, take_in
from zentalk.node.files.looks import FileCleaner, FileLooks
from zentalk.node.files.transfers import Transfers
from zentalk.node.files.views import FileView, HealthView, MeshView, event_data, shown
from zentalk.store.history import events, file_messages, files
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.files import FileState, StoredFile
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import CID_BYTES, FileCard
from zentalk.wire.head import SECRET_BYTES, newest_version

FILE_ID_BYTES: Final = 16
_DELETED: Final = "the file was deleted meanwhile"
_NO_FILE: Final = "this node knows no such file"


class FileLibrary:
    """Files of one owner; `run` of the `transfers` must be running for any to move."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        history: HistoryDatabase,
        cleaner: FileCleaner,
        transfers: Transfers,
        *,
        is_direct: bool,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._history = history
        self._cleaner = cleaner
        self._folder = cleaner.folder
        self._transfers = transfers
        self._is_direct = is_direct

    async def upload(
        self,
        name: str,
        media_type: str,
        pieces: AsyncGenerator[bytes, None],
        *,
        wait: bool,
        clean: bool = False,
    ) -> FileView:
        """Take a file in, and with `wait` return only once relays have all of it.

        With `clean`, what a picture tells beside what it shows is taken out of it before. Raises
        TooLargeError, ConfigError for a name or type that is none and for a damaged picture,
        StorageError, and ConflictError if it is deleted meanwhile.
        """
        file = self._drawn(check_name(name), check_type(media_type))
        await take_in(self._folder, file.id, pieces, self._runtime.run_blocking)
        try:
            looks = await (self._cleaner.clean if clean else self._cleaner.look)(file.id)
        except BaseException:
            self._folder.remove(file.id)
            raise
        file = self._looking(file, looks)

        def job(tx: Transaction) -> None:
            files.insert(tx, file)
            events.append(tx, "file.added", file.created_at, event_data(file))

        await self._database.write(job)
        self._transfers.look_again()
        if not wait:
            return shown(file)
        while True:
            moved = self._transfers.next_move(file.id)
            found = await self._found(file.id)
            if found.state is FileState.DELETING:
                raise ConflictError(_DELETED)
            if found.state is not FileState.UPLOADING:
                return shown(found)
            await moved.wait()

    def _looking(self, file: StoredFile, looks: FileLooks) -> StoredFile:
        """Return a file with its size, and with what is shown of it before it is fetched."""
        known = file.media_type != DEFAULT_TYPE
        return replace(
            file,
            size=self._folder.size(file.id) or 0,
            media_type=file.media_type if known else looks.media_type,
            preview=looks.preview,
            width=looks.width,
            height=looks.height,
            milliseconds=looks.milliseconds,
        )

    def _drawn(self, name: str, media_type: str) -> StoredFile:
        """Return a new file, with secrets of its own."""
        draw, now = self._runtime.entropy, self._runtime.wall()
        return StoredFile(
            id=draw(FILE_ID_BYTES),
            cid=None,
            share_secret=draw(SECRET_BYTES),
            content_secret=draw(SECRET_BYTES),
            owner_secret=draw(SECRET_BYTES),
            name=name,
            media_type=media_type,
            size=0,
            state=FileState.UPLOADING,
            reason="",
            segments_done=0,
            holders=(),
            slots=b"",
            created_at=now,
            renewed_at=None,
            checked_at=None,
            is_here=True,
            used_at=now,
            version=newest_version(),
        )

    async def listing(self) -> list[FileView]:
        """Return all files, the newest first."""
        return [shown(file) for file in await self._database.read(files.every)]

    async def view(self, cid: str) -> FileView:
        """Return one file; raises NotFoundError."""
        return shown(await self._of(cid))

    async def card(self, cid: str) -> FileCard:
        """Return how others get a file; raises NotFoundError, ConflictError before it is kept."""
        file = await self._of(cid)
        if file.cid is None:
            raise ConflictError("relays do not have all of this file yet: send it once they have")
        return FileCard(
            file.cid,
            file.share_secret,
            file.size,
            file.name,
            file.media_type,
            preview=file.preview,
            width=file.width,
            height=file.height,
            milliseconds=file.milliseconds,
        )

    async def health(self, cid: str) -> HealthView:
        """Ask the holders of a file what they have; raises NotFoundError."""
        return await self._transfers.health(await self._of(cid))

    async def pieces(self, file: FileView, start: int, length: int) -> AsyncIterator[bytes]:
        """Yield bytes of a file, from here if it is here.

        Raises UnavailableError if too few holders answer.
        """
        found = await self._found(bytes.fromhex(file.id))
        async for piece in self._transfers.pieces(found, start, length):
            yield piece

    async def delete(self, cid: str) -> FileView:
        """Delete an own file at all its holders, or forget somebody else's here.

        What is on its way there is taken back. Raises NotFoundError.
        """
        file = await self._of(cid)
        now, cid = self._runtime.wall(), "" if file.cid is None else file.cid.hex()

        def job(tx: Transaction) -> None:
            if file.owner_secret is None:
                files.forget(tx, file.id)
                removed = {"id": file.id.hex(), "cid": cid}
                events.append(tx, "file.removed", now, removed)
            else:
                files.set_state(tx, file.id, FileState.DELETING)
                events.append(
                    tx, "file.changed", now, event_data(replace(file, state=FileState.DELETING))
                )

        await self._database.write(job)
        await self._runtime.run_blocking(lambda: self._folder.remove(file.id))
        self._transfers.look_again()
        self._transfers.tell(file.id)
        is_own = file.owner_secret is not None
        left = FileState.DELETING if is_own else file.state
        return shown(replace(file, state=left, is_here=False))

    async def rotate(self, cid: str) -> FileView:
        """Give an own file another share secret, and with it another CID.

        Who was given it before cannot open it any more. Raises NotFoundError, ConflictError if it
        is not an own one that is kept, and UnavailableError if no relay takes its head now.
        """
        rotated = await self._transfers.rotate(await self._of(cid))
        self._transfers.tell(rotated.id)
        return shown(rotated)

    async def mesh(self) -> MeshView:
        """Return what is known of the mesh."""
        own = [file for file in await self._database.read(files.every) if file.owner_secret]
        kept = [file for file in own if file.state is FileState.KEPT]
        holders = self._transfers.holders_known()
        return MeshView(holders, len(kept), sum(file.size for file in kept), self._is_direct)

    async def _of(self, cid: str) -> StoredFile:
        try:
            raw = bytes.fromhex(cid)
        except ValueError:
            raw = b""
        if len(raw) == FILE_ID_BYTES:
            return await self._found(raw, NotFoundError(_NO_FILE))
        if len(raw) != CID_BYTES:
            raise LocalProtocolError("a CID has 64 hexadecimal digits, and the id of a file 32")
        found = await self._database.read(
            lambda tx: files.by_cid(tx, raw) or files.by_former_cid(tx, raw)
        )
        return found or await self._given(raw)

    async def _given(self, cid: bytes) -> StoredFile:
        """Return a file that a message names, and list it from now on; raises NotFoundError."""
        card = await self._history.read(lambda tx: file_messages.find(tx, cid))
        if card is None:
            raise NotFoundError(_NO_FILE)
        file = replace(
            self._drawn(card.name, card.media_type),
            cid=cid,
            share_secret=card.share_secret,
            content_secret=None,
            owner_secret=None,
            size=card.size,
            preview=card.preview,
            width=card.width,
            height=card.height,
            milliseconds=card.milliseconds,
            state=FileState.RECEIVED,
            is_here=False,
        )

        def job(tx: Transaction) -> StoredFile:
            known = files.by_cid(tx, cid)
            if known is None:
                files.insert(tx, file)
            return known or file

        return await self._database.write(job)

    async def _found(self, file_id: bytes, missing: ZentalkError | None = None) -> StoredFile:
        found = await self._database.read(lambda tx: files.get(tx, file_id))
        if found is None:
            raise missing or ConflictError(_DELETED)
        return found
