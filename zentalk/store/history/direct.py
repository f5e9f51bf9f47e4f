"""Rows of consent: between whom direct connections are allowed, by both."""

from __future__ import annotations

from typing import Final, NamedTuple

from zentalk.ids import UserAddress
from zentalk.store.history.models import ContactState
from zentalk.store.sqlite import Transaction
from zentalk.wire.text import parse_address


class DirectRow(NamedTuple):
    """What the owner and a contact allow; of each side the highest number counts."""

    number: int
    allowed: bool
    their_number: int
    is_allowed_there: bool


NOBODY_ASKED: Final = DirectRow(0, allowed=False, their_number=0, is_allowed_there=False)


def get(tx: Transaction, contact: UserAddress) -> DirectRow:
    """Return what is allowed between the owner and a contact."""
    row = tx.execute(
        "SELECT number, allowed, their_number, is_allowed_there FROM direct WHERE contact = ?",
        (contact,),
    ).fetchone()
    if row is None:
        return NOBODY_ASKED
    return DirectRow(row[0], bool(row[1]), row[2], bool(row[3]))


def put(tx: Transaction, contact: UserAddress, row: DirectRow) -> None:
    """Set what is allowed between the owner and a contact."""
    tx.execute("INSERT OR REPLACE INTO direct VALUES (?, ?, ?, ?, ?)", (contact, *row))


def withdraw(tx: Transaction, contact: UserAddress) -> None:
    """Allow somebody nothing any more who is no contact now: one that is added anew is asked."""
    tx.execute("UPDATE direct SET allowed = 0 WHERE contact = ?", (contact,))


def shown_as_direct(tx: Transaction) -> frozenset[UserAddress]:
    """Return who is reached directly as far as the event log tells."""
    rows = tx.execute(
        # The first words are those of the index `events_of_people`. SQLite takes the path from the
        # row of the highest number.
        "SELECT json_extract(data, '$.address'), json_extract(data, '$.path'), max(seq) FROM events"
        " WHERE type > 'contact.' AND type < 'contact/' AND type = 'contact.path' GROUP BY 1"
    )
    return frozenset(parse_address(address) for address, path, _ in rows if path == "direct")


def agreed(tx: Transaction) -> frozenset[UserAddress]:
    """Return the contacts with whom both sides allow direct connections."""
    rows = tx.execute(
        "SELECT contact FROM direct JOIN contacts ON address = contact"
        " WHERE allowed AND is_allowed_there AND state = ?",
        (ContactState.CONTACT,),
    )
    return frozenset(UserAddress(row[0]) for row in rows)
