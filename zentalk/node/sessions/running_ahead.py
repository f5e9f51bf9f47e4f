"""How far a ratchet may run ahead of the contact that reads it.

A reader gets over 1,000 envelopes of one chain that it has not read. What is **under way** is
stored, encrypted and not confirmed; what is not stored, such as a confirmation, may get lost. If
either took all numbers, the other could not be read, and two people whose outboxes are full could
never confirm anything to each other. So each has its share:

- at most 256 messages to a contact are under way; all others wait for their turn in the outbox,
  without a ciphertext, and are encrypted, the oldest first, in the transaction that makes room;
- what is not stored is encrypted only while fewer than 500 numbers of the chain are used, so that
  it leaves 500 to messages, and what is under way leaves 244 to it.

Together that is 756 of 1,000. What was under way and is taken out unread (a receipt that a newer
one replaces, a message whose time is over) has used a number too: therefore no message takes a
number above 999, but for one when nothing is under way at all, or nobody would ever answer.

Nothing here encrypts. Spec: docs/spec/end-to-end.md section 6.
"""

from __future__ import annotations

from typing import Final

from zentalk.ids import UserAddress
from zentalk.node.sessions.sessions import Sender
from zentalk.session.skipped import MAX_GAP
from zentalk.store.history import outbox
from zentalk.store.sqlite import Transaction

MAX_UNDER_WAY: Final = 256
"""Encrypted and unconfirmed messages of one contact; delivery sends 96 of them at a time."""
MAX_UNREAD: Final = 500
"""Numbers of a chain of which the contact has read nothing yet, up to which is encrypted what is
not stored, and mail once more."""
MAX_NUMBERS: Final = MAX_GAP
"""Numbers of such a chain that messages may use."""


def room_once_more(tx: Transaction, contact: UserAddress, sender: Sender) -> int:
    """Return how many messages may be encrypted once more in the same ratchet.

    Were the copies from before all lost, their reader would get over them.
    """
    return MAX_UNREAD - sender.unanswered if has_numbers(tx, contact, sender) else 0


def has_numbers(tx: Transaction, contact: UserAddress, sender: Sender) -> bool:
    """Tell whether what is not stored may be encrypted for a contact.

    Two gaps count. In the chain that is written now the contact may have read nothing: it misses
    `unanswered` numbers. Of the chain before it, it has read one envelope, and may miss all others:
    fewer than `finished`. By the bounds above neither is more than 1,000.

    An earlier version encrypted any number of messages, and a finished chain may be that long. Then
    its reader misses no more than what is still under way, and those of the first 500 numbers that
    were not stored. Where that is too much as well, nothing is lost and nothing is confirmed,
    until a new ratchet is made for the mail that is not (`SessionRenewal.look`).
    """
    if sender.unanswered >= MAX_UNREAD:
        return False
    if sender.finished <= MAX_NUMBERS:
        return True
    most = MAX_NUMBERS - MAX_UNREAD
    return outbox.count(tx, contact, most) < most
