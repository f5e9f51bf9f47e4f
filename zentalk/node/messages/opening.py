"""Whose message an envelope is: by the send id that it came under, and the ratchet that reads it.

Under a contact's own send id nobody else can seal anything, and a message that no ratchet reads is
evidence that one is broken. Under a group's all its members can, and under a public one everybody:
there only what has decrypted counts.
"""

from __future__ import annotations

from typing import Final

from zentalk.errors import RemoteProtocolError
from zentalk.ids import GroupId, UserAddress
from zentalk.node.sessions.sessions import (
    Decrypted,
    LowerTermError,
    OutdatedError,
    Sessions,
)
from zentalk.store.history import group_members, groups
from zentalk.store.history.models import ContactRow, ContactState, OwnSendId
from zentalk.store.sqlite import Transaction
from zentalk.wire.content import CONFIRMATION, NONE, PART, ROUTE
from zentalk.wire.ratchet import decode_inner

UNASKED: Final = (CONFIRMATION, NONE, PART, ROUTE)
"""What somebody sends who is only in a group with us, beside what is for the group."""


class UnreadError(RemoteProtocolError):
    """No ratchet reads what this contact, and nobody else, can have sealed."""

    def __init__(self, contact: UserAddress, digest: bytes) -> None:
        super().__init__("no ratchet of this contact reads this message")
        self.contact = contact
        self.digest = digest


class ShutOutError(RemoteProtocolError):
    """The sender was blocked or refused: nothing of the message may stay but its hash."""

    def __init__(self, contact: UserAddress, digest: bytes) -> None:
        super().__init__("this sender is blocked or was refused")
        self.contact = contact
        self.digest = digest


def decrypt(
    tx: Transaction,
    sessions: Sessions,
    row: OwnSendId,
    inner: bytes,
    digest: bytes,
    now: float,
) -> Decrypted:
    """Decrypt, or say which contact's ratchet seems to be broken.

    Under a contact's own send id nobody else can seal anything. Under a public one
    everybody can: there only a first message that has decrypted counts.
    """
    if row.contact is not None and groups.exists(tx, row.contact):
        return _decrypt_in_group(tx, sessions, GroupId(row.contact), inner, now)
    try:
        return sessions.decrypt(tx, row.contact, inner, now)
    except LowerTermError:
        raise  # it says nothing of the ratchets with the contact's node of now
    except OutdatedError as error:
        raise UnreadError(error.contact, digest) from error
    except RemoteProtocolError as error:
        if row.contact is None:
            raise
        raise UnreadError(row.contact, digest) from error


def _decrypt_in_group(
    tx: Transaction, sessions: Sessions, group: GroupId, inner: bytes, now: float
) -> Decrypted:
    """Decrypt what came under a send id that all members of a group know.

    Whichever of their ratchets reads it says whose it is; that none does is no evidence of a
    broken one. A first message names its author.
    """
    if decode_inner(inner).initial_header:
        return sessions.decrypt(tx, None, inner, now)
    for member in group_members.with_ratchets(tx, group):
        try:
            return sessions.decrypt(tx, member, inner, now)
        except RemoteProtocolError:
            continue
    raise RemoteProtocolError("no ratchet of a group's members reads this message")


def is_for_groups(tx: Transaction, sender: ContactRow | None, kind: str) -> bool:
    """Tell whether somebody may send this only because we are in a group together."""
    if sender is None or kind not in UNASKED:
        return False
    if sender.is_shut_out:
        return bool(group_members.groups_of(tx, sender.address))
    return sender.state is ContactState.MEMBER
