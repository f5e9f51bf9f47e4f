"""Invites: made and revoked by the owner, used by whoever shows the secret in a first message."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from zentalk.crypto.ed25519 import SigningKey
from zentalk.crypto.hashing import blake2b_256, derive, equal
from zentalk.crypto.labels import Label
from zentalk.errors import ConflictError, NotFoundError
from zentalk.ids import DAY_SECONDS, TICKET_BYTES, GroupId, UserAddress
from zentalk.store.history import events, invites
from zentalk.store.history.invites import OpenInvite
from zentalk.store.history.models import InviteState, StoredInvite
from zentalk.store.sqlite import Transaction
from zentalk.wire.group_acts import ticket_id
from zentalk.wire.text import format_address

MAX_OPEN: Final = 100
MAX_USES: Final = 1_000
MAX_LIFETIME_SECONDS: Final = 366 * DAY_SECONDS
KEPT_SECONDS: Final = 30 * DAY_SECONDS
"""How long an invite that has ended is still listed."""
_NO_INVITE: Final = "there is no invite with this id: list your invites"


def ticket_hash(secret: bytes) -> bytes:
    """Return the hash by which a secret is known."""
    return blake2b_256(Label.TICKET_HASH, secret)


def secret_of(identity: SigningKey, invite_id: bytes) -> bytes:
    """Return the secret of an invite, which is in no row."""
    return derive(Label.INVITE_SECRET, identity.seed, invite_id, length=TICKET_BYTES)


def create(tx: Transaction, invite: StoredInvite, secret_hash: bytes, now: float) -> StoredInvite:
    """Add an invite; raises ConflictError if there are too many open ones."""
    if len(invites.open_ones(tx, now)) >= MAX_OPEN:
        raise ConflictError(f"there are already {MAX_OPEN} open invites: revoke one first")
    invites.insert(tx, invite, secret_hash)
    events.append(tx, "invite.created", now, _data(invite))
    return invite


def revoke(tx: Transaction, invite_id: bytes, now: float) -> None:
    """Let nobody in by an invite any more; who came by it stays. Raises NotFoundError."""
    invite = invites.get(tx, invite_id)
    if invite is None:
        raise NotFoundError(_NO_INVITE)
    if invite.state(now) is not InviteState.REVOKED:
        invites.revoke(tx, invite_id, now)
        events.append(tx, "invite.revoked", now, _data(invite))


def end_links(
    tx: Transaction,
    identity: SigningKey,
    group: GroupId,
    open_tickets: Collection[bytes],
    now: float,
) -> None:
    """Revoke the links to a group whose tickets are not open by its log any more."""
    named = format_address(UserAddress(group))
    for invite in invites.every(tx):
        if invite.group != named or invite.state(now) is not InviteState.OPEN:
            continue
        raw = bytes.fromhex(invite.id)
        if ticket_id(group, secret_of(identity, raw)) not in open_tickets:
            revoke(tx, raw, now)


def find(tx: Transaction, invite_id: bytes) -> StoredInvite:
    """Return an invite; raises NotFoundError."""
    invite = invites.get(tx, invite_id)
    if invite is None:
        raise NotFoundError(_NO_INVITE)
    return invite


def matching(tx: Transaction, secret: bytes, now: float) -> OpenInvite | None:
    """Return the open invite with a secret; None if there is none.

    Every hash is compared, each in constant time: how long it takes tells how many invites are
    open, and nothing of their secrets.
    """
    shown, found = ticket_hash(secret), None
    for invite in invites.open_ones(tx, now):
        if equal(invite.secret_hash, shown):
            found = invite
    return found


def redeem(tx: Transaction, address: UserAddress, secret: bytes, now: float) -> OpenInvite | None:
    """Use the open invite with a secret up by one person; None if there is no such invite."""
    found = matching(tx, secret, now)
    if found is not None:
        use(tx, address, found, now)
    return found


def use(tx: Transaction, address: UserAddress, invite: OpenInvite, now: float) -> None:
    """Use an invite up by one person."""
    invites.count_use(tx, invite.id)
    used = find(tx, invite.id)
    data = _data(used) | {"uses": used.uses, "address": format_address(address)}
    events.append(tx, "invite.used", now, data)


def _data(invite: StoredInvite) -> dict[str, object]:
    return {"id": invite.id, "name": invite.name}
