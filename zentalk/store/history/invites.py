"""Rows of invites: their secrets are not here, only the hashes by which they are known."""

from __future__ import annotations

from typing import Any, NamedTuple

from zentalk.ids import GroupId
from zentalk.store.history.models import StoredInvite
from zentalk.store.sqlite import Transaction
from zentalk.wire.text import format_address, parse_address

_COLUMNS = "id, name, accepts, max_uses, uses, created_at, expires_at, revoked_at, grp"
_OPEN = "revoked_at IS NULL AND uses < max_uses AND expires_at > ?"


class OpenInvite(NamedTuple):
    """An invite that lets somebody in, as it is matched and used."""

    id: bytes
    secret_hash: bytes
    name: str
    accepts: bool
    is_single: bool
    group: GroupId | None

    def __repr__(self) -> str:
        return "<open invite>"


def insert(tx: Transaction, invite: StoredInvite, secret_hash: bytes) -> None:
    """Add an invite that nobody has used yet."""
    tx.execute(
        "INSERT INTO invites (id, secret_hash, name, accepts, max_uses, created_at, expires_at,"
        " grp) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            bytes.fromhex(invite.id),
            secret_hash,
            invite.name,
            invite.accepts,
            invite.max_uses,
            invite.created_at,
            invite.expires_at,
            parse_address(invite.group) if invite.group else None,
        ),
    )


def get(tx: Transaction, invite_id: bytes) -> StoredInvite | None:
    """Return one invite."""
    row = tx.execute(f"SELECT {_COLUMNS} FROM invites WHERE id = ?", (invite_id,)).fetchone()
    return None if row is None else _invite(row)


def every(tx: Transaction) -> list[StoredInvite]:
    """Return all invites, those that ended lately too, oldest first."""
    rows = tx.execute(f"SELECT {_COLUMNS} FROM invites ORDER BY created_at, id")
    return [_invite(row) for row in rows]


def open_ones(tx: Transaction, now: float) -> list[OpenInvite]:
    """Return the invites that let somebody in."""
    rows = tx.execute(
        f"SELECT id, secret_hash, name, accepts, max_uses, grp FROM invites WHERE {_OPEN}", (now,)
    )
    return [
        OpenInvite(invite_id, digest, name, bool(accepts), max_uses == 1, group)
        for invite_id, digest, name, accepts, max_uses, group in rows
    ]


def count_use(tx: Transaction, invite_id: bytes) -> None:
    """Count one person more that came by an invite."""
    tx.execute("UPDATE invites SET uses = uses + 1 WHERE id = ?", (invite_id,))


def revoke(tx: Transaction, invite_id: bytes, now: float) -> None:
    """Let nobody in by an invite any more."""
    tx.execute("UPDATE invites SET revoked_at = ? WHERE id = ?", (now, invite_id))


def forget(tx: Transaction, before: float) -> None:
    """Drop invites that ended by time or hand before a unix time."""
    tx.execute("DELETE FROM invites WHERE expires_at < ?1 OR revoked_at < ?1", (before,))


def _invite(row: tuple[Any, ...]) -> StoredInvite:
    invite_id, name, accepts, max_uses, uses, created_at, expires_at, revoked_at, group = row
    return StoredInvite(
        invite_id.hex(),
        name,
        bool(accepts),
        max_uses,
        uses,
        created_at,
        expires_at,
        revoked_at,
        "" if group is None else format_address(group),
    )
