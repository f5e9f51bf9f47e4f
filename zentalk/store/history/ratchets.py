"""Rows of ratchets, and the hashes of what they have decrypted."""

from __future__ import annotations

from typing import Any

from zentalk.ids import MessageId, UserAddress
from zentalk.store.history.models import RatchetRow, SeenCiphertext
from zentalk.store.sqlite import Transaction

_COLUMNS = (
    "ratchet_id, contact, generation, initiator, confirmed, initial_header, state, created_at,"
    " retired_at, term"
)


def _row(row: tuple[Any, ...]) -> RatchetRow:
    ratchet_id, contact, generation, initiator, confirmed, *rest = row
    return RatchetRow(ratchet_id, contact, generation, initiator, bool(confirmed), *rest)


def of_contact(tx: Transaction, contact: UserAddress) -> list[RatchetRow]:
    """Return a contact's ratchets, the newest generation first."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM ratchets WHERE contact = ?"
        " ORDER BY generation DESC, created_at DESC",
        (contact,),
    )
    return [_row(row) for row in rows]


def get(tx: Transaction, ratchet_id: bytes) -> RatchetRow | None:
    """Return one ratchet."""
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM ratchets WHERE ratchet_id = ?", (ratchet_id,)
    ).fetchone()
    return None if row is None else _row(row)


def insert(tx: Transaction, row: RatchetRow) -> None:
    """Add a ratchet."""
    tx.execute(
        "INSERT INTO ratchets VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (row.ratchet_id, row.contact, row.generation, row.initiator, row.confirmed,
         row.initial_header, row.state, row.created_at, row.retired_at, row.term),
    )  # fmt: skip


def set_state(tx: Transaction, ratchet_id: bytes, state: bytes) -> None:
    """Store a ratchet's new state."""
    tx.execute("UPDATE ratchets SET state = ? WHERE ratchet_id = ?", (state, ratchet_id))


def set_bookkeeping(
    tx: Transaction, ratchet_id: bytes, confirmed: bool, retired_at: float | None
) -> None:
    """Store what changed around a ratchet; a confirmed one needs no initial header."""
    tx.execute(
        "UPDATE ratchets SET confirmed = ?, retired_at = ?,"
        " initial_header = CASE WHEN ? THEN NULL ELSE initial_header END WHERE ratchet_id = ?",
        (confirmed, retired_at, confirmed, ratchet_id),
    )


def forget(tx: Transaction, ratchet_id: bytes) -> None:
    """Drop one ratchet."""
    tx.execute("DELETE FROM ratchets WHERE ratchet_id = ?", (ratchet_id,))


def forget_retired(tx: Transaction, before: float) -> None:
    """Drop ratchets that were retired before a unix time."""
    tx.execute("DELETE FROM ratchets WHERE retired_at < ?", (before,))


def seen(tx: Transaction, digest: bytes) -> SeenCiphertext | None:
    """Return what is known of a ciphertext that was decrypted before."""
    row = tx.execute(
        "SELECT contact, message_id, envelopes, confirmation, held FROM seen WHERE hash = ?",
        (digest,),
    ).fetchone()
    if row is None:
        return None
    contact, message_id, envelopes, confirmation, is_held = row
    return SeenCiphertext(digest, contact, message_id, envelopes, confirmation, bool(is_held))


def remember(
    tx: Transaction,
    digest: bytes,
    contact: UserAddress,
    message_id: MessageId | None,
    expires_at: float,
    envelope: bytes = b"",
    *,
    is_held: bool = False,
) -> None:
    """Remember a decrypted ciphertext by its hash, and by which envelope it came in.

    What is held is confirmed only after `confirmations.let_in`.
    """
    tx.execute(
        "INSERT INTO seen (hash, contact, message_id, expires_at, envelopes, held)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (digest, contact, message_id, expires_at, envelope, is_held),
    )


def forget_seen(tx: Transaction, now: float) -> None:
    """Drop hashes whose time is over."""
    tx.execute("DELETE FROM seen WHERE expires_at < ?", (now,))
