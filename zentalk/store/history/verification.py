"""Columns about the verified mark: when it was set, and in which term of the contact's node.

A term counts how often the contact's conversation went to another of its nodes. A mark counts for
the term in which it was set, and is withdrawn by a higher one.
"""

from __future__ import annotations

from zentalk.ids import UserAddress
from zentalk.store.sqlite import Transaction


def mark(tx: Transaction, address: UserAddress, now: float) -> None:
    """Set the mark, for the term of now."""
    tx.execute(
        "UPDATE contacts SET verified_at = ?, verified_term = term WHERE address = ?",
        (now, address),
    )


def unmark(tx: Transaction, address: UserAddress) -> None:
    """Take the mark away."""
    tx.execute("UPDATE contacts SET verified_at = NULL WHERE address = ?", (address,))


def term(tx: Transaction, address: UserAddress) -> int:
    """Return a person's highest known term; 0 for somebody unknown."""
    row = tx.execute("SELECT term FROM contacts WHERE address = ?", (address,)).fetchone()
    return 0 if row is None else int(row[0])


def raise_term(tx: Transaction, address: UserAddress, term: int) -> bool:
    """Note a contact's term; False if one as high was known."""
    changed = tx.execute(
        "UPDATE contacts SET term = ?1 WHERE address = ?2 AND term < ?1", (term, address)
    )
    return changed.rowcount > 0
