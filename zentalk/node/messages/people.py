"""What a person does about others, as write jobs: adding, naming and accepting them."""

from __future__ import annotations

from typing import Final

from zentalk.errors import ConfigError, ConflictError, NotFoundError
from zentalk.ids import UserAddress
from zentalk.node.messages import ordering, requests
from zentalk.node.messages.compose import Composer, lacks_route
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.node.messages.linked import syncing
from zentalk.node.messages.requests import CameBy
from zentalk.node.messages.states import log_state
from zentalk.store.history import (
    contacts,
    direct,
    events,
    forgetting,
    group_members,
    introductions,
    mailboxes,
    messages,
)
from zentalk.store.history.confirmations import let_in
from zentalk.store.history.models import (
    ContactRow,
    ContactState,
    MessageState,
    StoredContact,
)
from zentalk.store.sqlite import Transaction

MAX_NAME_CHARS: Final = 200
NO_PERSON: Final = "there is nobody with this address in your list: look at your contacts"
NO_REQUEST: Final = "there is no request from this address: look at your contacts"
BLOCKED: Final = "you have blocked this person"
_WELCOMES: Final = {
    ContactState.CONTACT: "contact.renamed",
    ContactState.REQUEST: "contact.accepted",
    ContactState.REFUSED: "contact.accepted",
    ContactState.REMOVED: "contact.added",
    ContactState.MEMBER: "contact.added",
}
_NOT_LISTED: Final = (ContactState.REMOVED, ContactState.MEMBER)


def check_name(name: str) -> None:
    """Refuse a contact's name that is too long; raises ConfigError."""
    if len(name) > MAX_NAME_CHARS:
        raise ConfigError(f"a name may have {MAX_NAME_CHARS} characters: choose a shorter one")


def check_is_person(row: ContactRow) -> None:
    """Refuse a group, whose conversation has a row as a person has; raises ConflictError."""
    if row.state is ContactState.GROUP:
        raise ConflictError("this is a group and not a person: look at your groups")


def welcome(
    tx: Transaction,
    composer: Composer,
    address: UserAddress,
    name: str,
    now: float,
    came_by: CameBy | None = None,
) -> tuple[ContactRow, CommitEffects]:
    """Make sure that a person is a contact, and log what changed; an empty name changes none.

    Who was introduced is shown, in what we write, the secret that came with the introduction.
    What a request had written, and waited to be accepted, is confirmed. Raises ConflictError
    for somebody who is blocked.
    """
    row = contacts.get(tx, address)
    if row is None:
        row = contacts.insert(tx, address, name, ContactState.CONTACT, now)
        _note_origin(tx, row, came_by)
        events.append_row(tx, "contact.added", now, contacts.view(tx, address))
        return contacts.get(tx, address) or row, NO_EFFECTS
    if row.state is ContactState.BLOCKED:
        raise ConflictError("this person is blocked: unblock them first")
    check_is_person(row)
    if row.is_accepted and name in ("", row.name):
        return row, NO_EFFECTS
    contacts.update(tx, address, name or row.name, ContactState.CONTACT, now)
    effects = NO_EFFECTS
    if not row.is_accepted:
        # Who was only in a group knows the group's send ids, and gets some of its own.
        contacts.set_own_route_known(tx, address, 0)
        _note_origin(tx, row, came_by)
        effects = _confirm_waiting(tx, composer, address, now)
    events.append_row(tx, _WELCOMES[row.state], now, contacts.view(tx, address))
    return contacts.get(tx, address) or row, effects


def _note_origin(tx: Transaction, row: ContactRow, came_by: CameBy | None) -> None:
    """Remember what a new contact came by, and use up what was said of it."""
    told = introductions.of_person(tx, row.address)
    if came_by is None and told and row.state is not ContactState.REQUEST:
        came_by = CameBy(introducer=told[0].introducer)
        contacts.set_ticket(tx, row.address, told[0].secret)
    if came_by is not None:
        contacts.set_came_by(tx, row.address, *came_by)
    introductions.remove(tx, row.address)


def _confirm_waiting(
    tx: Transaction, composer: Composer, address: UserAddress, now: float
) -> CommitEffects:
    let_in(tx, address, ordering.release_all(tx, address, now))
    ids = messages.unconfirmed(tx, address)
    inners = syncing.confirm_ids(tx, composer, address, ids, now)
    messages.mark_confirmed(tx, address)
    return CommitEffects(best_effort=tuple(inners))


def _take_out(tx: Transaction, address: UserAddress, now: float) -> None:
    """Take a person out of the list; whoever is in a group with us goes on being that."""
    contacts.update(tx, address, "", ContactState.REMOVED, now)
    direct.withdraw(tx, address)
    if group_members.groups_of(tx, address):
        contacts.update(tx, address, "", ContactState.MEMBER, now)
    forgetting.names(tx, address)
    requests.log_removed(tx, address, "", now)


def _outgoing(tx: Transaction, address: UserAddress) -> tuple[int, ...]:
    return tuple(forgetting.outgoing(tx, address))


