"""The two classes of packets: everything that a sender makes is of one size or the other.

Spec: docs/spec/onion.md section 2. Geometries, envelopes, ratchet messages and polls each derive
their own sizes from the class; code passes the class itself, never a flag.
"""

from __future__ import annotations

from enum import Enum


class PacketClass(Enum):
    """Class S carries messages, acknowledgements and cover; class L carries long messages."""

    SMALL = ("S", 2_560)
    LARGE = ("L", 33_792)

    def __init__(self, letter: str, packet_bytes: int) -> None:
        self.letter = letter
        """The name of the class in the specification."""
        self.packet_bytes = packet_bytes
        """The size of its packets on the wire, at every hop."""

    @property
    def is_large(self) -> bool:
        """Tell whether this is class L; for what is a boolean on the wire."""
        return self is PacketClass.LARGE
