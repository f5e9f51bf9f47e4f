"""Rows of the outbox: ciphertexts that a recipient has not confirmed yet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from zentalk.ids import NODE_ID_BYTES, MessageId, NodeId, UserAddress
from zentalk.store.history.models import OutboxItem
from zentalk.store.sqlite import Transaction
from zentalk.wire.content import decode_content

_COLUMNS = (
    "item, message_id, contact, content, envelope, ratchet_id, item_key, created_at, expires_at,"
    " held_by"
)


def _item(row: tuple[Any, ...]) -> OutboxItem:
    held_by = row[-1]
    starts = range(0, len(held_by), NODE_ID_BYTES)
    relays = frozenset(NodeId(held_by[start : start + NODE_ID_BYTES]) for start in starts)
    values = [*row[:-1], relays]
    return OutboxItem(*values)


def add(
    tx: Transaction,
    *,
    message_id: MessageId,
    contact: UserAddress,
    content: bytes,
    item_key: bytes,
    now: float,
    expires_at: float,
    envelope: bytes | None = None,
    ratchet_id: bytes | None = None,
) -> OutboxItem:
    """Add an item; one without a ciphertext waits for a ratchet, or for its turn."""
    row = tx.execute(
        "INSERT INTO outbox (message_id, contact, content, envelope, ratchet_id, item_key,"
        " created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING item",
        (message_id, contact, content, envelope, ratchet_id, item_key, now, expires_at),
    ).fetchone()
    return OutboxItem(
        item=int(row[0]),
        message_id=message_id,
        contact=contact,
        content=content,
        envelope=envelope,
        ratchet_id=ratchet_id,
        item_key=item_key,
        created_at=now,
        expires_at=expires_at,
        held_by=frozenset(),
    )


def set_envelope(tx: Transaction, item: int, envelope: bytes, ratchet_id: bytes) -> None:
    """Store an item's ciphertext: from here on, retries send these bytes."""
    tx.execute(
        "UPDATE outbox SET envelope = ?, ratchet_id = ? WHERE item = ?",
        (envelope, ratchet_id, item),
    )


def begin_anew(tx: Transaction, item: int, item_key: bytes) -> None:
    """Forget where an item lies: its ciphertext is another one now."""
    tx.execute("UPDATE outbox SET held_by = x'', item_key = ? WHERE item = ?", (item_key, item))


def take_envelope(tx: Transaction, item: int, item_key: bytes) -> None:
    """Let an item wait for its turn again, to be encrypted and deposited as another one."""
    tx.execute(
        "UPDATE outbox SET envelope = NULL, ratchet_id = NULL, held_by = x'', item_key = ?"
        " WHERE item = ?",
        (item_key, item),
    )


def get(tx: Transaction, item: int) -> OutboxItem | None:
    """Return one item."""
    row = tx.execute(f"SELECT {_COLUMNS} FROM outbox WHERE item = ?", (item,)).fetchone()
    return None if row is None else _item(row)


def under_way(tx: Transaction) -> list[OutboxItem]:
    """Return all items that are encrypted, oldest first."""
    rows = tx.execute(
        "SELECT min(item) FROM outbox JOIN ratchets USING (ratchet_id)"
        " WHERE envelope IS NOT NULL AND initial_header IS NOT NULL GROUP BY ratchet_id"
    )
    opening = {int(row[0]) for row in rows}
    rows = tx.execute(f"SELECT {_COLUMNS} FROM outbox WHERE envelope IS NOT NULL ORDER BY item")
    return [replace(item, opens=item.item in opening) for item in map(_item, rows)]


def waiting(tx: Transaction) -> list[UserAddress]:
    """Return the contacts with items that are not encrypted yet."""
    rows = tx.execute("SELECT DISTINCT contact FROM outbox WHERE envelope IS NULL ORDER BY contact")
    return [UserAddress(row[0]) for row in rows]


def waits(tx: Transaction, contact: UserAddress) -> bool:
    """Tell whether a contact has items that are not encrypted yet."""
    row = tx.execute(
        "SELECT 1 FROM outbox WHERE contact = ? AND envelope IS NULL LIMIT 1", (contact,)
    ).fetchone()
    return row is not None


def has_items(tx: Transaction, contact: UserAddress) -> bool:
    """Tell whether anything waits for a contact."""
    row = tx.execute("SELECT 1 FROM outbox WHERE contact = ? LIMIT 1", (contact,)).fetchone()
    return row is not None


