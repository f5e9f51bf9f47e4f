"""All packet arithmetic, in one object per packet class; no other file adds up offsets.

Spec: docs/spec/onion.md sections 2, 4 and 8. Nothing here touches packet bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from zentalk.errors import LocalProtocolError
from zentalk.ids import SEND_ID_BYTES
from zentalk.wire.packet_class import PacketClass

SUITE: Final = 0x01
"""X25519, SHAKE256 and ChaCha20-Poly1305."""

AAD_BYTES: Final = 2
"""Suite and epoch byte: what each layer authenticates in the clear."""
CT_BYTES: Final = 32
"""The key encapsulation of a hop: for this suite an ephemeral X25519 public key."""
TAG_BYTES: Final = 16
BODY_OFFSET: Final = AAD_BYTES + CT_BYTES
HEADER_BYTES: Final = 56 + CT_BYTES
"""Bytes that one forwarding hop takes off the body, and so also the pad that it puts on."""
DELIVERY_HEADER_BYTES: Final = 44
"""The last hop's header has no next ct and tag, but a payload length."""

DEFAULT_HOPS: Final = 4
SHORT_HOPS: Final = 3
"""Hops of a packet in a network that is too small for more."""
ACK_HOPS: Final = 3
"""Hops of a compact ack, however many the packet has that carries it: they decide its size."""
MAX_HOPS: Final = 5

TOKEN_BYTES: Final = 32
ACK_PAYLOAD_BYTES: Final = SEND_ID_BYTES + TOKEN_BYTES
ACK_SEED_BYTES: Final = 12
"""It only hides from an ack's first relay that the packet is an ack (spec section 8)."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """The sizes of one packet class, all in bytes.

    `packet_bytes` is the size on the wire at every hop. Methods that take `hops` raise
    LocalProtocolError outside 1..MAX_HOPS.
    """

    packet_class: PacketClass
    packet_bytes: int
    body_bytes: int = field(init=False)
    """The encrypted body without its tag."""
    rest_bytes: int = field(init=False)
    """A body without its forwarding header; a pad makes it whole again."""
    capacities: tuple[int, ...] = field(init=False)
    """The longest payload by number of hops; there is no path of 0 hops."""

    def __post_init__(self) -> None:
        """Compute once what every packet needs."""
        body_bytes = self.packet_bytes - BODY_OFFSET - TAG_BYTES
        object.__setattr__(self, "body_bytes", body_bytes)
        object.__setattr__(self, "rest_bytes", body_bytes - HEADER_BYTES)
        capacities = tuple(self.capacity(hops) for hops in range(1, MAX_HOPS + 1))
        object.__setattr__(self, "capacities", (0, *capacities))

    def front_bytes(self, hops: int) -> int:
        """The part of the last hop's plaintext that the sender chooses."""
        return self.body_bytes - _pads(hops)

    def capacity(self, hops: int) -> int:
        """The longest payload over that many hops."""
        return self.front_bytes(hops) - DELIVERY_HEADER_BYTES

    def ack_head_bytes(self, hops: int) -> int:
        """The start of a compact ack's body that the seed does not give."""
        return _pads(hops) + DELIVERY_HEADER_BYTES + ACK_PAYLOAD_BYTES

    def ack_filler_bytes(self, hops: int) -> int:
        """The rest of a compact ack's body, stretched from the seed."""
        return self.body_bytes - self.ack_head_bytes(hops)

    def ack_blob_bytes(self, hops: int) -> int:
        """A compact ack as it is carried inside a deposit."""
        return BODY_OFFSET + self.ack_head_bytes(hops) + TAG_BYTES + ACK_SEED_BYTES


def _pads(hops: int) -> int:
    if not 1 <= hops <= MAX_HOPS:
        raise LocalProtocolError(f"a path has 1 to {MAX_HOPS} hops")
    return HEADER_BYTES * (hops - 1)


GEOMETRIES: Final = {one: Geometry(one, one.packet_bytes) for one in PacketClass}
"""The geometry of each packet class."""
SMALL: Final = GEOMETRIES[PacketClass.SMALL]
LARGE: Final = GEOMETRIES[PacketClass.LARGE]

CLASSES: Final = {geometry.packet_bytes: geometry for geometry in GEOMETRIES.values()}
"""Every size that a packet may have on the wire, with its geometry."""

ACK_BLOB_BYTES: Final = SMALL.ack_blob_bytes(ACK_HOPS)
