"""Names for the byte strings that identify things, so that mypy tells them apart.

Only types and their lengths in bytes: nothing here computes, parses or prints an id.
"""

from __future__ import annotations

from typing import Final, NewType

NodeId = NewType("NodeId", bytes)
"""A relay: BLAKE2b-256 of its Ed25519 identity key (32 bytes)."""

UserAddress = NewType("UserAddress", bytes)
"""A person: the Ed25519 identity key itself (32 bytes); the text form is `zt1...`."""

MailboxId = NewType("MailboxId", bytes)
"""A mailbox at one relay: its Ed25519 collect key (32 bytes)."""

SendId = NewType("SendId", bytes)
"""An unlinkable id that lets others deposit into one mailbox (16 bytes)."""

DepositId = NewType("DepositId", bytes)
"""Fixed per (message, relay); a repeated deposit replaces the stored one (16 bytes)."""

PrekeyId = NewType("PrekeyId", bytes)
"""A one-time prekey between owner and relay: a hash of the owner's secret half (16 bytes)."""

MessageId = NewType("MessageId", bytes)
"""A message, the same at sender and recipient (16 bytes)."""

GroupId = NewType("GroupId", bytes)
"""A group or channel: the EntryId of the entry that founded it (32 bytes)."""

EntryId = NewType("EntryId", bytes)
"""One entry of a group's log: a hash of its signed bytes (32 bytes)."""

EntryRef = NewType("EntryRef", bytes)
"""The first half of an EntryId, by which entries of one log name each other (16 bytes)."""

ShardId = NewType("ShardId", bytes)
"""A shard in the mesh: SHA-256 of its bytes (32 bytes); that of a head is a file's content id."""

Epoch = NewType("Epoch", int)
"""floor(unix time / 3600): the period in which a mix key lives."""

Day = NewType("Day", int)
"""floor(unix time / 86400): the period of a blinded key and a public send id."""

NODE_ID_BYTES: Final = 32
USER_ADDRESS_BYTES: Final = 32
MAILBOX_ID_BYTES: Final = 32
SEND_ID_BYTES: Final = 16
DEPOSIT_ID_BYTES: Final = 16
PREKEY_ID_BYTES: Final = 16
MESSAGE_ID_BYTES: Final = 16
TICKET_BYTES: Final = 16
GROUP_ID_BYTES: Final = 32
ENTRY_ID_BYTES: Final = 32
ENTRY_REF_BYTES: Final = 16
SHARD_ID_BYTES: Final = 32

EPOCH_SECONDS: Final = 3600
DAY_SECONDS: Final = 86400


def epoch_at(wall: float) -> Epoch:
    """Return the epoch of a unix time in seconds."""
    return Epoch(int(wall // EPOCH_SECONDS))


def day_at(wall: float) -> Day:
    """Return the day of a unix time in seconds."""
    return Day(int(wall // DAY_SECONDS))
