"""What an outer seal holds: a ratchet envelope, after an initial header or alone.

Spec: docs/spec/end-to-end.md section 5. Both forms fill the envelope of a packet class
exactly, so that a relay cannot tell a first message from a later one.

    outer seal   salt or ephemeral key 32 | sealed inner | tag 16
    inner        kind 1 | [initial header 1,170] | ratchet envelope
"""

from __future__ import annotations

from typing import Final, NamedTuple

from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.wire.deposit import ENVELOPE_LARGE_BYTES, ENVELOPE_SMALL_BYTES
from zentalk.wire.packet_class import PacketClass
from zentalk.wire.ratchet import INITIAL_HEADER_BYTES

SEAL_FRONT_BYTES: Final = 32
SEAL_OVERHEAD_BYTES: Final = SEAL_FRONT_BYTES + 16
INNER_SMALL_BYTES: Final = ENVELOPE_SMALL_BYTES - SEAL_OVERHEAD_BYTES
INNER_LARGE_BYTES: Final = ENVELOPE_LARGE_BYTES - SEAL_OVERHEAD_BYTES
_SIZES: Final = {
    PacketClass.SMALL: INNER_SMALL_BYTES,
    PacketClass.LARGE: INNER_LARGE_BYTES,
}
_ALONE: Final = 0
_FIRST: Final = 1


class Inner(NamedTuple):
    """A ratchet envelope; `initial_header` is empty unless the session is new."""

    initial_header: bytes
    ratchet_envelope: bytes


def inner_class(data: bytes) -> PacketClass:
    """Return the class of packets that an inner fills, once it is sealed.

    Raises LocalProtocolError if the inner has not exactly one of the two constant sizes.
    """
    for packet_class, size in _SIZES.items():
        if len(data) == size:
            return packet_class
    raise LocalProtocolError("an envelope's content has not the size of a packet class")


def ratchet_bytes(*, first: bool, packet_class: PacketClass) -> int:
    """Return the exact length of the ratchet envelope of a form and class."""
    return _SIZES[packet_class] - 1 - (INITIAL_HEADER_BYTES if first else 0)


def encode_inner(inner: Inner) -> bytes:
    """Join kind, header and envelope."""
    kind = _FIRST if inner.initial_header else _ALONE
    return bytes([kind]) + inner.initial_header + inner.ratchet_envelope


def decode_inner(data: bytes) -> Inner:
    """Split an inner; raises DecodeError on a wrong length or kind."""
    if len(data) not in (INNER_SMALL_BYTES, INNER_LARGE_BYTES):
        raise DecodeError("an envelope's content has not the size of a packet class")
    if data[0] == _ALONE:
        return Inner(b"", data[1:])
    if data[0] == _FIRST:
        end = 1 + INITIAL_HEADER_BYTES
        return Inner(data[1:end], data[end:])
    raise DecodeError("an envelope's content is of a kind that this version does not know")
