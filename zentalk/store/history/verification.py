"""Columns about the verified mark: when it was set, and in which term of the contact's node.

A term counts how often the contact's conversation went to another of its nodes. A mark counts for
the term in which it was set, and is withdrawn by a higher one. `verified_term` of whoever has no
mark is the term that the owner knows of: the one that was there first, or was looked at.
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
    """Take the mark away, and any warning; the owner knows of the term of now."""
    tx.execute(
        "UPDATE contacts SET verified_at = NULL, verified_term = term WHERE address = ?",
        (address,),
    )


def was_heard(tx: Transaction, address: UserAddress, below: int) -> bool:
    """Tell whether a person has answered or written in a ratchet of a term below one."""
    row = tx.execute(
        "SELECT 1 FROM ratchets WHERE contact = ? AND confirmed AND term < ?", (address, below)
    ).fetchone()
    return row is not None


def is_marked(tx: Transaction, address: UserAddress) -> bool:
    """Tell whether the mark was set, also in a term of before."""
    row = tx.execute("SELECT verified_at FROM contacts WHERE address = ?", (address,)).fetchone()
    return row is not None and row[0] is not None


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
