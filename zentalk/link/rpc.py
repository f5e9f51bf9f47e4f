"""Requests, responses and notifications as pieces, and back, within bounds.

Spec: docs/spec/link.md section 8. Bodies are opaque here. One message is sent whole
before the next begins, so a receiver holds at most one unfinished message per link. On
links of clients and in tunnels a message is padded to 1, 4, 16 or 64 cells or a
multiple of 64, so that its size says little; a long one on a client's own link goes in
large units, four or a multiple of four of them.
"""

from __future__ import annotations

from typing import Final

from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.link.events import NotifyReceived, RequestReceived, ResponseReceived
from zentalk.link.geometry import MAX_FRAME_BYTES
from zentalk.wire.frames import RPC_NOTIFY, RPC_OVERHEAD_BYTES, RPC_REQUEST, RPC_RESPONSE, Rpc
from zentalk.wire.rpc import MAX_CALL_BYTES, MAX_RESPONSE_BYTES

LENGTH_BYTES: Final = 4
"""A message begins with the length of its body; fill follows the body."""
_BUCKETS: Final = (1, 4, 16, 64)
LARGE_PIECE_BYTES: Final = MAX_FRAME_BYTES - RPC_OVERHEAD_BYTES
"""A piece that fills a large unit."""
_LARGE_STEP: Final = 4
LONG_CELLS: Final = 16
"""A message that takes more cells than this is a long one."""
_MAX_CALL_ID: Final = 2**32 - 1
_LIMITS: Final = {
    RPC_REQUEST: MAX_CALL_BYTES,
    RPC_RESPONSE: MAX_RESPONSE_BYTES,
    RPC_NOTIFY: MAX_CALL_BYTES,
}


def padded_cells(cells: int) -> int:
    """Return how many cells a message that needs `cells` takes."""
    for bucket in _BUCKETS:
        if cells <= bucket:
            return bucket
    return -(-cells // _BUCKETS[-1]) * _BUCKETS[-1]


def _padded_bytes(length: int, piece_bytes: int) -> int:
    """Return how long a message of `length` bytes is with its fill, in pieces of one size."""
    pieces = -(-length // piece_bytes)
    if piece_bytes == LARGE_PIECE_BYTES:
        return -(-pieces // _LARGE_STEP) * _LARGE_STEP * piece_bytes
    return padded_cells(pieces) * piece_bytes


def split_message(
    kind: int, call_id: int, body: bytes, piece_bytes: int, *, padded: bool
) -> list[Rpc]:
    """Cut a message into frames of `piece_bytes` each (the last one may be shorter).

    With `padded`, every piece has that size and their number is one of the buckets; of large pieces
    it is a multiple of four.
    Raises LocalProtocolError if the body exceeds the limit of its kind.
    """
    if len(body) > _LIMITS[kind]:
        raise LocalProtocolError("a call or response is longer than a link carries")
    whole = len(body).to_bytes(LENGTH_BYTES, "big") + body
    if padded:
        whole = whole.ljust(_padded_bytes(len(whole), piece_bytes), b"\0")
    starts = range(0, len(whole), piece_bytes)
    return [
        Rpc(kind, call_id, start + piece_bytes >= len(whole), whole[start : start + piece_bytes])
        for start in starts
    ]


class _Partial:
    """A message whose pieces are still arriving; keeps no fill, and nothing unwanted."""

    __slots__ = ("_body", "_body_left", "_left", "_wanted", "call_id", "kind")

    def __init__(self, first: Rpc, *, wanted: bool, padded: bool) -> None:
        if len(first.data) < LENGTH_BYTES:
            raise DecodeError("a message does not begin with its length")
        length = int.from_bytes(first.data[:LENGTH_BYTES], "big")
        if length > _LIMITS[first.kind]:
            raise DecodeError("a message is longer than its kind may be")
        self.kind, self.call_id = first.kind, first.call_id
        self._left = length + LENGTH_BYTES
        if padded:
            self._left = _padded_bytes(self._left, len(first.data))
        self._left -= LENGTH_BYTES
        self._body_left = length
        self._wanted = wanted
        self._body = bytearray()
        self.add(first.data[LENGTH_BYTES:])

    @property
    def held_bytes(self) -> int:
        """The bytes of the message that are here."""
        return len(self._body)

    def add(self, data: bytes) -> None:
        """Take the next piece; raises DecodeError if it holds more than was announced."""
        self._left -= len(data)
        if self._left < 0:
            raise DecodeError("a message is longer than its beginning says")
        body = data[: self._body_left]
        self._body_left -= len(body)
        if data.count(0, len(body)) != len(data) - len(body):
            raise DecodeError("the fill of a message is not zero")
        if self._wanted:
            self._body += body

    def finish(self) -> bytes | None:
        """Return the body, or None if nobody waits for it; raises DecodeError if cut off."""
        if self._left:
            raise DecodeError("a message is shorter than its beginning says")
        return bytes(self._body) if self._wanted else None


class Calls:
    """The calls of one link: numbers for our requests, one unfinished message at most."""

    __slots__ = ("_next_id", "_padded", "_partial", "_waiting")

    def __init__(self, *, padded: bool) -> None:
        self._padded = padded
        self._next_id = 0
        self._waiting: set[int] = set()
        self._partial: _Partial | None = None

    @property
    def held_bytes(self) -> int:
        """The bytes held of an unfinished message."""
        return 0 if self._partial is None else self._partial.held_bytes

    def new_request(self) -> int:
        """Return the id of a new request, which now waits for its response."""
        call_id = self._next_id
        if call_id > _MAX_CALL_ID:
            raise LocalProtocolError("a link has sent all the requests it may")
        self._next_id += 1
        self._waiting.add(call_id)
        return call_id

    def forget(self, call_id: int) -> None:
        """Nobody waits for that response any more; one that still comes is dropped."""
        self._waiting.discard(call_id)

    def receive(self, frame: Rpc) -> RequestReceived | ResponseReceived | NotifyReceived | None:
        """Take one piece; returns the message when it is complete and wanted.

        Raises DecodeError if the piece breaks the rules.
        """
        partial = self._partial
        if partial is None:
            partial = _Partial(frame, wanted=self._wants(frame), padded=self._padded)
        elif (frame.kind, frame.call_id) != (partial.kind, partial.call_id):
            raise DecodeError("two messages are mixed")
        else:
            partial.add(frame.data)
        self._partial = None if frame.last else partial
        body = partial.finish() if frame.last else None
        return None if body is None else self._event(frame, body)

    def _wants(self, frame: Rpc) -> bool:
        if frame.kind != RPC_RESPONSE:
            return True
        if frame.call_id >= self._next_id:
            raise DecodeError("a response to a request that was not sent")
        return frame.call_id in self._waiting

    def _event(
        self, frame: Rpc, body: bytes
    ) -> RequestReceived | ResponseReceived | NotifyReceived | None:
        if frame.kind == RPC_REQUEST:
            return RequestReceived(frame.call_id, body)
        if frame.kind == RPC_NOTIFY:
            return NotifyReceived(body)
        if frame.call_id not in self._waiting:
            return None
        self._waiting.discard(frame.call_id)
        return ResponseReceived(frame.call_id, body)
