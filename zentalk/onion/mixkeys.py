"""The mix keys of one lane, each with its replay filter: made together, dropped together.

Spec: docs/spec/onion.md section 7. A secret key never leaves this file's objects, is never stored
and never made a second time: after a restart what was encrypted to it is lost.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from zentalk.crypto import x25519
from zentalk.crypto.types import Entropy
from zentalk.errors import LocalProtocolError
from zentalk.ids import EPOCH_SECONDS, Epoch, epoch_at
from zentalk.onion.replay import DEFAULT_CAPACITY, Capacity, ReplayFilter, filter_of_key

EARLY_SECONDS: Final = 300
"""A key is accepted so long before its epoch starts: senders' clocks may run ahead by that."""
_KEPT_AHEAD: Final = 2
"""A wall clock set back across an epoch's start must not drop a key that was published."""


class MixKey(NamedTuple):
    """The key pair that peels packets of one epoch."""

    epoch: Epoch
    pair: x25519.KeyPair


class KeySlot(NamedTuple):
    """A mix key and the filter of what came in under it."""

    key: MixKey
    seen: ReplayFilter


def accepted_epoch(epoch_byte: int, wall: float) -> Epoch | None:
    """Return the epoch that a packet's epoch byte means at `wall`, None if it is not accepted.

    Accepted are this epoch, the one before, and from 5 minutes before its start the next.
    """
    epoch = epoch_at(wall)
    ahead = (epoch_byte - epoch) & 0xFF
    if ahead == 0:
        return epoch
    if ahead == 0xFF:
        return Epoch(epoch - 1)
    if ahead == 1 and wall >= (epoch + 1) * EPOCH_SECONDS - EARLY_SECONDS:
        return Epoch(epoch + 1)
    return None


class MixKeys:
    """The keys of a lane by epoch; `rotate` keeps the previous, this and the next one."""

    __slots__ = ("_filter_capacity", "_slots")

    def __init__(self, filter_capacity: Capacity = DEFAULT_CAPACITY) -> None:
        self._slots: dict[Epoch, KeySlot] = {}
        self._filter_capacity = filter_capacity

    def rotate(self, wall: float, entropy: Entropy) -> None:
        """Drop the keys that are over and make those of this and the next epoch that are missing.

        Due at the start and once per epoch; calling it more often changes nothing.
        """
        epoch = epoch_at(wall)
        for held in list(self._slots):
            if not epoch - 1 <= held <= epoch + _KEPT_AHEAD:
                del self._slots[held]
        for wanted in (epoch, Epoch(epoch + 1)):
            if wanted not in self._slots:
                key = MixKey(wanted, x25519.generate(entropy))
                self._slots[wanted] = KeySlot(
                    key, filter_of_key(key.pair.secret, self._filter_capacity)
                )

    @property
    def filter_bytes(self) -> int:
        """Return about how much memory the filters of all keys take now."""
        return sum(slot.seen.size_bytes for slot in self._slots.values())

    def slot(self, epoch: Epoch) -> KeySlot | None:
        """Return the slot of an epoch, None if its key is lost or was never made."""
        return self._slots.get(epoch)

    def public(self, epoch: Epoch) -> bytes:
        """Return the public key of an epoch; LocalProtocolError if it is not held."""
        slot = self._slots.get(epoch)
        if slot is None:
            raise LocalProtocolError("a mix key is needed outside its time; call rotate first")
        return slot.key.pair.public
