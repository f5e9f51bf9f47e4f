"""Rows of links to another node of the owner, and what has come over them and is not done yet.

Queries only. A node is linked to one other at most: to its replica, or, in the database that a
replica has for itself, to its first. Of a code that makes a link only its hash is here.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final, NamedTuple

from zentalk.ids import UserAddress
from zentalk.store.sqlite import Transaction

_COLUMNS: Final = "id, role, created_at, expires_at, address, feed, linked_at, acked, heard_at"


class LinkRole(StrEnum):
    """What the other node is to this one."""

    REPLICA = "replica"
    FIRST = "first"


class LinkRow(NamedTuple):
    """A link, or a code that waits for its node; times are unix seconds.

    `feed` names the numbering of changes, and the replica has all up to `acked`.
    """

    id: bytes
    role: LinkRole
    created_at: float
    expires_at: float
    address: UserAddress | None
    feed: bytes
    linked_at: float | None
    acked: int
    heard_at: float | None

    def __repr__(self) -> str:
        return f"<link to a {self.role}>"


def insert(tx: Transaction, link: LinkRow, secret_hash: bytes) -> None:
    """Add a link, or a code that waits for its node."""
    tx.execute(
        f"INSERT INTO links ({_COLUMNS}, secret_hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*link, secret_hash),
    )


def linked(tx: Transaction, role: LinkRole) -> LinkRow | None:
    """Return the link to a node of a role, once that node has come."""
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM links WHERE role = ? AND address IS NOT NULL", (role,)
    ).fetchone()
    return None if row is None else _link(row)


def waiting(tx: Transaction, now: float) -> list[tuple[LinkRow, bytes]]:
    """Return codes that a node may come with, each with the hash of its secret."""
    rows = tx.execute(
        f"SELECT {_COLUMNS}, secret_hash FROM links WHERE address IS NULL AND expires_at > ?",
        (now,),
    )
    return [(_link(row[:-1]), row[-1]) for row in rows]


def every(tx: Transaction) -> list[LinkRow]:
    """Return all links and codes."""
    return [_link(row) for row in tx.execute(f"SELECT {_COLUMNS} FROM links ORDER BY created_at")]


def take(tx: Transaction, link_id: bytes, address: UserAddress, now: float) -> None:
    """Note which node has come with a code."""
    tx.execute(
        "UPDATE links SET address = ?, linked_at = ?, heard_at = ? WHERE id = ?",
        (address, now, now, link_id),
    )


def heard(tx: Transaction, link_id: bytes, acked: int, now: float) -> None:
    """Note what the replica has."""
    tx.execute("UPDATE links SET acked = ?, heard_at = ? WHERE id = ?", (acked, now, link_id))


def remove(tx: Transaction, link_id: bytes) -> None:
    """Drop a link or a code."""
    tx.execute("DELETE FROM links WHERE id = ?", (link_id,))


def remove_codes(tx: Transaction) -> None:
    """Drop the codes that no node has come with."""
    tx.execute("DELETE FROM links WHERE address IS NULL")


def put_inbox(tx: Transaction, body: bytes) -> None:
    """Keep what has come until it is done."""
    tx.execute("INSERT INTO sync_inbox (body) VALUES (?)", (body,))


def inbox(tx: Transaction, after: int = 0, limit: int = -1) -> list[tuple[int, bytes]]:
    """Return what has come after a number, in order, up to `limit` (-1: all)."""
    rows = tx.execute(
        "SELECT number, body FROM sync_inbox WHERE number > ? ORDER BY number LIMIT ?",
        (after, limit),
    )
    return [(int(number), bytes(body)) for number, body in rows]


def inbox_count(tx: Transaction) -> int:
    """Return how much has come and is not done."""
    return int(tx.execute("SELECT count(*) FROM sync_inbox").fetchone()[0])


def drop_inbox(tx: Transaction, numbers: Iterable[int]) -> None:
    """Forget what is done."""
    tx.executemany("DELETE FROM sync_inbox WHERE number = ?", [(number,) for number in numbers])


def _link(row: tuple[Any, ...]) -> LinkRow:
    link_id, role, *rest = row
    return LinkRow(link_id, LinkRole(role), *rest)
