"""Rows of profiles: how contacts, and the owner, want to be shown."""

from __future__ import annotations

import base64
from typing import Any

from zentalk.ids import UserAddress
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import Profile
from zentalk.wire.text import format_address


def get(tx: Transaction, address: UserAddress) -> Profile | None:
    """Return somebody's newest profile."""
    row = tx.execute(
        "SELECT version, name, status, avatar FROM profiles WHERE address = ?", (address,)
    ).fetchone()
    return None if row is None else Profile(*row)


def put(tx: Transaction, address: UserAddress, profile: Profile) -> bool:
    """Keep a profile if its version is higher than the one that is here."""
    changed = tx.execute(
        "INSERT INTO profiles VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " version = excluded.version, name = excluded.name, status = excluded.status,"
        " avatar = excluded.avatar WHERE excluded.version > version",
        (address, profile.version, profile.name, profile.status, profile.avatar),
    )
    return changed.rowcount > 0


def is_due(tx: Transaction, contact: UserAddress) -> bool:
    """Tell whether the owner has a profile that a contact was not sent."""
    row = tx.execute(
        "SELECT 1 FROM profiles WHERE address = x'' AND version >"
        " coalesce((SELECT profile_told FROM chats WHERE contact = ?), 0)",
        (contact,),
    ).fetchone()
    return row is not None


def set_told(tx: Transaction, contact: UserAddress, version: int) -> None:
    """Note that a contact was sent a version of the owner's profile."""
    tx.execute(
        "INSERT INTO chats (contact, profile_told) VALUES (?, ?)"
        " ON CONFLICT DO UPDATE SET profile_told = excluded.profile_told",
        (contact, version),
    )


def view(address: UserAddress, profile: Profile) -> dict[str, Any]:
    """Return a profile as clients read it, its avatar in base64."""
    return {
        "address": format_address(address),
        "version": profile.version,
        "name": profile.name,
        "status": profile.status,
        "avatar": base64.b64encode(profile.avatar).decode("ascii"),
    }
