"""Frames: the units that two neighbours exchange inside the records of one link.

Spec: docs/spec/link.md section 5. A frame is a type byte, a 3-byte length and a
payload; several frames share a record, and the rest of a record may be zeros. Parsing
is strict: what `parse_frames` accepts is exactly what `encode_frame` writes. What a
frame means is for zentalk.link; this module must never keep state.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

from zentalk.crypto.ed25519 import SIGNATURE_BYTES
from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.ids import NODE_ID_BYTES, NodeId
from zentalk.wire.descriptor import MAX_DESCRIPTOR_BYTES
from zentalk.wire.packet_class import PacketClass

PACKET_SMALL_BYTES: Final = PacketClass.SMALL.packet_bytes
PACKET_LARGE_BYTES: Final = PacketClass.LARGE.packet_bytes

FRAME_HEADER_BYTES: Final = 4
DATA_OVERHEAD_BYTES: Final = FRAME_HEADER_BYTES + 4
"""Frame header and stream id: what carrying a piece of a stream costs."""
RPC_OVERHEAD_BYTES: Final = FRAME_HEADER_BYTES + 5
"""Frame header, kind and call id: what carrying a piece of a call costs."""
MAX_PAYLOAD_BYTES: Final = 2**24 - 1
ACCESS_PROOF_BYTES: Final = 32

RPC_REQUEST: Final = 0
RPC_RESPONSE: Final = 1
RPC_NOTIFY: Final = 2
_RPC_LAST: Final = 0x80
_U32_BYTES: Final = 4
_PAD: Final = 0
_REASON: Final = re.compile(rb"[a-z][a-z-]{0,31}")


@dataclass(frozen=True, slots=True)
class Hello:
    """First frame of the initiator: a relay's descriptor and proof, or empty for a client.

    A client that holds an access token of the relay shows a `proof` of it.
    """

    TYPE: ClassVar[int] = 1
    descriptor: bytes = b""
    signature: bytes = b""
    proof: bytes = b""

    def payload(self) -> bytes:
        """Return kind 1 | for a relay: signature 64, descriptor; of a token: proof 32."""
        if self.descriptor:
            return b"\1" + self.signature + self.descriptor
        return b"\2" + self.proof if self.proof else b"\0"

    @classmethod
    def parse(cls, data: bytes) -> Hello:
        """Read a payload; raises DecodeError."""
        if data == b"\0":
            return cls()
        if data[:1] == b"\2" and len(data) == 1 + ACCESS_PROOF_BYTES:
            return cls(proof=data[1:])
        start = 1 + SIGNATURE_BYTES
        if data[:1] != b"\1" or not start < len(data) <= start + MAX_DESCRIPTOR_BYTES:
            raise DecodeError("a hello is malformed")
        return cls(descriptor=data[start:], signature=data[1:start])


@dataclass(frozen=True, slots=True)
class Packet:
    """One onion packet of class S or L."""

    TYPE: ClassVar[int] = 2
    packet: bytes

    def payload(self) -> bytes:
        """Return the packet as it is."""
        return self.packet

    @classmethod
    def parse(cls, data: bytes) -> Packet:
        """Read a payload; raises DecodeError unless it has the size of a class."""
        if len(data) not in (PACKET_SMALL_BYTES, PACKET_LARGE_BYTES):
            raise DecodeError("a packet has not the size of a class")
        return cls(data)


@dataclass(frozen=True, slots=True)
class Open:
    """Asks for a stream to a relay, or to the receiver itself when `node_id` is None.

    `cell_bytes` is the size of the cells the stream will carry, `credit_bytes` what
    the other side may send before it gets more credit.
    """

    TYPE: ClassVar[int] = 3
    stream_id: int
    node_id: NodeId | None
    cell_bytes: int
    credit_bytes: int

    def payload(self) -> bytes:
        """Return stream id 4 | cell size 2 | credit 4 | nothing or node id 32."""
        head = _u32(self.stream_id) + self.cell_bytes.to_bytes(2, "big") + _u32(self.credit_bytes)
        return head + (self.node_id or b"")

    @classmethod
    def parse(cls, data: bytes) -> Open:
        """Read a payload; raises DecodeError."""
        if len(data) not in (10, 10 + NODE_ID_BYTES):
            raise DecodeError("an open frame is malformed")
        node_id = NodeId(data[10:]) if len(data) > 10 else None
        return cls(_int(data[:4]), node_id, _int(data[4:6]), _int(data[6:10]))


@dataclass(frozen=True, slots=True)
class Opened:
    """Accepts a stream; `credit_bytes` as in `Open`."""

    TYPE: ClassVar[int] = 4
    stream_id: int
    credit_bytes: int

    def payload(self) -> bytes:
        """Return stream id 4 | credit 4."""
        return _u32(self.stream_id) + _u32(self.credit_bytes)

    @classmethod
    def parse(cls, data: bytes) -> Opened:
        """Read a payload; raises DecodeError."""
        return cls(*_two_u32(data))


@dataclass(frozen=True, slots=True)
class Refused:
    """Declines a stream; `reason` is a short word such as `busy`."""

    TYPE: ClassVar[int] = 5
    stream_id: int
    reason: str

    def payload(self) -> bytes:
        """Return stream id 4 | reason."""
        return _u32(self.stream_id) + _reason_bytes(self.reason)

    @classmethod
    def parse(cls, data: bytes) -> Refused:
        """Read a payload; raises DecodeError."""
        return cls(_int(data[:4]), _reason(data[4:]))


@dataclass(frozen=True, slots=True)
class Data:
    """The next bytes of a stream."""

    TYPE: ClassVar[int] = 6
    stream_id: int
    data: bytes

    def payload(self) -> bytes:
        """Return stream id 4 | data."""
        return _u32(self.stream_id) + self.data

    @classmethod
    def parse(cls, data: bytes) -> Data:
        """Read a payload; raises DecodeError if it carries nothing."""
        if len(data) <= _U32_BYTES:
            raise DecodeError("a data frame carries nothing")
        return cls(_int(data[:4]), data[4:])


@dataclass(frozen=True, slots=True)
class Credit:
    """Lets the other side send that many more bytes on a stream."""

    TYPE: ClassVar[int] = 7
    stream_id: int
    credit_bytes: int

    def payload(self) -> bytes:
        """Return stream id 4 | credit 4."""
        return _u32(self.stream_id) + _u32(self.credit_bytes)

    @classmethod
    def parse(cls, data: bytes) -> Credit:
        """Read a payload; raises DecodeError."""
        return cls(*_two_u32(data))


@dataclass(frozen=True, slots=True)
class Close:
    """Ends both directions of a stream; each side sends it exactly once."""

    TYPE: ClassVar[int] = 8
    stream_id: int
    reason: str

    def payload(self) -> bytes:
        """Return stream id 4 | reason."""
        return _u32(self.stream_id) + _reason_bytes(self.reason)

    @classmethod
    def parse(cls, data: bytes) -> Close:
        """Read a payload; raises DecodeError."""
        return cls(_int(data[:4]), _reason(data[4:]))


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a Pong with the same number."""

    TYPE: ClassVar[int] = 9
    number: int

    def payload(self) -> bytes:
        """Return number 4."""
        return _u32(self.number)

    @classmethod
    def parse(cls, data: bytes) -> Ping:
        """Read a payload; raises DecodeError."""
        return cls(_one_u32(data))