class ContactCommands:
    """Jobs that change contacts, and tell them what has changed here."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer

    def add(
        self, tx: Transaction, address: UserAddress, name: str, now: float, ticket: bytes = b""
    ) -> tuple[StoredContact, CommitEffects]:
        """Add or rename a contact, or accept a request.

        A ticket is shown to that person until something of it has come.
        """
        _, effects = welcome(tx, self._composer, address, name, now)
        if ticket:
            contacts.set_ticket(tx, address, ticket)
        return contacts.view(tx, address), effects

    def accept(
        self, tx: Transaction, address: UserAddress, now: float
    ) -> tuple[StoredContact, CommitEffects]:
        """Accept a request; nothing changes for a contact. Raises NotFoundError without one."""
        row = contacts.get(tx, address)
        if row is None or row.state in _NOT_LISTED:
            raise NotFoundError(NO_REQUEST)
        return self.add(tx, address, "", now)

    def refuse(self, tx: Transaction, address: UserAddress, now: float) -> CommitEffects:
        """Delete a request with its keys; its sender cannot ask again before 30 days are over.

        Raises NotFoundError if there is none.
        """
        row = contacts.get(tx, address)
        if row is None or row.state is not ContactState.REQUEST:
            raise NotFoundError(NO_REQUEST)
        requests.delete_conversation(tx, address, now)
        forgetting.keys(tx, address)
        forgetting.names(tx, address)
        contacts.update(tx, address, "", ContactState.REFUSED, now)
        events.append_row(tx, "contact.refused", now, contacts.view(tx, address))
        return CommitEffects(dropped=_outgoing(tx, address))

    def remove(self, tx: Transaction, address: UserAddress, now: float) -> CommitEffects:
        """Delete a person and all messages with it; if it writes again, that is a request.

        Somebody who is blocked stays so, and only the messages go. Raises NotFoundError, and
        ConflictError for a group.
        """
        row = contacts.get(tx, address)
        if row is None or row.state in _NOT_LISTED:
            raise NotFoundError(NO_PERSON)
        check_is_person(row)
        effects = CommitEffects(dropped=_outgoing(tx, address), consents=row.is_accepted)
        requests.delete_conversation(tx, address, now)
        introductions.remove_by(tx, address)
        if row.state is not ContactState.BLOCKED:
            _take_out(tx, address, now)
        return effects

    def block(
        self, tx: Transaction, address: UserAddress, now: float
    ) -> tuple[StoredContact, CommitEffects]:
        """Keep nothing any more that a person sends, whether it is known here or not.

        What was shown of a contact stays; what is on its way to it is given up. The messages of
        a request are deleted. Raises ConflictError for a group.
        """
        row = contacts.get(tx, address)
        if row is None:
            row = contacts.insert(tx, address, "", ContactState.REMOVED, now)
        check_is_person(row)
        if row.state is ContactState.BLOCKED:
            return contacts.view(tx, address), NO_EFFECTS
        effects = CommitEffects(dropped=_outgoing(tx, address), consents=row.is_accepted)
        introductions.remove_by(tx, address)
        if row.is_accepted:
            forgetting.waiting(tx, address)
            for message_id in messages.fail_all(tx, address, BLOCKED):
                log_state(tx, message_id, address, MessageState.FAILED, now, BLOCKED)
        else:
            requests.delete_conversation(tx, address, now)
            forgetting.keys(tx, address)
        contacts.update(tx, address, row.name, ContactState.BLOCKED, now)
        contact = contacts.view(tx, address)
        events.append_row(tx, "contact.blocked", now, contact)
        return contact, effects

    def unblock(self, tx: Transaction, address: UserAddress, now: float) -> None:
        """Let a person write again: to a contact as before, anybody else as a request.

        Raises NotFoundError if it is not blocked.
        """
        row = contacts.get(tx, address)
        if row is None or row.state is not ContactState.BLOCKED:
            raise NotFoundError("nobody with this address is blocked: look at your contacts")
        if contacts.was_contact(tx, address):
            contacts.update(tx, address, row.name, ContactState.CONTACT, now)
            events.append_row(tx, "contact.unblocked", now, contacts.view(tx, address))
            return
        _take_out(tx, address, now)

    def tell_routes(self, tx: Transaction, now: float) -> CommitEffects:
        """Tell contacts where our mailboxes are, once one was replaced.

        They cannot find out by themselves: if all that they knew are dead, nothing that
        they send arrives, and we may not write to them for long. The same goes for those whom
        nothing could be told when we wrote to them.
        """
        was_replaced = any(mailbox.poll_until is not None for mailbox in mailboxes.every(tx))
        rows = (contacts.get(tx, address) for address in contacts.addresses(tx))
        return CommitEffects.together(
            self._composer.tell_route(tx, row, now)
            for row in rows
            if row is not None
            and row.is_answered
            and row.own_route_known < row.own_route_version
            and (was_replaced or lacks_route(tx, row))
        )
