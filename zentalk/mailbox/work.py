"""Proof of work for a deposit, a prekey and a new mailbox: challenge, time, worth in bits.

Spec: docs/spec/mailbox.md sections 10, 13 and 15. Both ends use this: one to find work, the relay
to check it. Work for a deposit is bound to one envelope under one deposit id of one send id at one
relay in one hour, work for a prekey to one question there, work for a mailbox to its key at one
relay on one day; how much is asked for is decided elsewhere.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.crypto.work import find_work, work_bits
from zentalk.ids import Day, DepositId, MailboxId, NodeId, SendId
from zentalk.wire.deposit import Stamp, stamped_epoch

EPOCH_SECONDS: Final = 3600
MARGIN_BITS: Final = 3
"""Bits that a sender adds to the price, not to be the first to be displaced."""
_EPOCH_BYTES: Final = 8


class Stamped(Protocol):
    """A deposit, or what an owner was pushed of one, with the work that was done for it."""

    @property
    def send_id(self) -> SendId:
        """The send id that it is for."""
        ...

    @property
    def deposit_id(self) -> DepositId:
        """The deposit id, which its repeats share."""
        ...

    @property
    def envelope(self) -> bytes:
        """The sealed envelope."""
        ...

    @property
    def stamp(self) -> Stamp:
        """The work, NO_STAMP for none."""
        ...


class Found(NamedTuple):
    """Work that was found, and what it is worth in bits."""

    stamp: Stamp
    bits: int


def epoch_at(wall: float) -> int:
    """Return the work epoch of a unix time in seconds."""
    return int(wall // EPOCH_SECONDS)


def challenge(relay: NodeId, deposit: Stamped, epoch: int) -> bytes:
    """Return the 32 bytes that a nonce has to go with."""
    return blake2b_256(
        Label.DEPOSIT_WORK,
        relay,
        deposit.send_id,
        deposit.deposit_id,
        epoch.to_bytes(_EPOCH_BYTES, "big"),
        deposit.envelope,
    )


def prekey_challenge(relay: NodeId, send_id: SendId, query_id: bytes, epoch: int) -> bytes:
    """Return the 32 bytes that a nonce for a one-time prekey has to go with in an hour."""
    hour = epoch.to_bytes(_EPOCH_BYTES, "big")
    return blake2b_256(Label.PREKEY_WORK, relay, send_id, query_id, hour)


def worth(task: bytes, nonce: bytes) -> int:
    """Return the bits that a nonce is worth for a challenge; chance alone gives one or two."""
    return work_bits(Label.DEPOSIT_WORK_TRY, task, nonce)


def shown(relay: NodeId, deposit: Stamped, epoch: int) -> int:
    """Return the bits that a deposit's stamp is worth at an epoch; 0 if it is of another one."""
    stamped = stamped_epoch(deposit.stamp, epoch)
    return 0 if stamped is None else worth(challenge(relay, deposit, stamped), deposit.stamp.nonce)


def search(task: bytes, epoch: int, bits: int, start: int, tries: int) -> Stamp | None:
    """Try some nonces; return the stamp of the first that is worth `bits`."""
    nonce = find_work(Label.DEPOSIT_WORK_TRY, task, bits, start, tries)
    return None if nonce is None else Stamp(epoch % 256, nonce)


def mailbox_challenge(relay: NodeId, mailbox: MailboxId, day: int) -> bytes:
    """Return the 32 bytes that a nonce for a new mailbox has to go with on a day (UTC)."""
    return blake2b_256(Label.MAILBOX_WORK, relay, mailbox, day.to_bytes(_EPOCH_BYTES, "big"))


def mailbox_worth(relay: NodeId, mailbox: MailboxId, stamp: Stamp, today: Day) -> int:
    """Return the bits that a stamp is worth for a mailbox at a relay; 0 if it is of another day."""
    day = stamped_epoch(stamp, today)
    if day is None:
        return 0
    task = mailbox_challenge(relay, mailbox, day)
    return work_bits(Label.MAILBOX_WORK_TRY, task, stamp.nonce)


def search_mailbox(task: bytes, day: int, bits: int, start: int, tries: int) -> Found | None:
    """Try some nonces for a new mailbox; return the first that is worth `bits`, or more."""
    nonce = find_work(Label.MAILBOX_WORK_TRY, task, bits, start, tries)
    if nonce is None:
        return None
    return Found(Stamp(day % 256, nonce), work_bits(Label.MAILBOX_WORK_TRY, task, nonce))
