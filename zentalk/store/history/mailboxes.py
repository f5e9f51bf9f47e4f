"""Rows of our own mailboxes and their send ids."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from zentalk.crypto.hashing import derive
from zentalk.crypto.labels import Label
from zentalk.errors import NotFoundError
from zentalk.ids import Day, MailboxId, SendId, UserAddress
from zentalk.store.history.models import OwnMailbox, OwnSendId
from zentalk.store.sqlite import Transaction
from zentalk.wire.rpc_send_ids import SendIdKind

_MAILBOX = "mailbox, relay, slot, collect_seed, generation, created_at, poll_until"
_SEND_ID = "send_id, mailbox, kind, contact, secret, day"


def every(tx: Transaction) -> list[OwnMailbox]:
    """Return current and replaced mailboxes, by slot and age."""
    rows = tx.execute(f"SELECT {_MAILBOX} FROM own_mailboxes ORDER BY slot, created_at")
    return [OwnMailbox(*row) for row in rows]


def add(tx: Transaction, mailbox: OwnMailbox) -> None:
    """Add a mailbox."""
    tx.execute(
        f"INSERT INTO own_mailboxes ({_MAILBOX}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (mailbox.mailbox, mailbox.relay, mailbox.slot, mailbox.collect_seed, mailbox.generation,
         mailbox.created_at, mailbox.poll_until),
    )  # fmt: skip


def next_generation(tx: Transaction, mailbox: MailboxId, now: float) -> int:
    """Take the next, higher registration number of a mailbox.

    It follows the clock, so that a folder restored from an old copy is not behind; by a
    secret offset of each mailbox, so that two relays do not find the same second in it.

    Raises NotFoundError if it was forgotten: its time of being polled is over.
    """
    row = tx.execute(
        "SELECT collect_seed, generation FROM own_mailboxes WHERE mailbox = ?", (mailbox,)
    ).fetchone()
    if row is None:
        raise NotFoundError("a mailbox is not kept any more")
    offset = int.from_bytes(derive(Label.GENERATION_OFFSET, row[0], length=5), "big")
    generation = max(int(row[1]) + 1, int(now) + offset)
    tx.execute("UPDATE own_mailboxes SET generation = ? WHERE mailbox = ?", (generation, mailbox))
    return generation


_PROMOTED: Final = 1 << 44
"""Above every number that the clock and its offset give for the next 500,000 years."""


def raise_generations(tx: Transaction) -> None:
    """Let our registrations be above those of any copy of this folder, for good."""
    tx.execute("UPDATE own_mailboxes SET generation = generation + ?", (_PROMOTED,))


def mark_announced(tx: Transaction, mailbox: MailboxId) -> bool:
    """Note that a mailbox is registered; True the first time."""
    changed = tx.execute(
        "UPDATE own_mailboxes SET announced = 1 WHERE mailbox = ? AND announced = 0", (mailbox,)
    )
    return changed.rowcount > 0


def was_announced(tx: Transaction, mailbox: MailboxId) -> bool:
    """Tell whether a mailbox was ever registered at its relay."""
    row = tx.execute("SELECT announced FROM own_mailboxes WHERE mailbox = ?", (mailbox,)).fetchone()
    return row is not None and bool(row[0])


def replace(tx: Transaction, mailbox: MailboxId, poll_until: float) -> None:
    """Mark a mailbox as replaced; it is still polled until a unix time."""
    tx.execute("UPDATE own_mailboxes SET poll_until = ? WHERE mailbox = ?", (poll_until, mailbox))


def forget(tx: Transaction, mailbox: MailboxId) -> None:
    """Drop a mailbox and everything that belongs to it."""
    tx.execute("DELETE FROM own_send_ids WHERE mailbox = ?", (mailbox,))
    tx.execute("DELETE FROM prekeys WHERE mailbox = ?", (mailbox,))
    tx.execute("DELETE FROM own_mailboxes WHERE mailbox = ?", (mailbox,))


def add_send_ids(tx: Transaction, rows: list[OwnSendId]) -> None:
    """Add send ids, before they are registered at the relay."""
    tx.executemany(
        f"INSERT INTO own_send_ids ({_SEND_ID}) VALUES (?, ?, ?, ?, ?, ?)",
        [(row.send_id, row.mailbox, row.kind, row.contact, row.secret, row.day) for row in rows],
    )


def send_ids(tx: Transaction, mailbox: MailboxId) -> list[OwnSendId]:
    """Return all send ids of a mailbox, but for those that were taken back."""
    rows = tx.execute(
        f"SELECT {_SEND_ID} FROM own_send_ids WHERE mailbox = ? AND contact IS NOT x''", (mailbox,)
    )
    return [OwnSendId(*row) for row in rows]


def public_send_ids(tx: Transaction, mailbox: MailboxId, day: Day) -> list[OwnSendId]:
    """Return the send ids of a mailbox that are for strangers on a day."""
    rows = tx.execute(
        f"SELECT {_SEND_ID} FROM own_send_ids WHERE mailbox = ? AND kind = ? AND day = ?",
        (mailbox, SendIdKind.PUBLIC, day),
    )
    return [OwnSendId(*row) for row in rows]


def send_id(tx: Transaction, wanted: SendId) -> OwnSendId | None:
    """Return one send id, unless it was taken back."""
    row = tx.execute(
        f"SELECT {_SEND_ID} FROM own_send_ids WHERE send_id = ? AND contact IS NOT x''", (wanted,)
    ).fetchone()
    return None if row is None else OwnSendId(*row)


def is_public(tx: Transaction, wanted: SendId) -> bool:
    """Tell whether this is a send id for strangers."""
    row = send_id(tx, wanted)
    return row is not None and row.kind == SendIdKind.PUBLIC


def of_blocked(tx: Transaction, mailbox: MailboxId) -> set[SendId]:
    """Return the send ids of a mailbox that people deposit to who are blocked.

    Not those of people who are in a group with us: what they send for it is still read.
    """
    rows = tx.execute(
        "SELECT send_id FROM own_send_ids JOIN contacts ON contact = address"
        " WHERE mailbox = ? AND state = 'blocked' AND address NOT IN"
        " (SELECT member FROM group_members JOIN groups ON groups.id = grp"
        " WHERE is_in AND stands = 'joined')",
        (mailbox,),
    )
    return {SendId(row[0]) for row in rows}


def of_contact(tx: Transaction, contact: UserAddress) -> list[OwnSendId]:
    """Return the send ids that a contact deposits to."""
    rows = tx.execute(f"SELECT {_SEND_ID} FROM own_send_ids WHERE contact = ?", (contact,))
    return [OwnSendId(*row) for row in rows]


def retire_of(tx: Transaction, contact: bytes, last_day: Day) -> None:
    """Give a group other send ids from now on; what comes under its old ones counts for some days.

    The last of these days is `last_day`.
    """
    tx.execute(
        "UPDATE own_send_ids SET day = ? WHERE contact = ? AND day IS NULL", (last_day, contact)
    )


def take_back(tx: Transaction, contact: bytes) -> None:
    """Let the send ids of somebody who is forgotten be nobody's, until their relays know it."""
    tx.execute("UPDATE own_send_ids SET contact = x'' WHERE contact = ?", (contact,))


