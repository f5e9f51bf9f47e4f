"""Small single values of the node: state of its network part, devices, version of its route."""

from __future__ import annotations

from typing import Final

from zentalk.store.sqlite import Transaction

ROUTE_VERSION: Final = "route-version"
"""8 bytes: how often our set of mailboxes has changed (see `ContactRow.own_route_version`)."""
TERM: Final = "term"
"""4 bytes: how often the owner has promoted a node, as this one knows it; it goes to a replica."""


def get(tx: Transaction, key: str) -> bytes | None:
    """Return a value."""
    row = tx.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
    return None if row is None else bytes(row[0])


def put(tx: Transaction, key: str, value: bytes) -> None:
    """Set a value."""
    tx.execute(
        "INSERT INTO settings VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        (key, value),
    )