def count(tx: Transaction, contact: UserAddress, limit: int) -> int:
    """Return how many items of a contact are encrypted and not confirmed, at most `limit`."""
    row = tx.execute(
        "SELECT count(*) FROM (SELECT 1 FROM outbox WHERE contact = ? AND envelope IS NOT NULL"
        " LIMIT ?)",
        (contact, limit),
    ).fetchone()
    return int(row[0])


def without_envelope(tx: Transaction, contact: UserAddress, limit: int) -> list[OutboxItem]:
    """Return the oldest of a contact's items that are not encrypted yet, at most `limit`."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM outbox WHERE contact = ? AND envelope IS NULL ORDER BY item"
        " LIMIT ?",
        (contact, limit),
    )
    return [_item(row) for row in rows]


def of_other_ratchets(tx: Transaction, contact: UserAddress, ratchet_id: bytes) -> list[OutboxItem]:
    """Return a contact's items that another ratchet has encrypted, oldest first."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM outbox WHERE contact = ? AND envelope IS NOT NULL"
        " AND ratchet_id <> ? ORDER BY item",
        (contact, ratchet_id),
    )
    return [_item(row) for row in rows]


def unanswered(tx: Transaction, contact: UserAddress, before: float) -> list[OutboxItem]:
    """Return a contact's items of before a unix time that a relay has acknowledged."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM outbox WHERE contact = ? AND envelope IS NOT NULL"
        " AND held_by <> x'' AND created_at <= ? ORDER BY item",
        (contact, before),
    )
    return [_item(row) for row in rows]


def unanswering(tx: Transaction, before: float) -> list[UserAddress]:
    """Return the contacts that have such items."""
    rows = tx.execute(
        "SELECT DISTINCT contact FROM outbox WHERE envelope IS NOT NULL AND held_by <> x''"
        " AND created_at <= ? ORDER BY contact",
        (before,),
    )
    return [UserAddress(row[0]) for row in rows]


def expired_without_envelope(tx: Transaction, now: float) -> list[OutboxItem]:
    """Return items whose time was over before they could be encrypted."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM outbox WHERE envelope IS NULL AND expires_at <= ? ORDER BY item",
        (now,),
    )
    return [_item(row) for row in rows]


def add_holder(tx: Transaction, item: int, relay: NodeId) -> MessageId | None:
    """Note that a relay holds an item; return its message, None if it is gone."""
    row = tx.execute(
        "UPDATE outbox SET held_by = CAST(held_by || ? AS BLOB) WHERE item = ?"
        " AND instr(held_by, ?) = 0"
        " RETURNING message_id",
        (relay, item, relay),
    ).fetchone()
    return None if row is None else MessageId(row[0])


def remove_message(tx: Transaction, contact: UserAddress, message_id: MessageId) -> list[int]:
    """Remove a confirmed message's items; return their numbers."""
    rows = tx.execute(
        "DELETE FROM outbox WHERE message_id = ? AND contact = ? RETURNING item",
        (message_id, contact),
    ).fetchall()
    return [int(row[0]) for row in rows]


def receivers(tx: Transaction, message_id: MessageId) -> list[UserAddress]:
    """Return to whom a message is on its way."""
    rows = tx.execute(
        "SELECT DISTINCT contact FROM outbox WHERE message_id = ? ORDER BY contact", (message_id,)
    )
    return [UserAddress(row[0]) for row in rows]


def remove_everywhere(tx: Transaction, message_id: MessageId) -> list[int]:
    """Remove the items of a message that goes to several people; return their numbers."""
    rows = tx.execute("DELETE FROM outbox WHERE message_id = ? RETURNING item", (message_id,))
    return [int(row[0]) for row in rows.fetchall()]


def remove_kind(tx: Transaction, contact: UserAddress, kind: str, prefix: bytes) -> list[int]:
    """Remove a contact's items of a kind whose message ids begin alike; return their numbers."""
    rows = tx.execute(
        "SELECT item, content FROM outbox WHERE contact = ? AND substr(message_id, 1, ?) = ?",
        (contact, len(prefix), prefix),
    ).fetchall()
    # Ids of others, which they chose, may begin alike too.
    gone = [int(item) for item, content in rows if decode_content(content).kind == kind]
    tx.executemany("DELETE FROM outbox WHERE item = ?", [(item,) for item in gone])
    return gone


def remove(tx: Transaction, item: int) -> None:
    """Remove one item."""
    tx.execute("DELETE FROM outbox WHERE item = ?", (item,))
