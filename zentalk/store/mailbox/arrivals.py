"""The lists of arrivals of public send ids in a relay's database.

Spec: docs/spec/mailbox.md section 13. A row lives as long as its send id, whether the envelope
still waits or not. All of it runs inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from zentalk.ids import DepositId, SendId
from zentalk.mailbox.arrivals import Arrival


def add(connection: sqlite3.Connection, mailbox: int, send_id: SendId, arrival: Arrival) -> None:
    """List a deposit, unless its send id was removed in the meantime."""
    connection.execute(
        "INSERT OR REPLACE INTO arrival (send_id, deposit_id, work, places)"
        " SELECT send_id, ?, ?, ? FROM send_id WHERE send_id = ? AND mailbox = ?",
        (arrival.deposit_id, arrival.work, arrival.places, send_id, mailbox),
    )


def remove(
    connection: sqlite3.Connection, mailbox: int, send_id: SendId, gone: Iterable[DepositId]
) -> None:
    """Take deposits off the list of a send id of this mailbox."""
    connection.executemany(
        "DELETE FROM arrival WHERE send_id = ? AND deposit_id = ?"
        " AND send_id IN (SELECT send_id FROM send_id WHERE mailbox = ?)",
        [(send_id, deposit_id, mailbox) for deposit_id in gone],
    )


def load(connection: sqlite3.Connection) -> dict[int, dict[SendId, list[Arrival]]]:
    """Return all lists by mailbox and send id, in the order in which deposits came."""
    lists: dict[int, dict[SendId, list[Arrival]]] = {}
    for ref, send_id, deposit_id, work, places in connection.execute(
        "SELECT mailbox, send_id, deposit_id, work, places FROM arrival JOIN send_id"
        " USING (send_id) ORDER BY number"
    ):
        arrivals = lists.setdefault(ref, {}).setdefault(SendId(send_id), [])
        arrivals.append(Arrival(DepositId(deposit_id), work, places))
    return lists
