"""What proof of work for a deposit is: its challenge, its epoch, its worth in bits.

Spec: docs/spec/mailbox.md section 13. Both ends use this: the sender to find work, the
relay to check it. Work is bound to one envelope under one deposit id of one send id at
one relay in one hour; how much is asked for is decided elsewhere.
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.crypto.work import find_work, work_bits
from zentalk.ids import NodeId
from zentalk.wire.deposit import Deposit, Stamp

EPOCH_SECONDS: Final = 3600
MARGIN_BITS: Final = 3
"""What a sender does beyond what it is asked for, not to be the first to be displaced."""
_EPOCH_BYTES: Final = 8


def epoch_at(wall: float) -> int:
    """Return the work epoch of a unix time in seconds."""
    return int(wall // EPOCH_SECONDS)


def challenge(relay: NodeId, deposit: Deposit, epoch: int) -> bytes:
    """Return the 32 bytes that a nonce has to go with."""
    return blake2b_256(
        Label.DEPOSIT_WORK,
        relay,
        deposit.send_id,
        deposit.deposit_id,
        epoch.to_bytes(_EPOCH_BYTES, "big"),
        deposit.envelope,
    )


def worth(task: bytes, nonce: bytes) -> int:
    """Return the bits that a nonce is worth for a challenge; chance alone gives one or two."""
    return work_bits(Label.DEPOSIT_WORK_TRY, task, nonce)


def search(task: bytes, epoch: int, bits: int, start: int, tries: int) -> Stamp | None:
    """Try some nonces; return the stamp of the first that is worth `bits`."""
    nonce = find_work(Label.DEPOSIT_WORK_TRY, task, bits, start, tries)
    return None if nonce is None else Stamp(epoch % 256, nonce)


def stamped_epoch(stamp: Stamp, now_epoch: int) -> int | None:
    """Return which of this hour, the one before and the one after a stamp means."""
    for epoch in (now_epoch, now_epoch - 1, now_epoch + 1):
        if epoch % 256 == stamp.epoch:
            return epoch
    return None
