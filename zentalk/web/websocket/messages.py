"""Messages of one WebSocket: whole ones out of the bytes that arrive, and bytes for ours."""

from __future__ import annotations

from typing import Final, NamedTuple

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage

MAX_MESSAGE_BYTES: Final = 1024 * 1024
"""The largest message, in however many frames, unless a server says otherwise; beyond it the socket
is closed with 1009."""
TOO_BIG: Final = 1009
CUT: Final = 1006
"""The close code of a connection that ended without one."""


class Closed(NamedTuple):
    """The way in which a WebSocket was closed."""

    code: int
    reason: str


class Arrived(NamedTuple):
    """The result of some bytes: whole messages, bytes to send now, and whether that was the end."""

    messages: list[str | bytes]
    reply: bytes
    closed: Closed | None
    frames: int = 0
    """The number of frames that ended in these bytes; after the end they are not counted."""


class MessageAssembler:
    """Frames of one WebSocket on the server's side, after the handshake."""

    def __init__(self, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._max_bytes = max_message_bytes
        self._frames = Connection(ConnectionType.SERVER)
        self._begun = bytearray()
        """The part of a message that is not whole yet, text as UTF-8."""

    @property
    def is_open(self) -> bool:
        """Whether messages can still be sent."""
        return self._frames.state is ConnectionState.OPEN

    def arrived(self, data: bytes) -> Arrived:
        """Take bytes from the peer. Nothing is taken after the end."""
        messages: list[str | bytes] = []
        reply, frames = b"", 0
        self._frames.receive_data(data)
        for event in self._frames.events():
            frames += getattr(event, "frame_finished", True)
            if isinstance(event, Ping):
                reply += self._sent(event.response())
            elif isinstance(event, CloseConnection):
                return Arrived(messages, reply + self._answer_close(event), _closed_by(event))
            elif isinstance(event, TextMessage | BytesMessage):
                whole = self._joined(event)
                if len(self._begun) > self._max_bytes:
                    return self._too_big(messages, reply)
                if whole is not None:
                    messages.append(whole)
        return Arrived(messages, reply, None, frames)

    def message(self, content: str | bytes) -> bytes:
        """Return the bytes of a message."""
        event = TextMessage(content) if isinstance(content, str) else BytesMessage(content)
        return self._sent(event)

    def ping(self) -> bytes:
        """Return the bytes of a ping, which every peer answers."""
        return self._sent(Ping())

    def close(self, code: int, reason: str) -> bytes:
        """Return the bytes that close, nothing if that was said already."""
        return self._sent(CloseConnection(code=code, reason=reason))

    def _sent(self, event: Event) -> bytes:
        if not self.is_open:
            return b""
        return bytes(self._frames.send(event))

    def _joined(self, event: TextMessage | BytesMessage) -> str | bytes | None:
        """Add a part; return the message when it is whole and not too large."""
        self._begun += event.data.encode() if isinstance(event.data, str) else event.data
        if not event.message_finished or len(self._begun) > self._max_bytes:
            return None
        content = bytes(self._begun)
        self._begun.clear()
        return content.decode() if isinstance(event.data, str) else content

    def _too_big(self, messages: list[str | bytes], reply: bytes) -> Arrived:
        reason = f"a message is larger than {self._max_bytes} bytes"
        return Arrived(messages, reply + self.close(TOO_BIG, reason), Closed(TOO_BIG, reason))

    def _answer_close(self, event: CloseConnection) -> bytes:
        if self._frames.state is ConnectionState.REMOTE_CLOSING:
            return bytes(self._frames.send(event.response()))
        return self._sent(CloseConnection(code=event.code, reason=event.reason))


def _closed_by(event: CloseConnection) -> Closed:
    return Closed(int(event.code), event.reason or "")
