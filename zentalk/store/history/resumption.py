"""Who is begun anew with after a promotion, who was asked, and who was answered. Queries only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from zentalk.ids import UserAddress
from zentalk.store.history import settings
from zentalk.store.sqlite import Transaction

_VERSIONS: Final = 1_000
_ASKED: Final = -1
"""The place of a contact that was written to and has not answered."""


def put_all(tx: Transaction, in_order: Iterable[UserAddress]) -> None:
    """Let contacts have their turn in this order."""
    tx.execute("DELETE FROM to_renew")
    tx.executemany(
        "INSERT INTO to_renew (contact, place) VALUES (?, ?)",
        [(contact, place) for place, contact in enumerate(in_order)],
    )


def take_next(tx: Transaction) -> UserAddress | None:
    """Return whose turn it is, who counts as asked from here on; None if all had theirs."""
    row = tx.execute(
        "UPDATE to_renew SET place = ? WHERE contact ="
        " (SELECT contact FROM to_renew WHERE place >= 0 ORDER BY place LIMIT 1)"
        " RETURNING contact",
        (_ASKED,),
    ).fetchone()
    return None if row is None else UserAddress(row[0])


def left(tx: Transaction) -> int:
    """Return how many have not had their turn."""
    return int(tx.execute("SELECT count(*) FROM to_renew WHERE place >= 0").fetchone()[0])


def waits(tx: Transaction, contact: UserAddress) -> bool:
    """Tell whether a contact has not had its turn."""
    row = tx.execute(
        "SELECT 1 FROM to_renew WHERE contact = ? AND place >= 0", (contact,)
    ).fetchone()
    return row is not None


def was_asked(tx: Transaction, contact: UserAddress) -> bool:
    """Tell whether a contact was asked and has not answered."""
    row = tx.execute(
        "SELECT 1 FROM to_renew WHERE contact = ? AND place = ?", (contact, _ASKED)
    ).fetchone()
    return row is not None


def heard(tx: Transaction, contact: UserAddress) -> None:
    """Note that a contact has answered."""
    tx.execute("DELETE FROM to_renew WHERE contact = ?", (contact,))


def answer_once(tx: Transaction, contact: UserAddress, term: int) -> bool:
    """Note that a contact's node of a term was answered; False if it was before."""
    done = tx.execute(
        "INSERT INTO answered_terms (contact, term) VALUES (?1, ?2)"
        " ON CONFLICT DO UPDATE SET term = ?2 WHERE term < ?2",
        (contact, term),
    )
    return done.rowcount > 0


def begin_anew(tx: Transaction) -> None:
    """Forget where contacts collect and which of our routes they know: it was another node's."""
    tx.execute("UPDATE contacts SET route = NULL, route_version = 0, own_route_known = 0")
    version = int.from_bytes(settings.get(tx, settings.ROUTE_VERSION) or b"", "big")
    # Cards for groups are as new as the route on them, and the other node went on for a while.
    settings.put(tx, settings.ROUTE_VERSION, (version + _VERSIONS).to_bytes(8, "big"))


def by_activity(tx: Transaction) -> list[UserAddress]:
    """Return all contacts and groups, those first in which something was said last."""
    rows = tx.execute(
        "SELECT address FROM contacts WHERE state IN ('contact', 'group') ORDER BY"
        " coalesce((SELECT max(seq) FROM messages WHERE contact = address), 0) DESC,"
        " added_at DESC, address"
    )
    return [UserAddress(row[0]) for row in rows]
