"""Push endpoints of devices, at most one for each: queries only.

An endpoint is a secret of its device: whoever has it can wake the device.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass, field, fields
from typing import Any, Final

from zentalk.store.history.event_filter import EventFilter
from zentalk.store.sqlite import Transaction


@dataclass(frozen=True, slots=True)
class PushRow:
    """Where and how one device is woken. Times are unix seconds.

    `client_key` and `auth` are those of RFC 8291, empty if the device decrypts nothing.
    `is_signed`: requests bear a signature of RFC 8292. `is_trusted`: the owner's token named the
    endpoint, which may be anywhere then. `cursor` is an event up to which nothing is left to do.
    `woken_at` is when the device was last woken, None if it has been here since. `stopped` says
    why it is woken no more. The rest is as of a webhook.
    """

    device: str
    endpoint: str = field(repr=False)
    client_key: bytes = field(repr=False)
    auth: bytes = field(repr=False)
    is_signed: bool
    is_trusted: bool
    types: tuple[str, ...]
    created_at: float
    cursor: int
    woken_at: float | None = None
    stopped: str = ""
    failures: int = 0
    failing_since: float | None = None
    next_at: float = 0.0
    last_error: str = ""
    delivered_at: float | None = None

    @property
    def wanted(self) -> EventFilter:
        """The events for which the device is woken."""
        return EventFilter(self.types)


_COLUMNS: Final = ", ".join(each.name for each in fields(PushRow))


def put(tx: Transaction, row: PushRow) -> None:
    """Set the endpoint of a device, in place of the one before."""
    values = [json.dumps(each) if isinstance(each, tuple) else each for each in astuple(row)]
    places = ", ".join("?" * len(values))
    tx.execute(f"INSERT OR REPLACE INTO push ({_COLUMNS}) VALUES ({places})", values)


def update(tx: Transaction, row: PushRow) -> bool:
    """Save what became of an endpoint; False if it was removed or replaced meanwhile."""
    known = get(tx, row.device)
    if known is None or (known.endpoint, known.created_at) != (row.endpoint, row.created_at):
        return False
    put(tx, row)
    return True


def get(tx: Transaction, device: str) -> PushRow | None:
    """Return the endpoint of a device."""
    found = tx.execute(f"SELECT {_COLUMNS} FROM push WHERE device = ?", (device,)).fetchone()
    return None if found is None else _row(found)


def every(tx: Transaction) -> list[PushRow]:
    """Return all endpoints, oldest first."""
    rows = tx.execute(f"SELECT {_COLUMNS} FROM push ORDER BY created_at, device")
    return [_row(row) for row in rows]


def remove(tx: Transaction, device: str) -> bool:
    """Delete the endpoint of a device; False if there is none."""
    return tx.execute("DELETE FROM push WHERE device = ?", (device,)).rowcount > 0


def _row(row: tuple[Any, ...]) -> PushRow:
    device, endpoint, client_key, auth, is_signed, is_trusted, types, *rest = row
    kinds = tuple(json.loads(types))
    return PushRow(
        device, endpoint, client_key, auth, bool(is_signed), bool(is_trusted), kinds, *rest
    )
