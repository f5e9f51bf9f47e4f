"""From what a person wrote to ciphertexts in the outbox, inside one transaction.

A content is stored without route and encrypted with the newest one, so that a message
that waited for a ratchet still tells its reader where to answer. Nothing here sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from zentalk.crypto.types import Entropy
from zentalk.ids import MESSAGE_ID_BYTES, MessageId, UserAddress
from zentalk.node.messages.effects import OutboundItem
from zentalk.node.messages.routes import route_for
from zentalk.node.sessions.sessions import Encrypted, Sender, Sessions
from zentalk.store.history import contacts, outbox
from zentalk.store.history.models import ContactRow, OutboxItem
from zentalk.store.sqlite import Transaction
from zentalk.wire.content import (
    NONE,
    ROUTE,
    Content,
    decode_content,
    encode_content,
    in_parts,
)
from zentalk.wire.prekeys import PrekeyBundle
from zentalk.wire.ratchet import InitialHeader

ITEM_KEY_BYTES: Final = 16
MAX_UNREAD: Final = 500
"""Numbers of a ratchet that may be used beyond the last one that a contact is known to have read.
A reader gets over 1,000 that it misses. Beyond this only stored messages are encrypted: they are
sent until they arrive, the oldest first."""


class UnstoredInner(NamedTuple):
    """An inner that is not in the outbox; `extra` are others to send once beside it."""

    inner: bytes
    ratchet_id: bytes
    item_key: bytes
    extra: tuple[bytes, ...]

    def __repr__(self) -> str:
        return "<unstored inner>"


class Composer:
    """Turns contents into outbox items and inners."""

    def __init__(self, sessions: Sessions, entropy: Entropy, ttl_seconds: float) -> None:
        self._sessions = sessions
        self._entropy = entropy
        self._ttl_seconds = ttl_seconds

    def sender(self, tx: Transaction, contact: UserAddress) -> Sender | None:
        """Return the ratchet that writes to a contact now; None if there is none."""
        return self._sessions.sender(tx, contact)

    def has_session(self, tx: Transaction, contact: UserAddress) -> bool:
        """Tell whether there is a ratchet to write to a contact with."""
        return self.sender(tx, contact) is not None

    def start_session(
        self, tx: Transaction, contact: UserAddress, bundle: PrekeyBundle, now: float
    ) -> bytes:
        """Initiate a new ratchet with a contact; return its id.

        Raises AuthenticationError if the bundle does not verify.
        """
        return self._sessions.start(tx, contact, bundle, now)

    def initial_header(self, tx: Transaction, contact: UserAddress) -> InitialHeader | None:
        """Return the header of a ratchet that was never answered; None without such a one."""
        sender = self._sessions.sender(tx, contact)
        header = None if sender is None else sender.initial_header
        return None if header is None else InitialHeader.from_bytes(header)

    def new_message_id(self) -> MessageId:
        """Draw a message id."""
        return MessageId(self._entropy(MESSAGE_ID_BYTES))

    def send(
        self, tx: Transaction, row: ContactRow, content: Content, now: float
    ) -> list[OutboundItem]:
        """Put a content into the outbox, in parts if it is long.

        It is encrypted if there is a ratchet, after what has waited for one.
        """
        sender = self._sessions.sender(tx, row.address)
        ready = self._encrypt_waiting(tx, row, sender)
        return ready + self._add(tx, row, sender, content, now)

    def open_ratchet(
        self, tx: Transaction, row: ContactRow, ratchet_id: bytes, now: float
    ) -> list[OutboundItem]:
        """Put a first message into the outbox that asks for an answer in a certain ratchet."""
        sender = self._sessions.sender(tx, row.address, ratchet_id)
        content = Content(kind=ROUTE, message_id=self.new_message_id())
        return self._add(tx, row, sender, content, now)

    def _add(
        self, tx: Transaction, row: ContactRow, sender: Sender | None, content: Content, now: float
    ) -> list[OutboundItem]:
        ready: list[OutboundItem] = []
        for piece, encoded in in_parts(replace(content, route_seen=row.route_version)):
            encrypted = None if sender is None else self._encrypt(tx, row, sender, piece, encoded)
            item = outbox.add(
                tx,
                message_id=content.message_id,
                contact=row.address,
                content=encoded,
                item_key=self._entropy(ITEM_KEY_BYTES),
                now=now,
                expires_at=now + self._ttl_seconds,
                envelope=None if encrypted is None else encrypted.inner,
                ratchet_id=None if encrypted is None else encrypted.ratchet_id,
            )
            if sender is not None and encrypted is not None:
                ready.append(OutboundItem(item, self._pq_extra(tx, row, sender, encrypted)))
        return ready

    def tell_route(self, tx: Transaction, row: ContactRow, now: float) -> list[OutboundItem]:
        """Put our new route into the outbox by itself; nothing where there is no ratchet."""
        if not self.has_session(tx, row.address):
            return []
        return self.send(tx, row, Content(kind=ROUTE, message_id=self.new_message_id()), now)

    def encrypt_waiting(self, tx: Transaction, contact: UserAddress) -> list[OutboundItem]:
        """Encrypt a contact's items that wait for a ratchet; none if there still is none."""
        row = contacts.get(tx, contact)
        if row is None:
            return []
        return self._encrypt_waiting(tx, row, self._sessions.sender(tx, contact))

    def _encrypt_waiting(
        self, tx: Transaction, row: ContactRow, sender: Sender | None
    ) -> list[OutboundItem]:
        if sender is None:
            return []
        waiting = outbox.without_envelope(tx, row.address)
        return [self._encrypt_item(tx, row, sender, item) for item in waiting]

    def encrypt_again(
        self, tx: Transaction, contact: UserAddress, ratchet_id: bytes | None = None
    ) -> list[OutboundItem]:
        """Encrypt what other ratchets have encrypted, and was not confirmed, in this one.

        Message ids stay: what did arrive all the same is known by them. The deposit ids
        change, for a mailbox relay may be about to delete a copy that nobody could read.
        """
        row = contacts.get(tx, contact)
        sender = self._sessions.sender(tx, contact, ratchet_id)
        if row is None or sender is None:
            return []
        ready = self._encrypt_waiting(tx, row, sender)
        for item in outbox.of_other_ratchets(tx, contact, sender.ratchet_id):
            fresh = replace(item, item_key=self._entropy(ITEM_KEY_BYTES))
            ready.append(self._encrypt_item(tx, row, sender, fresh))
        return ready

    def repeat(
        self, tx: Transaction, contact: UserAddress, items: Sequence[OutboxItem]
    ) -> list[OutboundItem]:
        """Encrypt items once more with the same ratchet; a copy that waits is replaced.

        Only as many as their reader would get over, were the copies from before all lost.
        """
        row = contacts.get(tx, contact)
        sender = self._sessions.sender(tx, contact)
        if row is None or sender is None:
            return []
        room = max(0, MAX_UNREAD - sender.unanswered)
        return [self._encrypt_item(tx, row, sender, item) for item in items[:room]]

    def _encrypt_item(
        self, tx: Transaction, row: ContactRow, sender: Sender, item: OutboxItem
    ) -> OutboundItem:
        content = replace(decode_content(item.content), route_seen=row.route_version)
        encrypted = self._encrypt(tx, row, sender, content, encode_content(content))
        outbox.set_envelope(tx, item.item, encrypted.inner, encrypted.ratchet_id)
        outbox.begin_anew(tx, item.item, item.item_key)
        stored = replace(
            item,
            envelope=encrypted.inner,
            ratchet_id=encrypted.ratchet_id,
            held_by=frozenset(),
        )
        return OutboundItem(stored, self._pq_extra(tx, row, sender, encrypted))

    def encrypt_unstored(
        self, tx: Transaction, contact: UserAddress, content: Content
    ) -> UnstoredInner | None:
        """Encrypt what is not sent until it is confirmed, such as a confirmation.

        None without a ratchet, or while a contact may have missed as much as it can get over.
        """
        row = contacts.get(tx, contact)
        sender = self._sessions.sender(tx, contact)
        if row is None or sender is None or not _has_numbers(tx, contact, sender):
            return None
        content = replace(content, route_seen=row.route_version)
        encrypted = self._encrypt(tx, row, sender, content, encode_content(content))
        return UnstoredInner(
            encrypted.inner,
            encrypted.ratchet_id,
            self._entropy(ITEM_KEY_BYTES),
            self._pq_extra(tx, row, sender, encrypted),
        )

    def _encrypt(
        self, tx: Transaction, row: ContactRow, sender: Sender, content: Content, encoded: bytes
    ) -> Encrypted:
        """Encrypt a content, encoded so far without our route and ticket, with what is news."""
        if row.own_route_known < row.own_route_version or row.ticket:
            route = None
            if row.own_route_known < row.own_route_version:
                route = route_for(tx, row.address, row.own_route_version)
            encoded = encode_content(replace(content, route=route, ticket=row.ticket))
        return sender.encrypt(encoded)

    def _pq_extra(
        self, tx: Transaction, row: ContactRow, sender: Sender, encrypted: Encrypted
    ) -> tuple[bytes, ...]:
        """Give the PQ ratchet a message of its own when none had room for long."""
        if not encrypted.pq_overdue or not _has_numbers(tx, row.address, sender):
            return ()
        empty = encode_content(Content(kind=NONE, message_id=self.new_message_id()))
        return (sender.encrypt(empty).inner,)


def _has_numbers(tx: Transaction, contact: UserAddress, sender: Sender) -> bool:
    """Tell whether what is not stored may be encrypted for a contact.

    The ratchet counts what was made since the contact's last answer. Of what it missed before
    that, all but the last such numbers are messages that still wait in the outbox.
    """
    return sender.unanswered < MAX_UNREAD and outbox.count(tx, contact, MAX_UNREAD) < MAX_UNREAD
