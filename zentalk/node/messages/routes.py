"""Where deposits go: to a contact's own send ids, or to the public ones of its record.

Also the other direction: which of our send ids a contact gets to know. A send id is
given to one contact only, and only after its relay has registered it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from zentalk.crypto.types import Entropy
from zentalk.errors import DecodeError
from zentalk.ids import NodeId, SendId, UserAddress
from zentalk.node.sessions.envelope import seal_to_contact, seal_to_public
from zentalk.store.history import mailboxes, settings
from zentalk.store.history.models import ContactRow, OwnMailbox
from zentalk.store.writer import Transaction
from zentalk.wire.content import Route, RouteEntry, decode_route
from zentalk.wire.rpc_send_ids import SendIdKind
from zentalk.wire.user_record import RecordContents

_VERSION_KEY: Final = "route-version"


@dataclass(frozen=True, slots=True)
class DepositTarget:
    """One mailbox of a recipient: relay, send id, and the key of the outer seal."""

    relay: NodeId
    send_id: SendId = field(repr=False)
    key: bytes = field(repr=False)
    public: bool

    def seal(self, inner: bytes, entropy: Entropy) -> bytes:
        """Return a fresh outer seal of `inner`; raises AuthenticationError on a bad key."""
        seal = seal_to_public if self.public else seal_to_contact
        return seal(self.key, inner, entropy)


def contact_targets(contact: ContactRow) -> tuple[DepositTarget, ...]:
    """Return the mailboxes that a contact has told us; empty if it has not yet.

    A stored route that cannot be read counts as none: the user record is asked instead.
    """
    if contact.route is None:
        return ()
    try:
        entries = decode_route(contact.route).entries
    except DecodeError:
        return ()
    return tuple(DepositTarget(e.relay, e.send_id, e.outer_key, public=False) for e in entries)


def record_targets(contents: RecordContents) -> tuple[DepositTarget, ...]:
    """Return the mailboxes that a user record names."""
    return tuple(
        DepositTarget(entry.relay, entry.send_id, entry.deposit_key, public=True)
        for entry in contents.mailboxes
    )


def own_version(tx: Transaction) -> int:
    """Return the version of our set of mailboxes."""
    return int.from_bytes(settings.get(tx, _VERSION_KEY) or b"", "big")


def raise_version(tx: Transaction) -> None:
    """Note that our set of mailboxes has changed: contacts must be told again."""
    settings.put(tx, _VERSION_KEY, (own_version(tx) + 1).to_bytes(8, "big"))


def route_for(tx: Transaction, contact: UserAddress, known_version: int) -> Route | None:
    """Return our route for a contact, None if it knows the newest or none is ready."""
    version = own_version(tx)
    if known_version >= version:
        return None
    given = {row.mailbox: row for row in mailboxes.of_contact(tx, contact)}
    entries = []
    for mailbox in current(tx):
        row = given.get(mailbox.mailbox)
        if row is None:
            free = mailboxes.free(tx, mailbox.mailbox, SendIdKind.CONTACT, 1)
            if not free:
                continue
            row = free[0]
            mailboxes.give_to(tx, row.send_id, contact)
        entries.append(RouteEntry(mailbox.relay, row.send_id, row.secret))
    return Route(version, tuple(entries)) if entries else None


def current(tx: Transaction) -> list[OwnMailbox]:
    """Return our mailboxes that were not replaced."""
    return [mailbox for mailbox in mailboxes.every(tx) if mailbox.poll_until is None]
