"""Rows of the index of shards; each function runs inside its caller's transaction.

Spec: docs/spec/mesh.md sections 8 and 10. The sums in `used` change with the rows and nowhere else.
Nothing here decides whether something may be stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from zentalk.store.sqlite import Transaction

INLINE_BYTES: Final = 16 * 1024
"""Shards up to this size are in the index: a file would take as many blocks, and more syncs."""
ROW_BYTES: Final = 512
"""Bytes that a shard counts besides its own: its row with indexes and, after a delete, its
tombstone. Otherwise shards of one byte would fill the disk below any quota."""
MAX_NONCES: Final = 30_000
"""Nonces kept, which are in memory too; the oldest are forgotten when there are more."""


@dataclass(frozen=True, slots=True)
class ShardRow:
    """One stored shard; `expires` is the hour at which its lease ends."""

    id: bytes = field(repr=False)
    lease_key: bytes = field(repr=False)
    size: int
    expires: int
    share: int
    place: int


class Used(NamedTuple):
    """How much is stored; `bytes` as they count for the quota."""

    shards: int = 0
    bytes: int = 0


class Doomed(NamedTuple):
    """What is left to remove of a shard once its row is gone."""

    id: bytes
    place: int


def counted_bytes(size: int) -> int:
    """Return what a shard of so many bytes counts for the quota."""
    return size + ROW_BYTES


# --- shards ----------------------------------------------------------------------------------


def find(tx: Transaction, shard_id: bytes) -> ShardRow | None:
    """Return the row of a shard, None if there is none."""
    row = tx.execute(
        "SELECT id, lease_key, size, expires, share, place FROM shard WHERE id = ?", (shard_id,)
    ).fetchone()
    return None if row is None else ShardRow(*row)


def add(tx: Transaction, row: ShardRow, content: bytes = b"") -> None:
    """Add a row; `content` are the bytes of a shard without a file."""
    values = (row.id, row.lease_key, row.size, row.expires, row.share, row.place)
    tx.execute(
        "INSERT INTO shard (id, lease_key, size, expires, share, place) VALUES (?, ?, ?, ?, ?, ?)",
        values,
    )
    if not row.place:
        tx.execute("INSERT INTO small (id, bytes) VALUES (?, ?)", (row.id, content))
    _count(tx, row, 1)


def renew(tx: Transaction, shard_id: bytes, expires: int) -> None:
    """Let a lease end at that hour."""
    tx.execute("UPDATE shard SET expires = ? WHERE id = ?", (expires, shard_id))


def remove(tx: Transaction, row: ShardRow) -> Doomed:
    """Remove a row, and the bytes if they are in the index."""
    tx.execute("DELETE FROM shard WHERE id = ?", (row.id,))
    if not row.place:
        tx.execute("DELETE FROM small WHERE id = ?", (row.id,))
    _count(tx, row, -1)
    return Doomed(row.id, row.place)


def small_bytes(tx: Transaction, shard_id: bytes, offset: int, length: int) -> bytes:
    """Return a range of a shard that is in the index, empty if it is not there."""
    row = tx.execute(
        "SELECT substr(bytes, ?, ?) FROM small WHERE id = ?", (offset + 1, length, shard_id)
    ).fetchone()
    return b"" if row is None else bytes(row[0])


def expired(tx: Transaction, hour: int, limit: int) -> list[ShardRow]:
    """Return some shards whose leases have ended at an hour."""
    found = tx.execute(
        "SELECT id, lease_key, size, expires, share, place FROM shard"
        " WHERE expires <= ? ORDER BY expires LIMIT ?",
        (hour, limit),
    )
    return [ShardRow(*row) for row in found.fetchall()]


def with_prefix(tx: Transaction, prefix: int) -> Iterator[Doomed]:
    """Yield id and place of the shards with files whose ids begin with a byte."""
    first = bytes([prefix])
    last = first + b"\xff" * 32
    found = tx.execute(
        "SELECT id, place FROM shard WHERE id BETWEEN ? AND ? AND place > 0", (first, last)
    )
    for row in found:
        yield Doomed(*row)


def used(tx: Transaction, share: int) -> Used:
    """Return how much of a share is stored."""
    row = tx.execute("SELECT shards, bytes FROM used WHERE share = ?", (share,)).fetchone()
    return Used() if row is None else Used(*row)


def _count(tx: Transaction, row: ShardRow, sign: int) -> None:
    tx.execute(
        "INSERT INTO used (share, shards, bytes) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (share) DO UPDATE SET shards = shards + ?2, bytes = bytes + ?3",
        (row.share, sign, sign * counted_bytes(row.size)),
    )


# --- tombstones ------------------------------------------------------------------------------


def bury(tx: Transaction, shard_id: bytes, expires: int) -> None:
    """Remember until an hour that a shard was deleted."""
    tx.execute("INSERT OR REPLACE INTO tombstone VALUES (?, ?)", (shard_id, expires))


def buried_until(tx: Transaction, shard_id: bytes, hour: int) -> int:
    """Return until which hour a deleted shard is refused, 0 if it is not at this hour."""
    row = tx.execute(
        "SELECT expires FROM tombstone WHERE id = ? AND expires > ?", (shard_id, hour)
    ).fetchone()
    return 0 if row is None else int(row[0])


def drop_tombstones(tx: Transaction, hour: int, limit: int) -> int:
    """Forget some tombstones that are over; return how many."""
    return tx.execute(
        "DELETE FROM tombstone WHERE id IN"
        " (SELECT id FROM tombstone WHERE expires <= ? ORDER BY expires LIMIT ?)",
        (hour, limit),
    ).rowcount


# --- nonces ----------------------------------------------------------------------------------


class SeenNonce(NamedTuple):
    """The nonce of a statement that was carried out, its key, and when it was made."""

    lease_key: bytes
    nonce: bytes
    made_minute: int


def nonces(tx: Transaction) -> list[SeenNonce]:
    """Return the nonces that are kept."""
    found = tx.execute("SELECT lease_key, nonce, minute FROM nonce ORDER BY minute")
    return [SeenNonce(*row) for row in found.fetchall()]


def see(tx: Transaction, seen: SeenNonce) -> None:
    """Keep a nonce; what was there already stays."""
    tx.execute("INSERT OR IGNORE INTO nonce VALUES (?, ?, ?)", seen)


def drop_nonces(tx: Transaction, minute: int, most: int = MAX_NONCES) -> None:
    """Forget the nonces of statements from before a minute, and the oldest of too many."""
    tx.execute("DELETE FROM nonce WHERE minute < ?", (minute,))
    tx.execute(
        "DELETE FROM nonce WHERE (lease_key, nonce) IN"
        " (SELECT lease_key, nonce FROM nonce ORDER BY minute DESC LIMIT -1 OFFSET ?)",
        (most,),
    )


# --- what is kept besides --------------------------------------------------------------------


def kept(tx: Transaction, name: str) -> bytes:
    """Return what is kept under a name, empty if nothing is."""
    row = tx.execute("SELECT value FROM kept WHERE name = ?", (name,)).fetchone()
    return b"" if row is None else bytes(row[0])


def keep(tx: Transaction, name: str, value: bytes) -> None:
    """Keep something under a name, instead of what was there."""
    tx.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (name, value))


def totals(tx: Transaction, shares: Sequence[int]) -> Used:
    """Return how much is stored of several shares together."""
    found = [used(tx, share) for share in shares]
    return Used(sum(one.shards for one in found), sum(one.bytes for one in found))
