"""A stream inside a link, as a byte stream that one task reads and one task writes.

Waits only for its own credit and its own bytes: the reader of the link never waits for
a stream. Spec: docs/spec/link.md section 6.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from zentalk.link.streams import StreamTable


class LinkStream:
    """One end of a stream. Made by a Connection only.

    A stream that the peer asked for is accepted by its first use, or by `accept`.
    """

    def __init__(
        self,
        table: StreamTable,
        stream_id: int,
        *,
        wake_writer: Callable[[], None],
        let_go: Callable[[int], None],
    ) -> None:
        self._table = table
        self._id = stream_id
        self._wake_writer = wake_writer
        self._let_go = let_go
        self._changes = trio.lowlevel.ParkingLot()
        self._broken = False
        self._accepted = False
        self.refused_reason: str | None = None

    def accept(self) -> None:
        """Tell the peer that its stream was accepted; nothing if that was done before."""
        self._table.accept(self._id)
        self._wake_writer()

    def accepted(self) -> None:
        """Called by the connection when the peer accepted."""
        self._accepted = True
        self._changes.unpark_all()

    def refused(self, reason: str) -> None:
        """Called by the connection when the peer refused."""
        self.refused_reason = reason
        self._changes.unpark_all()

    def changed(self) -> None:
        """Called by the connection when the stream can be read, written or is closed."""
        self._changes.unpark_all()

    def broken(self) -> None:
        """Called by the connection when the link is gone."""
        self._broken = True
        self._changes.unpark_all()

    async def answered(self) -> bool:
        """Wait until the peer accepted (True) or refused, or the link is gone."""
        while not (self._accepted or self.refused_reason or self._broken):
            await self._changes.park()
        return self._accepted

    async def send_all(self, data: bytes, /) -> None:
        """Queue everything, as fast as the peer gives credit."""
        await trio.lowlevel.checkpoint_if_cancelled()
        while data := data[self.send_now(data) :]:
            await self._changes.park()
        await trio.lowlevel.cancel_shielded_checkpoint()

    def send_now(self, data: bytes, /) -> int:
        """Queue what the peer's credit allows, and return how much that was."""
        self.accept()
        if self._broken or not self._table.is_open(self._id):
            raise trio.BrokenResourceError("the stream is closed")
        written = self._table.write(self._id, data)
        if written:
            self._wake_writer()
        return written

    async def receive_some(self, max_bytes: int, /) -> bytes:
        """Return up to `max_bytes`; whole cells, if the stream carries cells."""
        await trio.lowlevel.checkpoint_if_cancelled()
        self.accept()
        data = self._table.read(self._id, max_bytes)
        if data is not None:
            # Bytes that were read must not be lost to a cancellation.
            await trio.lowlevel.cancel_shielded_checkpoint()
        while data is None:
            if self._broken:
                raise trio.BrokenResourceError("the link of this stream is gone")
            await self._changes.park()
            data = self._table.read(self._id, max_bytes)
        self._wake_writer()  # credit may have been granted
        return data

    async def aclose(self) -> None:
        """End both directions; what was queued before is still sent."""
        self.close("done")
        await trio.lowlevel.checkpoint()

    def close(self, reason: str) -> None:
        """End both directions at once, with a reason for the peer."""
        self._table.close(self._id, reason)
        self._let_go(self._id)
        self._changes.unpark_all()
        self._wake_writer()
