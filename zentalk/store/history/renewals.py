"""Rows of what speaks against a contact's ratchets: whether and when to make a new one.

They are on disk because a restart must neither forget a loss nor reset the limit on
renewals. Hashes are kept as one short value: there are at most three.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from zentalk.ids import UserAddress
from zentalk.store.sqlite import Transaction

HASH_BYTES: Final = 32
_COLUMNS = "undecryptable, interval_seconds, last_renewal, doubts, doubted_at, record_prekeys"


class RenewalRow(NamedTuple):
    """Evidence and limits of one contact; times are unix seconds.

    `interval_seconds` is 0 before the first renewal. `doubts` counts looks at mail that
    was not confirmed for long, `record_prekeys` is what the contact's user record named.
    """

    undecryptable: frozenset[bytes] = frozenset()
    interval_seconds: float = 0.0
    last_renewal: float | None = None
    doubts: int = 0
    doubted_at: float | None = None
    record_prekeys: bytes | None = None


def get(tx: Transaction, contact: UserAddress) -> RenewalRow:
    """Return a contact's row, an empty one if there is none."""
    row = tx.execute(f"SELECT {_COLUMNS} FROM renewals WHERE contact = ?", (contact,)).fetchone()
    if row is None:
        return RenewalRow()
    hashes, *rest = row
    starts = range(0, len(hashes), HASH_BYTES)
    return RenewalRow(frozenset(hashes[at : at + HASH_BYTES] for at in starts), *rest)


def put(tx: Transaction, contact: UserAddress, row: RenewalRow) -> None:
    """Store a contact's row."""
    tx.execute(
        f"INSERT INTO renewals (contact, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (contact) DO UPDATE SET undecryptable = excluded.undecryptable,"
        " interval_seconds = excluded.interval_seconds, last_renewal = excluded.last_renewal,"
        " doubts = excluded.doubts, doubted_at = excluded.doubted_at,"
        " record_prekeys = excluded.record_prekeys",
        (contact, b"".join(sorted(row.undecryptable)), *row[1:]),
    )


def clear(tx: Transaction, contact: UserAddress) -> None:
    """Forget the evidence: the newest ratchet works. Prekeys seen before are compared no more."""
    tx.execute(
        "UPDATE renewals SET undecryptable = x'', doubts = 0, doubted_at = NULL,"
        " record_prekeys = NULL WHERE contact = ? AND (undecryptable <> x'' OR doubts > 0)",
        (contact,),
    )


def suspects(tx: Transaction, hashes: int) -> list[UserAddress]:
    """Return contacts of whom this many envelopes could not be read."""
    rows = tx.execute(
        "SELECT contact FROM renewals WHERE length(undecryptable) >= ? ORDER BY contact",
        (hashes * HASH_BYTES,),
    )
    return [UserAddress(row[0]) for row in rows]
