"""A relay takes one layer off a packet (spec: docs/spec/onion.md section 6).

State changes only after the AEAD has succeeded. It never answers the sender, and never says more
about a refused packet than one word.
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto import x25519
from zentalk.crypto.aead import ZERO_NONCE, chacha_open
from zentalk.crypto.types import Entropy
from zentalk.errors import AuthenticationError
from zentalk.ids import Epoch
from zentalk.onion.errors import PacketRefusedError
from zentalk.onion.geometry import AAD_BYTES, BODY_OFFSET, CLASSES, HEADER_BYTES, SUITE
from zentalk.onion.mixkeys import KeySlot, MixKeys, accepted_epoch
from zentalk.onion.packet import Deliver, Forward, ForwardHeader, read_plaintext
from zentalk.onion.replay import DEFAULT_CAPACITY, Capacity
from zentalk.onion.wrap import HopKeys, hop_keys

_SUITE_BYTE: Final = bytes((SUITE,))


class Peeler:
    """One lane's mix keys and what it does with a packet.

    `rotate` must be called once before anything else and then once per epoch.
    """

    __slots__ = ("_keys",)

    def __init__(self, filter_capacity: Capacity = DEFAULT_CAPACITY) -> None:
        self._keys = MixKeys(filter_capacity)

    def rotate(self, wall: float, entropy: Entropy) -> None:
        """Drop the mix keys that are over, with their filters, and make the missing ones."""
        self._keys.rotate(wall, entropy)

    @property
    def filter_bytes(self) -> int:
        """Return about how much memory the replay filters take now."""
        return self._keys.filter_bytes

    def keys_for_descriptor(self, epoch: Epoch) -> tuple[bytes, bytes]:
        """Return the public mix keys of `epoch` and the one after it (32 bytes each).

        Raises LocalProtocolError if `rotate` was not called in that epoch.
        """
        return self._keys.public(epoch), self._keys.public(Epoch(epoch + 1))

    def peel(self, packet: bytes, wall: float) -> Forward | Deliver:
        """Open a packet that arrived at the unix time `wall` (seconds).

        Raises PacketRefusedError, and nothing else, whatever the bytes are.
        """
        if len(packet) not in CLASSES or packet[0] != SUITE:
            raise PacketRefusedError("malformed")
        epoch = accepted_epoch(packet[1], wall)
        if epoch is None:
            raise PacketRefusedError("epoch")
        slot = self._keys.slot(epoch)
        if slot is None:
            raise PacketRefusedError("undecryptable")
        keys = _derive_keys(packet, slot)
        if keys.replay_tag in slot.seen:
            raise PacketRefusedError("replay")
        plaintext = _open(packet, keys)
        # The delay is inside the plaintext: this is the first point at which it can be refused.
        found = read_plaintext(plaintext)
        slot.seen.insert(keys.replay_tag)
        if isinstance(found, Deliver):
            return found
        return Forward(
            found.node_id, found.lane, _next_packet(found, plaintext, keys.pad), found.delay_ms
        )


def _derive_keys(packet: bytes, slot: KeySlot) -> HopKeys:
    ct = packet[AAD_BYTES:BODY_OFFSET]
    try:
        shared = x25519.exchange(slot.key.pair.secret, ct)
    except AuthenticationError:
        raise PacketRefusedError("key") from None
    return hop_keys(packet[:AAD_BYTES], shared, ct, slot.key.pair.public)


def _open(packet: bytes, keys: HopKeys) -> bytes:
    try:
        return chacha_open(keys.aead_key, ZERO_NONCE, packet[BODY_OFFSET:], packet[:AAD_BYTES])
    except AuthenticationError:
        raise PacketRefusedError("undecryptable") from None


def _next_packet(found: ForwardHeader, plaintext: bytes, pad: bytes) -> bytes:
    """Move what follows the header to the front and fill up with the pad: the size stays."""
    epoch_byte = found.epoch_byte.to_bytes(1, "big")
    rest = memoryview(plaintext)[HEADER_BYTES:]
    return b"".join((_SUITE_BYTE, epoch_byte, found.ct, rest, pad, found.tag))
