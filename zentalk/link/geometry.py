"""Sizes of what a link puts on the wire, and how cells nest inside each other.

Spec: docs/spec/link.md section 3. A link of a client carries units of two sizes only;
a link inside a link carries cells, each of which fills exactly one unit or cell of
the link outside.
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto.aead import TAG_BYTES
from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.wire.frames import (
    DATA_OVERHEAD_BYTES,
    FRAME_HEADER_BYTES,
    PACKET_LARGE_BYTES,
    PACKET_SMALL_BYTES,
)

UNIT_MARGIN_BYTES: Final = 64
"""Bytes that a unit adds to a packet: class 1, frame header 4, tag 16, and room to nest."""
UNIT_SMALL_BYTES: Final = PACKET_SMALL_BYTES + UNIT_MARGIN_BYTES
UNIT_LARGE_BYTES: Final = PACKET_LARGE_BYTES + UNIT_MARGIN_BYTES

CLASS_SMALL: Final = 1
CLASS_LARGE: Final = 2
UNIT_OVERHEAD_BYTES: Final = 1 + TAG_BYTES
"""Class byte and tag of one unit or cell."""

MAX_DEPTH: Final = 3
"""Links inside links: a tunnel has at most three ends, and needs two."""
_NEST_BYTES: Final = UNIT_OVERHEAD_BYTES + DATA_OVERHEAD_BYTES

MAX_RECORD_BYTES: Final = 131_072
"""Largest sealed record of a relay link: bounds what a reader holds of a partial one."""
RECORD_HEADER_BYTES: Final = 3
MAX_FRAME_BYTES: Final = FRAME_HEADER_BYTES + PACKET_LARGE_BYTES
DRAIN_BYTES: Final = MAX_RECORD_BYTES - TAG_BYTES - MAX_FRAME_BYTES
"""A drain stops at the first frame that reaches this, so it always fits one record."""


def cell_bytes(depth: int) -> int:
    """Return the size of a small unit at a depth: 0 is a client's own link.

    Raises LocalProtocolError for a depth that links do not nest to.
    """
    if not 0 <= depth <= MAX_DEPTH:
        raise LocalProtocolError(f"links nest to depth {MAX_DEPTH}")
    return UNIT_SMALL_BYTES - depth * _NEST_BYTES


def depth_of(size_bytes: int) -> int:
    """Return the depth whose cells have that size; raises DecodeError if there is none."""
    depth, rest = divmod(UNIT_SMALL_BYTES - size_bytes, _NEST_BYTES)
    if rest or not 1 <= depth <= MAX_DEPTH:
        raise DecodeError("a stream is to carry cells of a size that no tunnel has")
    return depth