@dataclass(frozen=True, slots=True)
class Pong:
    """Answers a Ping."""

    TYPE: ClassVar[int] = 10
    number: int

    def payload(self) -> bytes:
        """Return number 4."""
        return _u32(self.number)

    @classmethod
    def parse(cls, data: bytes) -> Pong:
        """Read a payload; raises DecodeError."""
        return cls(_one_u32(data))


@dataclass(frozen=True, slots=True)
class Rpc:
    """A piece of a request, response or notification; `last` marks the final one."""

    TYPE: ClassVar[int] = 11
    kind: int
    call_id: int
    last: bool
    data: bytes

    def payload(self) -> bytes:
        """Return kind 1 (bit 7: last) | call id 4 | data."""
        return bytes([self.kind | (_RPC_LAST if self.last else 0)]) + _u32(self.call_id) + self.data

    @classmethod
    def parse(cls, data: bytes) -> Rpc:
        """Read a payload; raises DecodeError."""
        if len(data) <= 1 + _U32_BYTES or data[0] & ~_RPC_LAST > RPC_NOTIFY:
            raise DecodeError("an rpc frame is malformed")
        return cls(data[0] & ~_RPC_LAST, _int(data[1:5]), bool(data[0] & _RPC_LAST), data[5:])


@dataclass(frozen=True, slots=True)
class Bye:
    """Ends the whole link, with a word that says why; what follows it is not read."""

    TYPE: ClassVar[int] = 12
    reason: str

    def payload(self) -> bytes:
        """Return the reason."""
        return _reason_bytes(self.reason)

    @classmethod
    def parse(cls, data: bytes) -> Bye:
        """Read a payload; raises DecodeError."""
        return cls(_reason(data))


