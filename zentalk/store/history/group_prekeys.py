"""Rows of the prekeys' secrets on our cards for groups.

Their ids begin where those of user records never come, so that a first message says by its ids
alone which of the two its author has used.
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto.types import Entropy
from zentalk.ids import GroupId
from zentalk.store.sqlite import Transaction

FIRST_ID: Final = 2**31


def add(tx: Transaction, kind: str, secret: bytes, group: GroupId, entropy: Entropy) -> int:
    """Store a secret (`signed`, `pq`) under an id that is drawn; return the id."""
    while True:
        number = FIRST_ID + int.from_bytes(entropy(4), "big") % FIRST_ID
        added = tx.execute(
            "INSERT INTO group_prekeys (kind, id, grp, secret) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (kind, number, group, secret),
        )
        if added.rowcount:
            return number


def get(tx: Transaction, kind: str, number: int) -> bytes | None:
    """Return a secret; None if there is none of this id."""
    row = tx.execute(
        "SELECT secret FROM group_prekeys WHERE kind = ? AND id = ?", (kind, number)
    ).fetchone()
    return None if row is None else bytes(row[0])


def of_group(tx: Transaction, group: GroupId) -> dict[str, tuple[int, bytes]]:
    """Return id and secret of each kind that a group has."""
    rows = tx.execute("SELECT kind, id, secret FROM group_prekeys WHERE grp = ?", (group,))
    return {row[0]: (int(row[1]), bytes(row[2])) for row in rows}


def erase(tx: Transaction, group: GroupId) -> None:
    """Delete the secrets of a group that we are in no longer."""
    tx.execute("DELETE FROM group_prekeys WHERE grp = ?", (group,))
