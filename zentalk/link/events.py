"""The reports of a link to the program around it.

Packets are reported as the `Packet` frame itself; everything else as one of these. No
repr shows what a peer said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from zentalk.link.hello import LinkPeer
from zentalk.wire.frames import Open, Packet


@dataclass(frozen=True, slots=True)
class LinkOpened:
    """The handshake is done and the peer known; `handshake_hash` is 64 bytes."""

    peer: LinkPeer
    handshake_hash: bytes


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """The peer sent a request; respond with the same `call_id`."""

    call_id: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ResponseReceived:
    """The response came to a request of ours that still waits."""

    call_id: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotifyReceived:
    """The peer told something and expects no response."""

    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class StreamRequested:
    """The peer asks for a stream: accept or refuse it."""

    request: Open


@dataclass(frozen=True, slots=True)
class StreamAccepted:
    """A stream that we asked for can be used."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class StreamRefused:
    """A stream that we asked for was declined."""

    stream_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class StreamReadable:
    """More bytes of a stream wait to be read."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class StreamWritable:
    """The peer gave more credit on a stream."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class StreamClosed:
    """The peer closed a stream, or broke its rules; what came before can still be read."""

    stream_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class PeerLeft:
    """The peer ends the link, and says why in a word."""

    reason: str


StreamEvent: TypeAlias = (
    StreamRequested
    | StreamAccepted
    | StreamRefused
    | StreamReadable
    | StreamWritable
    | StreamClosed
)
Event: TypeAlias = (
    LinkOpened
    | Packet
    | RequestReceived
    | ResponseReceived
    | NotifyReceived
    | PeerLeft
    | StreamEvent
)
