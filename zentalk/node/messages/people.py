"""What a person does about others, as write jobs: adding, naming and accepting them."""

from __future__ import annotations

from typing import Final

from zentalk.errors import ConfigError
from zentalk.ids import UserAddress
from zentalk.node.messages import ordering
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import NO_EFFECTS, BestEffortInner, CommitEffects
from zentalk.store.history import contacts, events, mailboxes, messages
from zentalk.store.history.models import ContactRow, ContactState, StoredContact
from zentalk.store.sqlite import Transaction
from zentalk.wire.text import format_address

MAX_NAME_BYTES: Final = 256


def check_name(name: str) -> None:
    """Refuse a contact's name that is too long; raises ConfigError."""
    if len(name.encode("utf-8", "replace")) > MAX_NAME_BYTES:
        raise ConfigError(f"a name may have {MAX_NAME_BYTES} bytes: choose a shorter one")


def welcome(
    tx: Transaction, composer: Composer, address: UserAddress, name: str, now: float
) -> tuple[ContactRow, CommitEffects]:
    """Make sure that a person is a contact, and log what changed; an empty name changes none.

    What a request had written, and waited to be accepted, is confirmed.
    """
    row = contacts.get(tx, address)
    if row is None:
        row = contacts.insert(tx, address, name, ContactState.CONTACT, now)
        events.append_row(tx, "contact.added", now, contacts.view(tx, address))
        return row, NO_EFFECTS
    if row.is_accepted and name in ("", row.name):
        return row, NO_EFFECTS
    contacts.update(tx, address, name or row.name, ContactState.CONTACT)
    effects = NO_EFFECTS if row.is_accepted else _confirm_waiting(tx, composer, address, now)
    kind = "contact.renamed" if row.is_accepted else "contact.accepted"
    events.append_row(tx, kind, now, contacts.view(tx, address))
    return contacts.get(tx, address) or row, effects


def _confirm_waiting(
    tx: Transaction, composer: Composer, address: UserAddress, now: float
) -> CommitEffects:
    ordering.release_all(tx, address, now)
    inners = composer.confirmations(tx, address, messages.unconfirmed(tx, address))
    messages.mark_confirmed(tx, address)
    return CommitEffects(best_effort=tuple(BestEffortInner(address, inner) for inner in inners))


class ContactCommands:
    """Jobs that change contacts, and tell them what has changed here."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer

    def add(
        self, tx: Transaction, address: UserAddress, name: str, now: float
    ) -> tuple[StoredContact, CommitEffects]:
        """Add or rename a contact, or accept a request."""
        _, effects = welcome(tx, self._composer, address, name, now)
        return contacts.view(tx, address), effects

    def mark_read(self, tx: Transaction, address: UserAddress, now: float) -> None:
        """Set a conversation's unread count to 0, and log that if it was another."""
        if contacts.clear_unread(tx, address):
            events.append(tx, "conversation.read", now, {"conversation": format_address(address)})

    def tell_routes(self, tx: Transaction, now: float) -> CommitEffects:
        """Tell contacts where our mailboxes are, once one was replaced.

        They cannot find out by themselves: if all that they knew are dead, nothing that
        they send arrives, and we may not write to them for long.
        """
        if all(mailbox.poll_until is None for mailbox in mailboxes.every(tx)):
            return NO_EFFECTS
        rows = (contacts.get(tx, address) for address in contacts.addresses(tx))
        return CommitEffects(
            send=tuple(
                ready
                for row in rows
                if row is not None
                and row.is_accepted
                and row.own_route_known < row.own_route_version
                for ready in self._composer.tell_route(tx, row, now)
            )
        )
