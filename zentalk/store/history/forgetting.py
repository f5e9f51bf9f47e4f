"""Deletes what was kept of a person: a conversation, or all that tells that it ever was.

Queries only; what may be deleted, and what the event log then says, is decided by callers.
"""

from __future__ import annotations

from zentalk.ids import UserAddress
from zentalk.store.history import confirmations, direct, group_members, mailboxes
from zentalk.store.sqlite import Transaction
from zentalk.wire.content import decode_content
from zentalk.wire.group_bodies import GROUP_KINDS
from zentalk.wire.text import format_address


def conversation(tx: Transaction, address: UserAddress) -> bool:
    """Delete a conversation, here and in the event log; False if there was nothing of it.

    Hashes of what was decrypted stay: a copy that comes again must not be shown again.
    """
    tx.execute(
        "DELETE FROM idempotency WHERE message_id IN"
        " (SELECT id FROM messages WHERE contact = ? AND direction = 'out')",
        (address,),
    )
    gone = tx.execute("DELETE FROM messages WHERE contact = ?", (address,)).rowcount
    gone += waiting(tx, address)
    tx.execute("DELETE FROM marks WHERE contact = ?", (address,))
    tx.execute("UPDATE chats SET draft = '' WHERE contact = ?", (address,))
    tx.execute("DELETE FROM events WHERE conversation = ?", (format_address(address),))
    tx.execute("UPDATE contacts SET unread = 0 WHERE address = ?", (address,))
    return gone > 0


def waiting(tx: Transaction, address: UserAddress) -> int:
    """Delete what has come of a person and was not shown yet; return how much that was."""
    held = tx.execute("DELETE FROM held WHERE contact = ?", (address,)).rowcount
    return held + tx.execute("DELETE FROM parts WHERE contact = ?", (address,)).rowcount


def outgoing(tx: Transaction, address: UserAddress) -> list[int]:
    """Delete what is on its way to a person, but for groups; return the numbers of these items."""
    rows = tx.execute("SELECT item, content FROM outbox WHERE contact = ?", (address,)).fetchall()
    gone = [int(item) for item, content in rows if decode_content(content).kind not in GROUP_KINDS]
    tx.executemany("DELETE FROM outbox WHERE item = ?", [(item,) for item in gone])
    return gone


def keys(tx: Transaction, address: UserAddress) -> None:
    """Delete the ratchets with a person: what it sends in them can never be read again.

    Those with somebody who is in a group with us stay, for the group.
    """
    if group_members.groups_of(tx, address):
        return
    tx.execute("DELETE FROM ratchets WHERE contact = ?", (address,))
    tx.execute("DELETE FROM renewals WHERE contact = ?", (address,))
    confirmations.forget_contact(tx, address)


def names(tx: Transaction, address: UserAddress) -> None:
    """Delete how a person is called and shown: its profile, and the events that told of it.

    That it was removed says no name, and stays for the owner's devices.
    """
    tx.execute("DELETE FROM profiles WHERE address = ?", (address,))
    shown = format_address(address)
    tx.execute(
        # The first words are those of the index `events_of_people`; '/' follows '.'.
        "DELETE FROM events WHERE type > 'contact.' AND type < 'contact/'"
        " AND json_extract(data, '$.address') = ? AND type <> 'contact.removed'",
        (shown,),
    )
    tx.execute(
        "DELETE FROM events WHERE type = 'contact.introduced'"
        " AND json_extract(data, '$.introduced_by') = ?",
        (shown,),
    )


def person(tx: Transaction, address: UserAddress) -> None:
    """Delete a person's row and keys; its conversation must be gone already.

    Of somebody who is in a group with us that stays which the group needs.
    """
    names(tx, address)
    direct.withdraw(tx, address)
    if group_members.groups_of(tx, address):
        tx.execute("UPDATE contacts SET name = '', state = 'member' WHERE address = ?", (address,))
        return
    keys(tx, address)
    mailboxes.take_back(tx, address)
    tx.execute("DELETE FROM chats WHERE contact = ?", (address,))
    tx.execute("DELETE FROM direct WHERE contact = ?", (address,))
    tx.execute("DELETE FROM contacts WHERE address = ?", (address,))
