"""The verified mark: set by the owner, and withdrawn when a contact's node is another one.

An address is an identity key, so the key of an address never changes. What can change is which of
a contact's nodes speaks for it: each such change has a higher *term*, which comes in with the
contact's sessions once there are linked nodes. `term_seen` is what they call.
"""

from __future__ import annotations

from zentalk.errors import ConflictError, NotFoundError
from zentalk.ids import UserAddress
from zentalk.node.messages.people import NO_PERSON
from zentalk.store.history import contacts, events, messages, verification
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
    person = _contact(tx, address)
    if person.verified_at is None and not person.warning:
        return
    verification.unmark(tx, address)
    events.append_row(tx, "contact.unverified", now, contacts.view(tx, address))


def term_seen(tx: Transaction, address: UserAddress, term: int, now: float) -> bool:
    """Note the term of a person's node; True for a higher one.

    A contact who was heard in a lower one is shown with a warning until the owner has looked, and
    loses the mark. The first term that is known of a person is no change.
    """
    row, was_heard = contacts.get(tx, address), _was_heard(tx, address, term)
    if not verification.raise_term(tx, address, term):
        return False
    if row is None or not row.is_accepted or not was_heard:
        verification.unmark(tx, address)
        return True
    events.append_row(tx, "contact.key-changed", now, contacts.view(tx, address))
    return True


def _was_heard(tx: Transaction, address: UserAddress, term: int) -> bool:
    """Tell whether a person is known by more than its address from before a term."""
    return (
        verification.is_marked(tx, address)
        or verification.was_heard(tx, address, term)
        or messages.has_history(tx, address)
    )


def _contact(tx: Transaction, address: UserAddress) -> StoredContact:
    row = contacts.get(tx, address)
    if row is None or row.state is ContactState.REMOVED:
        raise NotFoundError(NO_PERSON)
    if not row.is_accepted:
        raise ConflictError("this person is no contact: accept them before you verify them")
    return contacts.view(tx, address)
