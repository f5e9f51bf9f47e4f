"""When each device was last seen, to the minute; not signed, because it admits nobody."""

from __future__ import annotations

from collections.abc import Mapping

from zentalk.store.sqlite import Transaction


def every(tx: Transaction) -> dict[str, float]:
    """Return the unix time at which each device was seen."""
    return dict(tx.execute("SELECT device, seen_at FROM devices_seen").fetchall())


def put(tx: Transaction, seen: Mapping[str, float]) -> None:
    """Note when devices were seen."""
    tx.executemany(
        "INSERT INTO devices_seen VALUES (?, ?)"
        " ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at",
        list(seen.items()),
    )


def forget(tx: Transaction, device: str) -> None:
    """Drop what is known of a device."""
    tx.execute("DELETE FROM devices_seen WHERE device = ?", (device,))
