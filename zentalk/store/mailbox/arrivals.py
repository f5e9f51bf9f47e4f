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


def find(
    connection: sqlite3.Connection, mailbox: int
) -> tuple[tuple[SendId, tuple[Arrival, ...]], ...]:
    """Return the lists of a mailbox by send id, in the order in which deposits came."""
    lists: dict[SendId, list[Arrival]] = {}
    for send_id, deposit_id, work, places in connection.execute(
        "SELECT send_id, deposit_id, work, places FROM send_id JOIN arrival USING (send_id)"
        " WHERE mailbox = ? ORDER BY number",
        (mailbox,),
    ):
        arrival = Arrival(DepositId(deposit_id), work, places)
        lists.setdefault(SendId(send_id), []).append(arrival)
    return tuple((send_id, tuple(found)) for send_id, found in lists.items())
