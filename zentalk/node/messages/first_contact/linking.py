"""How another node of the owner is let in: by a code that the owner has carried there.

Who comes with such a code gets the whole history, so a code is used once, ends soon, is known here
as a hash only, and lets in nobody who is known as a person already.
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto.hashing import equal
from zentalk.errors import ConflictError, NotFoundError
from zentalk.ids import UserAddress
from zentalk.node.messages.effects import CommitEffects
from zentalk.node.messages.first_contact.invites import ticket_hash
from zentalk.store.history import contacts, events, feed, forgetting, links
from zentalk.store.history.links import LinkRole, LinkRow
from zentalk.store.history.models import ContactRow, ContactState
from zentalk.store.sqlite import Transaction

ALREADY: Final = "this node has a replica already: unlink it first, with zentalk api unlink"


def open_code(tx: Transaction, link: LinkRow, secret: bytes) -> None:
    """Let a node come with a secret; codes of before let nobody in any more.

    Raises ConflictError if there is a replica already.
    """
    if links.linked(tx, LinkRole.REPLICA) is not None:
        raise ConflictError(ALREADY)
    links.remove_codes(tx)
    links.insert(tx, link, ticket_hash(secret))


def admit(tx: Transaction, address: UserAddress, ticket: bytes, now: float) -> ContactRow | None:
    """Make who shows the secret of a code the replica; None if it is no such secret."""
    shown = ticket_hash(ticket)
    for link, secret_hash in links.waiting(tx, now):
        if not equal(secret_hash, shown) or links.linked(tx, LinkRole.REPLICA) is not None:
            continue
        _begin(tx, link, address, now)
        feed.begin(tx)
        events.append(tx, "link.added", now, {"id": link.id.hex()})
        return contacts.get(tx, address)
    return None


def follow(tx: Transaction, link: LinkRow, first: UserAddress, secret: bytes, now: float) -> None:
    """At a replica that starts for the first time: show the first the secret of its code."""
    if links.linked(tx, LinkRole.FIRST) is None:
        links.insert(tx, link, b"")
        _begin(tx, link, first, now)
        contacts.set_ticket(tx, first, secret)


def unlink(tx: Transaction, link_id: bytes, now: float) -> CommitEffects:
    """Tell a replica nothing any more, or let a code let nobody in; raises NotFoundError."""
    found = next((link for link in links.every(tx) if link.id == link_id), None)
    if found is None:
        raise NotFoundError("there is no link with this id: look at your links")
    dropped: list[int] = []
    if found.address is not None:
        dropped = forgetting.outgoing(tx, found.address)
        feed.end(tx)
        links.drop_inbox(tx, [number for number, _ in links.inbox(tx)])
        forgetting.person(tx, found.address)
        events.append(tx, "link.removed", now, {"id": link_id.hex()})
    links.remove(tx, link_id)
    return CommitEffects(dropped=tuple(dropped))


def _begin(tx: Transaction, link: LinkRow, address: UserAddress, now: float) -> None:
    # The link comes first: what concerns it is in no feed.
    links.take(tx, link.id, address, now)
    contacts.insert(tx, address, "", ContactState.CONTACT, now)
