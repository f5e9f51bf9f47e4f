"""Rows of people whose link to a group the owner has used, so that their invitation is accepted."""

from __future__ import annotations

from zentalk.ids import UserAddress
from zentalk.store.sqlite import Transaction


def put(tx: Transaction, person: UserAddress, until: float) -> None:
    """Accept the next invitation of somebody until a unix time."""
    tx.execute(
        "INSERT INTO group_joins VALUES (?, ?) ON CONFLICT DO UPDATE SET until = excluded.until",
        (person, until),
    )


def take(tx: Transaction, person: UserAddress, now: float) -> bool:
    """Tell whether an invitation of somebody is to be accepted, and let that hold once."""
    row = tx.execute(
        "DELETE FROM group_joins WHERE person = ? RETURNING until", (person,)
    ).fetchone()
    return row is not None and now < row[0]
