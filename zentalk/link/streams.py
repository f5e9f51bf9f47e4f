"""The streams of one link: opening, credit, closing, and what may never grow.

Spec: docs/spec/link.md section 6. A sender sends only what the receiver granted; data
beyond that closes the stream, and a stream that nobody reads holds at most one window.
Each side closes a stream exactly once, and it counts until its owner here has let go.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from zentalk.errors import DecodeError, LocalProtocolError, RefusedError
from zentalk.ids import NodeId
from zentalk.link.events import (
    StreamAccepted,
    StreamClosed,
    StreamEvent,
    StreamReadable,
    StreamRefused,
    StreamRequested,
    StreamWritable,
)
from zentalk.link.outbox import UNLIMITED, Account, FrameQueue
from zentalk.wire.frames import (
    Close,
    Credit,
    Data,
    Frame,
    Open,
    Opened,
    Refused,
    encode_frame,
)

WINDOW_BYTES: Final = 65_536
"""Credit of a new stream, and the most that waits unread."""
GRANT_BYTES: Final = WINDOW_BYTES // 4
"""Credit is granted in steps of at least this, not with every read."""
CLIENT_STREAMS: Final = 8
RELAY_STREAMS: Final = 4_096
FLOWS_PER_STREAM: Final = 4
"""Streams that are gone may still have a last frame to send: so many flows for each that
may be open. Whoever opens and closes more without reading is cut off."""
_MAX_STREAM_ID: Final = 2**32 - 1
_QUEUE_BYTES: Final = 16 * WINDOW_BYTES
"""Bound of a stream's flow; one window of data in the smallest pieces stays below it."""


class StreamState(Enum):
    """The states of a stream; see `docs/spec/link.md` section 6.2."""

    ASKED = "we sent Open"
    OFFERED = "the peer sent Open"
    ABANDONED = "we sent Open and no longer want it: closed as soon as it is answered"
    OPEN = "both may send"
    CLOSED_BY_US = "we sent Close, the peer has not"
    CLOSED_BY_PEER = "both sent Close, but our owner has not let go"


_IN_USE: Final = frozenset((StreamState.OPEN, StreamState.CLOSED_BY_US))
_UNANSWERED: Final = frozenset((StreamState.ASKED, StreamState.ABANDONED))


class _Stream:
    __slots__ = ("cell_bytes", "consumed", "credit", "granted", "received", "state")

    def __init__(self, state: StreamState, cell_bytes: int, credit: int) -> None:
        self.state = state
        self.cell_bytes = cell_bytes
        self.credit = credit
        self.granted = WINDOW_BYTES
        self.consumed = 0
        self.received = bytearray()


