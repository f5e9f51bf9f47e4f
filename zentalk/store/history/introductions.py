"""Rows of people whom contacts have introduced, until they are contacts or it is too late."""

from __future__ import annotations

from typing import NamedTuple

from zentalk.ids import UserAddress
from zentalk.store.history.models import StoredIntroduction
from zentalk.store.sqlite import Transaction
from zentalk.wire.text import format_address


class IntroductionRow(NamedTuple):
    """Who introduced a person, and the secret that both were given."""

    introducer: UserAddress
    secret: bytes

    def __repr__(self) -> str:
        return "<introduction>"


def put(
    tx: Transaction,
    address: UserAddress,
    row: IntroductionRow,
    name: str,
    now: float,
) -> bool:
    """Remember an introduction instead of an earlier one of the same two; False if it is the same.

    The caller sees to it that one introducer does not fill the table.
    """
    known = tx.execute(
        "SELECT secret FROM introductions WHERE address = ? AND introducer = ?",
        (address, row.introducer),
    ).fetchone()
    if known is not None and known[0] == row.secret:
        return False
    tx.execute(
        "INSERT OR REPLACE INTO introductions VALUES (?, ?, ?, ?, ?)",
        (address, row.introducer, name, row.secret, now),
    )
    return True


def keep_newest(tx: Transaction, introducer: UserAddress, most: int) -> None:
    """Drop the oldest introductions of one introducer beyond a number."""
    tx.execute(
        "DELETE FROM introductions WHERE introducer = ?1 AND address IN (SELECT address"
        " FROM introductions WHERE introducer = ?1 ORDER BY at DESC, address LIMIT -1 OFFSET ?2)",
        (introducer, most),
    )


def of_person(tx: Transaction, address: UserAddress) -> list[IntroductionRow]:
    """Return who has introduced a person, the latest first."""
    rows = tx.execute(
        "SELECT introducer, secret FROM introductions WHERE address = ?"
        " ORDER BY at DESC, introducer",
        (address,),
    )
    return [IntroductionRow(UserAddress(introducer), secret) for introducer, secret in rows]


def every(tx: Transaction) -> list[StoredIntroduction]:
    """Return all introductions, oldest first."""
    rows = tx.execute(
        "SELECT address, name, introducer, at FROM introductions ORDER BY at, address, introducer"
    )
    return [
        StoredIntroduction(format_address(address), name, format_address(introducer), at)
        for address, name, introducer, at in rows
    ]


def remove(tx: Transaction, address: UserAddress) -> bool:
    """Drop all introductions of a person; False if there was none."""
    return tx.execute("DELETE FROM introductions WHERE address = ?", (address,)).rowcount > 0


def remove_by(tx: Transaction, introducer: UserAddress) -> None:
    """Drop what somebody has introduced whose word does not count any more."""
    tx.execute("DELETE FROM introductions WHERE introducer = ?", (introducer,))


def forget(tx: Transaction, before: float) -> None:
    """Drop introductions older than a unix time."""
    tx.execute("DELETE FROM introductions WHERE at < ?", (before,))
