"""Files of a node without a network: kept in memory, and kept by made-up relays at once."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator

import trio

from zentalk.errors import ConflictError, NotFoundError, UnavailableError
from zentalk.node.files.intake import check_name, check_type
from zentalk.node.files.views import FileView, HealthView, MeshView
from zentalk.store.history.files import FileState
from zentalk.wire.chat import FileCard

NOON = 1000.0


class FakeFiles:
    """The files of one owner; tests/node/files tests the real ones."""

    def __init__(self) -> None:
        self.known: list[FileView] = []
        self.contents: dict[str, bytes] = {}
        self.pieces_taken: list[int] = []
        """How large each piece of an upload was."""
        self.hold_back = 0
        """How often a file is listed before relays have all of it."""
        self.reason = ""
        """Why a file that is held back does not go on."""
        self.never_done = False
        """Whether relays never have all of a file that is waited for."""
        self.breaks_after: int | None = None
        """After so many bytes a download fails."""
        self.asked: list[tuple[int, int]] = []
        """Ranges that were read."""
        self.cleaned: list[bool] = []
        """Whether each file was to be cleaned."""

    async def upload(
        self,
        name: str,
        media_type: str,
        pieces: AsyncGenerator[bytes, None],
        *,
        wait: bool,
        clean: bool = False,
    ) -> FileView:
        name, media_type = check_name(name), check_type(media_type)
        self.cleaned.append(clean)
        content = bytearray()
        async for piece in pieces:
            self.pieces_taken.append(len(piece))
            content += piece
        number = len(self.known) + 1
        cid = hashlib.sha256(bytes(content) + bytes([number])).hexdigest()
        file = FileView(
            id=f"{number:032x}",
            cid=cid,
            name=name,
            media_type=media_type,
            size=len(content),
            state=FileState.KEPT,
            reason="",
            sent=len(content),
            here=True,
            created_at=NOON + number,
        )
        self.contents[file.id] = bytes(content)
        self.known.insert(0, file)
        if wait and self.never_done:
            await trio.sleep_forever()
        return file if wait else self._now(file)

    async def listing(self) -> list[FileView]:
        listed = [self._now(file) for file in self.known]
        self.hold_back = max(0, self.hold_back - 1)
        return listed

    def _now(self, file: FileView) -> FileView:
        if not self.hold_back:
            return file
        state = FileState.UPLOADING
        return file._replace(cid="", state=state, sent=file.size // 2, reason=self.reason)

    async def view(self, cid: str) -> FileView:
        for file in self.known:
            if file.cid == cid:
                return file
            if file.id == cid:
                now = self._now(file)
                self.hold_back = max(0, self.hold_back - 1)
                return now
        raise NotFoundError("this node knows no such file")

    async def health(self, cid: str) -> HealthView:
        file = await self.view(cid)
        return HealthView(cid, file.state, 29, 30, 4, 15, 1, 2000.0, 1500.0, 1, 2, 3)

    async def pieces(self, file: FileView, start: int, length: int) -> AsyncIterator[bytes]:
        self.asked.append((start, length))
        content = self.contents[file.id][start : start + length]
        for place in range(0, length, 1000):
            if self.breaks_after is not None and start + place >= self.breaks_after:
                raise UnavailableError("too few relays that keep this file answer: try again")
            yield content[place : place + 1000]

    async def card(self, cid: str) -> FileCard:
        file = await self.view(cid)
        if file.state is not FileState.KEPT:
            raise ConflictError("relays do not have all of it yet")
        return FileCard(bytes.fromhex(cid), bytes(32), file.size, file.name, file.media_type)

    async def delete(self, cid: str) -> FileView:
        file = await self.view(cid)
        self.known = [one for one in self.known if one.id != file.id]
        return file._replace(state=FileState.DELETING, here=False)

    async def rotate(self, cid: str) -> FileView:
        file = await self.view(cid)
        if file.state is not FileState.KEPT:
            raise ConflictError("only a file of yours that relays keep gets another secret")
        new = file._replace(cid=hashlib.sha256(bytes.fromhex(cid)).hexdigest())
        self.known[self.known.index(file)] = new
        return new

    async def mesh(self) -> MeshView:
        return MeshView(40, len(self.known), sum(file.size for file in self.known), direct=False)