class StreamTable:
    """All streams of one link, at one of its ends.

    `piece_bytes` is the most that one Data frame carries here, `peer_limit` how many
    streams the peer may have opened at a time, `own_limit` how many we may.
    """

    def __init__(
        self,
        outbox: FrameQueue,
        *,
        initiator: bool,
        piece_bytes: int,
        own_limit: int,
        peer_limit: int,
        account: Account = UNLIMITED,
    ) -> None:
        self._outbox = outbox
        self._account = account
        self._piece_bytes = piece_bytes
        self._streams: dict[int, _Stream] = {}
        self._own_parity = 1 if initiator else 0
        self._next_id = 1 if initiator else 2
        self._last_peer_id = 0
        self._limits = {True: own_limit, False: peer_limit}
        self._counts = {True: 0, False: 0}
        self.overrun = False
        """The peer makes us answer more than it takes away: the link has to end."""

    def __len__(self) -> int:
        return len(self._streams)

    def is_open(self, stream_id: int) -> bool:
        """Whether a stream can be written to."""
        stream = self._streams.get(stream_id)
        return stream is not None and stream.state is StreamState.OPEN

    # What our side does.

    def open(self, node_id: NodeId | None, cell_bytes: int) -> int:
        """Ask for a stream and return its id.

        Raises RefusedError("busy") if the link carries as many as it may.
        """
        if self._counts[True] >= self._limits[True]:
            raise RefusedError("busy", "this link carries as many streams as it may")
        stream_id = self._next_id
        if stream_id > _MAX_STREAM_ID:
            raise RefusedError("busy", "this link has used up its stream ids")
        self._next_id += 2
        self._add(stream_id, _Stream(StreamState.ASKED, cell_bytes, 0))
        self._send(Open(stream_id, node_id, cell_bytes, WINDOW_BYTES))
        return stream_id

    def accept(self, stream_id: int) -> None:
        """Accept a stream that the peer asked for; nothing if it is gone already."""
        stream = self._streams.get(stream_id)
        if stream is None or stream.state is not StreamState.OFFERED:
            return
        stream.state = StreamState.OPEN
        self._send(Opened(stream_id, WINDOW_BYTES))

    def refuse(self, stream_id: int, reason: str) -> None:
        """Decline a stream that the peer asked for; nothing if it is gone already."""
        stream = self._streams.get(stream_id)
        if stream is not None and stream.state is StreamState.OFFERED:
            self._remove(stream_id)
            self._send(Refused(stream_id, reason))

    def close(self, stream_id: int, reason: str = "done") -> None:
        """Let go of a stream and drop what was not read; nothing if that was done before."""
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        if stream.state is StreamState.OFFERED:
            self.refuse(stream_id, reason)
        elif stream.state is StreamState.CLOSED_BY_PEER:
            self._remove(stream_id)
        elif stream.state is StreamState.ASKED:
            # A Close now could cross a Refused, and name a stream that is gone.
            stream.state = StreamState.ABANDONED
        elif stream.state is StreamState.OPEN:
            stream.state = StreamState.CLOSED_BY_US
            self._drop_received(stream)
            self._send(Close(stream_id, reason))

    def write(self, stream_id: int, data: bytes) -> int:
        """Queue as much of `data` as credit allows and return how many bytes that was.

        Whole cells only, where the stream carries cells. Raises LocalProtocolError if
        the stream is not open.
        """
        stream = self._streams.get(stream_id)
        if stream is None or stream.state is not StreamState.OPEN:
            raise LocalProtocolError("this stream is not open")
        written = 0
        while written < len(data):
            size = self._next_piece(stream, len(data) - written)
            if size == 0:
                break
            self._send(Data(stream_id, data[written : written + size]))
            stream.credit -= size
            written += size
        return written

    def _next_piece(self, stream: _Stream, size: int) -> int:
        """Return how much of `size` bytes the next Data frame takes; 0 is to wait."""
        cell = stream.cell_bytes
        size = min(size, self._piece_bytes)
        if cell and size > cell:
            size -= size % cell
        if size <= stream.credit:
            return size
        if cell:
            return stream.credit - stream.credit % cell if size > cell else 0
        return stream.credit

    def read(self, stream_id: int, max_bytes: int) -> bytes | None:
        """Return up to `max_bytes`, None if nothing is there yet, b"" at the end.

        The peer gets credit for what was read.
        """
        stream = self._streams.get(stream_id)
        if stream is None or stream.state is StreamState.CLOSED_BY_US:
            return b""
        data = _take_bytes(stream, max_bytes)
        self._account.release(len(data))
        if stream.state is StreamState.CLOSED_BY_PEER:
            return data
        if not data:
            return None
        stream.consumed += len(data)
        if stream.consumed >= GRANT_BYTES:
            stream.granted += stream.consumed
            self._send(Credit(stream_id, stream.consumed))
            stream.consumed = 0
        return data

    # What the peer does.

    def receive(self, frame: Frame) -> StreamEvent | None:
        """Take a stream frame; raises DecodeError if it breaks the rules of all streams."""
        event = self._take(frame)
        self.check_overrun()
        return event

    def check_overrun(self) -> None:
        """Raise DecodeError if the peer makes us answer more than it takes away."""
        if self.overrun:
            raise DecodeError("a peer makes streams answer more than it takes away")

    def _take(self, frame: Frame) -> StreamEvent | None:
        if isinstance(frame, Data):
            return self._data(frame)
        if isinstance(frame, Credit):
            return self._credit(frame)
        if isinstance(frame, Open):
            return self._open(frame)
        if isinstance(frame, Opened):
            return self._opened(frame)
        if isinstance(frame, Refused):
            return self._refused(frame)
        if isinstance(frame, Close):
            return self._close(frame)
        raise LocalProtocolError("not a frame of a stream")

    def _data(self, frame: Data) -> StreamEvent | None:
        stream = self._in_use(frame.stream_id)
        size = len(frame.data)
        stream.granted -= size
        if stream.state is StreamState.CLOSED_BY_US:
            return None
        if stream.granted < 0:
            return self._cut(frame.stream_id, "credit")
        if not self._account.has_room(size):
            return self._cut(frame.stream_id, "memory")
        self._account.add(size)
        stream.received += frame.data
        return StreamReadable(frame.stream_id)

    def _cut(self, stream_id: int, reason: str) -> StreamEvent:
        """Close a stream for good: only this one pays, the others never notice."""
        self._outbox.drop(stream_id)
        self.close(stream_id, reason)
        return StreamClosed(stream_id, reason)

    def _credit(self, frame: Credit) -> StreamEvent | None:
        stream = self._in_use(frame.stream_id)
        stream.credit += frame.credit_bytes
        if frame.credit_bytes == 0 or stream.credit > WINDOW_BYTES:
            raise DecodeError("a stream is granted no credit, or too much")
        return StreamWritable(frame.stream_id) if stream.state is StreamState.OPEN else None

    def _open(self, frame: Open) -> StreamEvent | None:
        stream_id = frame.stream_id
        if self._is_own(stream_id) or stream_id <= self._last_peer_id:
            raise DecodeError("a stream is opened under an id that cannot be new")
        if frame.credit_bytes > WINDOW_BYTES:
            raise DecodeError("a stream is granted too much credit")
        self._last_peer_id = stream_id
        if self._counts[False] >= self._limits[False]:
            self._send(Refused(stream_id, "busy"))
            return None
        self._add(stream_id, _Stream(StreamState.OFFERED, frame.cell_bytes, frame.credit_bytes))
        return StreamRequested(frame)

    def _opened(self, frame: Opened) -> StreamEvent | None:
        stream = self._asked(frame.stream_id)
        if frame.credit_bytes > WINDOW_BYTES:
            raise DecodeError("a stream is granted too much credit")
        stream.credit = frame.credit_bytes
        if stream.state is StreamState.ABANDONED:
            stream.state = StreamState.CLOSED_BY_US
            self._send(Close(frame.stream_id, "gone"))
            return None
        stream.state = StreamState.OPEN
        return StreamAccepted(frame.stream_id)

    def _refused(self, frame: Refused) -> StreamEvent | None:
        stream = self._asked(frame.stream_id)
        self._remove(frame.stream_id)
        if stream.state is StreamState.ABANDONED:
            return None
        return StreamRefused(frame.stream_id, frame.reason)

    def _close(self, frame: Close) -> StreamEvent | None:
        stream = self._in_use(frame.stream_id)
        if stream.state is StreamState.CLOSED_BY_US:
            self._remove(frame.stream_id)
            return None
        stream.state = StreamState.CLOSED_BY_PEER
        self._send(Close(frame.stream_id, "done"))
        return StreamClosed(frame.stream_id, frame.reason)

    # Bookkeeping.

    def _in_use(self, stream_id: int) -> _Stream:
        """Return a stream that the peer may use: opened, and not closed by it."""
        stream = self._streams.get(stream_id)
        if stream is None or stream.state not in _IN_USE:
            raise DecodeError("a frame names a stream that is not open")
        return stream

    def _asked(self, stream_id: int) -> _Stream:
        """Return a stream of ours that the peer has not answered yet."""
        stream = self._streams.get(stream_id)
        if stream is None or stream.state not in _UNANSWERED:
            raise DecodeError("an answer to a stream that was not asked for")
        return stream

    def _is_own(self, stream_id: int) -> bool:
        return stream_id % 2 == self._own_parity

    def _add(self, stream_id: int, stream: _Stream) -> None:
        self._streams[stream_id] = stream
        self._counts[self._is_own(stream_id)] += 1

    def release(self) -> None:
        """Drop what was received and not read: the link has ended."""
        for stream in self._streams.values():
            self._drop_received(stream)

    def _drop_received(self, stream: _Stream) -> None:
        self._account.release(len(stream.received))
        stream.received = bytearray()

    def _remove(self, stream_id: int) -> None:
        self._drop_received(self._streams.pop(stream_id))
        self._counts[self._is_own(stream_id)] -= 1

    def _send(self, frame: Open | Opened | Refused | Data | Credit | Close) -> None:
        # One flow for all frames of a stream keeps Open, Data and Close in order. Whoever is
        # sending or closing here is not at fault, so it is the link's reader that raises.
        if not self._outbox.put(frame.stream_id, encode_frame(frame), _QUEUE_BYTES):
            self.overrun = True


def _take_bytes(stream: _Stream, max_bytes: int) -> bytes:
    """Remove up to `max_bytes` of what was received; whole cells if there are several."""
    cell = stream.cell_bytes
    if cell and max_bytes > cell:
        max_bytes -= max_bytes % cell
    received = stream.received
    if len(received) <= max_bytes:
        stream.received = bytearray()
        return bytes(received)
    data = bytes(received[:max_bytes])
    del received[:max_bytes]
    return data
