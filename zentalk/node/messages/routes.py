"""Where deposits go, and the outer seal that each copy gets for its mailbox.

They go to a contact's own send ids, under the key that belongs to each, or to the public ones
of its record, under the deposit key that is published with them. The seal hides prekey headers,
and is made with fresh randomness: two copies of one message at two relays share no bytes
(docs/spec/end-to-end.md section 5).

Also the other direction: which of our send ids a contact gets to know. A send id is
given to one contact only, and only after its relay has registered it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from zentalk.crypto import aead, x25519
from zentalk.crypto.hashing import derive
from zentalk.crypto.labels import Label
from zentalk.crypto.types import Entropy
from zentalk.errors import AuthenticationError, DecodeError
from zentalk.ids import NodeId, SendId, UserAddress
from zentalk.store.history import mailboxes, settings
from zentalk.store.history.models import ContactRow, OwnMailbox, OwnSendId
from zentalk.store.sqlite import Transaction
from zentalk.wire.ratchet import SEAL_FRONT_BYTES, SEAL_OVERHEAD_BYTES
from zentalk.wire.route import Route, RouteEntry, decode_route
from zentalk.wire.rpc_send_ids import SendIdKind
from zentalk.wire.user_record import RecordContents


@dataclass(frozen=True, slots=True)
class DepositTarget:
    """One mailbox of a recipient: relay, send id, and the key of the outer seal."""

    relay: NodeId = field(repr=False)
    send_id: SendId = field(repr=False)
    key: bytes = field(repr=False)
    public: bool

    def seal(self, inner: bytes, entropy: Entropy) -> bytes:
        """Return a fresh outer seal of `inner`; raises AuthenticationError on a bad key."""
        seal = seal_to_public if self.public else seal_to_contact
        return seal(self.key, inner, entropy)


class Collected(NamedTuple):
    """An envelope from one of our mailboxes; `work` in bits is what we found its stamp worth."""

    send_id: SendId
    envelope: bytes
    work: int = 0

    def __repr__(self) -> str:
        return "<collected envelope>"


def contact_targets(contact: ContactRow) -> tuple[DepositTarget, ...]:
    """Return the mailboxes that a contact has told us; empty if it has not yet.

    A stored route that cannot be read counts as none: the user record is asked instead.
    """
    if contact.route is None:
        return ()
    try:
        entries = decode_route(contact.route).entries
    except DecodeError:
        return ()
    return tuple(DepositTarget(e.relay, e.send_id, e.outer_key, public=False) for e in entries)


def record_targets(contents: RecordContents) -> tuple[DepositTarget, ...]:
    """Return the mailboxes that a user record names."""
    return tuple(
        DepositTarget(entry.relay, entry.send_id, entry.deposit_key, public=True)
        for entry in contents.mailboxes
    )


def seal_to_contact(outer_key: bytes, inner: bytes, entropy: Entropy) -> bytes:
    """Seal under a contact's 32-byte key and a fresh salt."""
    salt = entropy(SEAL_FRONT_BYTES)
    key = derive(Label.DEPOSIT_OUTER, outer_key, salt)
    return salt + aead.chacha_seal(key, aead.ZERO_NONCE, inner)


def open_from_contact(outer_key: bytes, envelope: bytes) -> bytes:
    """Open what `seal_to_contact` made; raises AuthenticationError."""
    key = derive(Label.DEPOSIT_OUTER, outer_key, envelope[:SEAL_FRONT_BYTES])
    return aead.chacha_open(key, aead.ZERO_NONCE, envelope[SEAL_FRONT_BYTES:])


def seal_to_public(deposit_key: bytes, inner: bytes, entropy: Entropy) -> bytes:
    """Seal to a published X25519 deposit key with a fresh ephemeral key.

    Raises AuthenticationError if `deposit_key` is not usable.
    """
    ephemeral, shared = x25519.fresh_exchange(deposit_key, entropy)
    key = derive(Label.DEPOSIT_SEAL, shared, ephemeral.public, deposit_key)
    return ephemeral.public + aead.chacha_seal(key, aead.ZERO_NONCE, inner)


def open_from_public(deposit_secret: bytes, envelope: bytes) -> bytes:
    """Open what `seal_to_public` made; raises AuthenticationError."""
    if len(envelope) < SEAL_OVERHEAD_BYTES:
        raise AuthenticationError("an envelope is too short")
    own = x25519.from_secret(deposit_secret)
    front = envelope[:SEAL_FRONT_BYTES]
    key = derive(Label.DEPOSIT_SEAL, x25519.exchange(own.secret, front), front, own.public)
    return aead.chacha_open(key, aead.ZERO_NONCE, envelope[SEAL_FRONT_BYTES:])


def open_collected(row: OwnSendId, envelope: bytes) -> bytes:
    """Open what came under one of our send ids; raises AuthenticationError."""
    if row.kind == SendIdKind.PUBLIC:
        return open_from_public(row.secret, envelope)
    return open_from_contact(row.secret, envelope)


def raise_version(tx: Transaction) -> None:
    """Note that our set of mailboxes has changed: contacts must be told again."""
    version = int.from_bytes(settings.get(tx, settings.ROUTE_VERSION) or b"", "big")
    settings.put(tx, settings.ROUTE_VERSION, (version + 1).to_bytes(8, "big"))


def route_for(tx: Transaction, contact: UserAddress, version: int) -> Route | None:
    """Return our route of the newest version for a contact or a group, None if none is ready."""
    given = {row.mailbox: row for row in mailboxes.of_contact(tx, contact) if row.day is None}
    entries = []
    for mailbox in current(tx):
        row = given.get(mailbox.mailbox)
        if row is None:
            free = mailboxes.free(tx, mailbox.mailbox, SendIdKind.CONTACT, 1)
            if not free:
                continue
            row = free[0]
            mailboxes.give_to(tx, row.send_id, contact)
        entries.append(RouteEntry(mailbox.relay, row.send_id, row.secret))
    return Route(version, tuple(entries)) if entries else None


def current(tx: Transaction) -> list[OwnMailbox]:
    """Return our mailboxes that were not replaced."""
    return [mailbox for mailbox in mailboxes.every(tx) if mailbox.poll_until is None]
