"""Rows of confirmations that were made, and of messages that are still to be confirmed again.

Queries only: when something is repeated is decided in `zentalk.node.messages.confirmations`.
Of a confirmation whose ciphertext was dropped its row stays as long as the hashes of what it
confirms: that a relay has acknowledged it must not be forgotten earlier.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from zentalk.ids import MessageId, UserAddress
from zentalk.store.history.models import KeptConfirmation
from zentalk.store.sqlite import Transaction

MAX_KEPT: Final = 4_096
"""Confirmations whose ciphertext is kept, 1.7 kB each; the oldest are dropped first."""
ENVELOPE_HASH_BYTES: Final = 8
MAX_ENVELOPES: Final = 16
"""Envelopes by which one inner is known; of more the last ones."""

_COLUMNS: Final = "number, ratchet_id, item_key, ciphertext, made_at, acknowledged"


class Unconfirmed(NamedTuple):
    """A message to be confirmed, and the hash of the inner that it came in, if that is known."""

    digest: bytes | None
    message_id: MessageId

    def __repr__(self) -> str:
        return "<unconfirmed message>"


class ConfirmationTimes(NamedTuple):
    """When a contact was last sent something because of a repetition (unix seconds).

    Kept confirmations that went again have used up the time until `repeated_until`; at
    `collected_at` a new one was made of what had been collected.
    """

    repeated_until: float | None = None
    collected_at: float | None = None


def keep(
    tx: Transaction,
    contact: UserAddress,
    ratchet_id: bytes,
    item_key: bytes,
    ciphertext: bytes,
    now: float,
) -> int:
    """Keep a confirmation; return its number."""
    row = tx.execute(
        "INSERT INTO confirmations (contact, ratchet_id, item_key, ciphertext, made_at)"
        " VALUES (?, ?, ?, ?, ?) RETURNING number",
        (contact, ratchet_id, item_key, ciphertext, now),
    ).fetchone()
    number = int(row[0])
    tx.execute(
        "UPDATE confirmations SET ciphertext = NULL WHERE ciphertext IS NOT NULL AND number <= ?",
        (number - MAX_KEPT,),
    )
    return number


def get(tx: Transaction, number: int | None) -> KeptConfirmation | None:
    """Return a confirmation; None if there is none of this number."""
    row = tx.execute(f"SELECT {_COLUMNS} FROM confirmations WHERE number = ?", (number,)).fetchone()
    return None if row is None else _kept(row)


def first_owed(
    tx: Transaction, contact: UserAddress, ratchet_id: bytes, made_after: float
) -> KeptConfirmation | None:
    """Return a confirmation that speaks for something collected, and is still as it was sent."""
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM confirmations WHERE ratchet_id = ? AND made_at > ?"
        " AND ciphertext IS NOT NULL AND number IN"
        " (SELECT confirmation FROM seen WHERE contact = ? AND owed) ORDER BY number LIMIT 1",
        (ratchet_id, made_after, contact),
    ).fetchone()
    return None if row is None else _kept(row)


def acknowledged(tx: Transaction, numbers: Iterable[int]) -> None:
    """Note that mailbox relays have taken these confirmations."""
    tx.executemany(
        "UPDATE confirmations SET acknowledged = 1 WHERE number = ?", [(n,) for n in numbers]
    )


def forget(tx: Transaction, kept_before: float, known_before: float) -> None:
    """Drop ciphertexts made before a unix time, and rows made before an earlier one."""
    tx.execute(
        "UPDATE confirmations SET ciphertext = NULL WHERE ciphertext IS NOT NULL AND made_at < ?",
        (kept_before,),
    )
    tx.execute("DELETE FROM confirmations WHERE made_at < ?", (known_before,))


def add_envelope(tx: Transaction, digest: bytes, known: bytes, envelope: bytes) -> bool:
    """Note one more envelope that an inner came in; False if it is known already."""
    starts = range(0, len(known), ENVELOPE_HASH_BYTES)
    if any(known[at : at + ENVELOPE_HASH_BYTES] == envelope for at in starts):
        return False
    last = (known + envelope)[-MAX_ENVELOPES * ENVELOPE_HASH_BYTES :]
    tx.execute("UPDATE seen SET envelopes = ? WHERE hash = ?", (last, digest))
    return True


def confirmed_by(tx: Transaction, messages: Iterable[Unconfirmed], number: int) -> None:
    """Note which confirmation speaks for messages; nothing is owed for them any more."""
    tx.executemany(
        "UPDATE seen SET confirmation = ?, owed = 0 WHERE hash = ?",
        [(number, one.digest) for one in messages if one.digest is not None],
    )


def let_in(tx: Transaction, contact: UserAddress, ids: Iterable[MessageId]) -> list[Unconfirmed]:
    """Note that messages are held no longer; return them by every inner that each came in."""
    return [
        Unconfirmed(row[0], message_id)
        for message_id in ids
        for row in tx.execute(
            "UPDATE seen SET held = 0 WHERE contact = ? AND message_id = ? AND held RETURNING hash",
            (contact, message_id),
        ).fetchall()
    ]


def owe_unacknowledged(tx: Transaction) -> None:
    """Collect what was confirmed by something that no mailbox relay is known to have taken."""
    tx.execute(
        "UPDATE seen SET owed = 1 WHERE confirmation IN (SELECT number FROM confirmations"
        " WHERE ciphertext IS NOT NULL AND NOT acknowledged)"
    )


def owe(tx: Transaction, digests: Iterable[bytes | None]) -> None:
    """Collect messages that are to be confirmed anew."""
    rows = [(digest,) for digest in digests if digest is not None]
    tx.executemany("UPDATE seen SET owed = 1 WHERE hash = ?", rows)


def owed(tx: Transaction, contact: UserAddress, limit: int) -> list[Unconfirmed]:
    """Return messages of a contact that are collected, those that came first at the beginning."""
    rows = tx.execute(
        "SELECT hash, message_id FROM seen WHERE contact = ? AND owed"
        " ORDER BY expires_at, hash LIMIT ?",
        (contact, limit),
    )
    return [Unconfirmed(*row) for row in rows]


def owes_more(tx: Transaction, contact: UserAddress, number: int) -> bool:
    """Tell whether anything is collected that a certain confirmation does not speak for."""
    row = tx.execute(
        "SELECT 1 FROM seen WHERE contact = ? AND owed AND confirmation IS NOT ? LIMIT 1",
        (contact, number),
    ).fetchone()
    return row is not None


def gone_again(tx: Transaction, contact: UserAddress, number: int) -> None:
    """Take off what is collected and stands in a confirmation that goes again."""
    tx.execute(
        "UPDATE seen SET owed = 0 WHERE contact = ? AND owed AND confirmation = ?",
        (contact, number),
    )


def owe_nothing(tx: Transaction, contact: UserAddress) -> None:
    """Forget what is collected for somebody who is not to be told anything."""
    tx.execute("UPDATE seen SET owed = 0 WHERE contact = ? AND owed", (contact,))


def owing(tx: Transaction) -> list[UserAddress]:
    """Return for whom something is collected."""
    rows = tx.execute("SELECT DISTINCT contact FROM seen WHERE owed ORDER BY contact")
    return [UserAddress(row[0]) for row in rows]


def digests(tx: Transaction, contact: UserAddress) -> dict[MessageId, bytes]:
    """Return by which hash each message of a person is known that wants to be confirmed."""
    rows = tx.execute(
        "SELECT message_id, hash FROM seen WHERE contact = ? AND message_id IS NOT NULL",
        (contact,),
    )
    return {MessageId(row[0]): bytes(row[1]) for row in rows}


def times(tx: Transaction, contact: UserAddress) -> ConfirmationTimes:
    """Return when a contact was last sent something because of a repetition."""
    row = tx.execute(
        "SELECT repeated_until, collected_at FROM confirmation_times WHERE contact = ?",
        (contact,),
    ).fetchone()
    return ConfirmationTimes() if row is None else ConfirmationTimes(*row)


def put_times(tx: Transaction, contact: UserAddress, when: ConfirmationTimes) -> None:
    """Store when a contact was last sent something because of a repetition."""
    tx.execute("REPLACE INTO confirmation_times VALUES (?, ?, ?)", (contact, *when))


def forget_contact(tx: Transaction, contact: UserAddress) -> None:
    """Drop all of a person whose ratchets are deleted."""
    tx.execute("DELETE FROM confirmations WHERE contact = ?", (contact,))
    tx.execute("DELETE FROM confirmation_times WHERE contact = ?", (contact,))
    owe_nothing(tx, contact)


def _kept(row: tuple[Any, ...]) -> KeptConfirmation:
    number, ratchet_id, item_key, ciphertext, made_at, is_acknowledged = row
    return KeptConfirmation(
        number, ratchet_id, item_key, ciphertext, made_at, bool(is_acknowledged)
    )