Frame: TypeAlias = (
    Hello | Packet | Open | Opened | Refused | Data | Credit | Close | Ping | Pong | Rpc | Bye
)

_PARSERS: Final[dict[int, Callable[[bytes], Frame]]] = {
    kind.TYPE: kind.parse
    for kind in (Hello, Packet, Open, Opened, Refused, Data, Credit, Close, Ping, Pong, Rpc, Bye)
}


def encode_frame(frame: Frame) -> bytes:
    """Return type 1 | length 3 | payload; raises LocalProtocolError if a field is too large."""
    try:
        payload = frame.payload()
        return bytes([frame.TYPE]) + len(payload).to_bytes(3, "big") + payload
    except (OverflowError, ValueError) as error:
        raise LocalProtocolError("a frame's field is out of range") from error


def parse_frames(record: bytes) -> list[Frame]:
    """Return the frames of one opened record, without its padding.

    Raises DecodeError if a frame is malformed, unknown or cut off, or if padding holds
    anything but zeros.
    """
    frames: list[Frame] = []
    at, end = 0, len(record)
    while at < end:
        kind = record[at]
        if kind == _PAD:
            if record.count(0, at) != end - at:
                raise DecodeError("the padding of a record is not zero")
            break
        start = at + FRAME_HEADER_BYTES
        at = start + int.from_bytes(record[at + 1 : start], "big")
        if start > end or at > end:
            raise DecodeError("a frame is longer than its record")
        parser = _PARSERS.get(kind)
        if parser is None:
            raise DecodeError("a frame has a type that this version does not know")
        frames.append(parser(record[start:at]))
    return frames


def _u32(number: int) -> bytes:
    return number.to_bytes(_U32_BYTES, "big")


def _int(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _one_u32(data: bytes) -> int:
    if len(data) != _U32_BYTES:
        raise DecodeError("a frame has the wrong length")
    return _int(data)


def _two_u32(data: bytes) -> tuple[int, int]:
    if len(data) != 2 * _U32_BYTES:
        raise DecodeError("a frame has the wrong length")
    return _int(data[:_U32_BYTES]), _int(data[_U32_BYTES:])


def _reason(data: bytes) -> str:
    if not _REASON.fullmatch(data):
        raise DecodeError("a reason is not a short word")
    return data.decode("ascii")


def _reason_bytes(reason: str) -> bytes:
    data = reason.encode("ascii")
    if not _REASON.fullmatch(data):
        raise LocalProtocolError("a reason must be a short word of small letters and hyphens")
    return data
