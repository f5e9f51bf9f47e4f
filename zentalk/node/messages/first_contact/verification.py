"""The verified mark: set by the owner, and withdrawn when a contact's node is another one.

An address is an identity key, so the key of an address never changes. What can change is which of
a contact's nodes speaks for it: each such change has a higher *term*, which comes in with the
contact's sessions once there are linked nodes. `term_seen` is what they call.
"""

from __future__ import annotations

from zentalk.errors import ConflictError, NotFoundError
from zentalk.ids import UserAddress
from zentalk.node.messages.people import NO_PERSON
from zentalk.store.history import contacts, events, verification
from zentalk.store.history.models import ContactState, StoredContact
from zentalk.store.sqlite import Transaction


def verify(tx: Transaction, address: UserAddress, now: float) -> StoredContact:
    """Set the mark; raises NotFoundError or ConflictError if that person is no contact."""
    person = _contact(tx, address)
    if person.verified:
        return person
    verification.mark(tx, address, now)
    person = contacts.view(tx, address)
    events.append_row(tx, "contact.verified", now, person)
    return person


def withdraw(tx: Transaction, address: UserAddress, now: float) -> None:
    """Take the mark away, and with it any warning; raises as `verify` does."""
    if _contact(tx, address).verified_at is None:
        return
    verification.unmark(tx, address)
    events.append_row(tx, "contact.unverified", now, contacts.view(tx, address))


def term_seen(tx: Transaction, address: UserAddress, term: int, now: float) -> bool:
    """Note the term of a contact's node; a higher one withdraws the mark, warns, and is True."""
    if not verification.raise_term(tx, address, term):
        return False
    person = contacts.view(tx, address)
    if person.warning:
        events.append_row(tx, "contact.key-changed", now, person)
    return True


def _contact(tx: Transaction, address: UserAddress) -> StoredContact:
    row = contacts.get(tx, address)
    if row is None or row.state is ContactState.REMOVED:
        raise NotFoundError(NO_PERSON)
    if not row.is_accepted:
        raise ConflictError("this person is no contact: accept them before you verify them")
    return contacts.view(tx, address)