def taken_back(tx: Transaction, mailbox: MailboxId, limit: int) -> list[SendId]:
    """Return send ids of a mailbox that were taken back, and that its relay may still hold."""
    rows = tx.execute(
        "SELECT send_id FROM own_send_ids WHERE mailbox = ? AND contact = x'' LIMIT ?",
        (mailbox, limit),
    )
    return [SendId(row[0]) for row in rows]


def drop(tx: Transaction, gone: Iterable[SendId]) -> None:
    """Drop send ids: their relay holds them no more."""
    tx.executemany("DELETE FROM own_send_ids WHERE send_id = ?", [(one,) for one in gone])


def free(tx: Transaction, mailbox: MailboxId, kind: int, limit: int) -> list[OwnSendId]:
    """Return send ids of a mailbox that no contact has yet."""
    rows = tx.execute(
        f"SELECT {_SEND_ID} FROM own_send_ids WHERE mailbox = ? AND kind = ? AND contact IS NULL"
        " ORDER BY send_id LIMIT ?",
        (mailbox, kind, limit),
    )
    return [OwnSendId(*row) for row in rows]


def give_to(tx: Transaction, wanted: SendId, contact: UserAddress) -> None:
    """Give a free send id to a contact."""
    tx.execute("UPDATE own_send_ids SET contact = ? WHERE send_id = ?", (contact, wanted))


def forget_days(tx: Transaction, before_day: int) -> None:
    """Drop public send ids of days long past."""
    tx.execute("DELETE FROM own_send_ids WHERE day < ?", (before_day,))
