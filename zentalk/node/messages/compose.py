"""From what a person wrote to ciphertexts in the outbox, inside one transaction.

A content is stored without route and encrypted with the newest one, so that a message
that has waited still tells its reader where to answer. It waits for a ratchet, or for its turn:
only so much is encrypted as its reader gets over (`sessions/running_ahead.py`), the oldest first.
Whoever takes something out of the outbox calls `encrypt_waiting` in the same transaction. Nothing
here sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from zentalk.chat.kinds import NOT_QUEUED
from zentalk.crypto.types import Entropy
from zentalk.errors import LocalProtocolError
from zentalk.ids import MESSAGE_ID_BYTES, MessageId, UserAddress
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects, OutboundItem
from zentalk.node.messages.routes import route_for
from zentalk.node.sessions import running_ahead
from zentalk.node.sessions.sessions import Encrypted, Sender, Sessions
from zentalk.store.history import contacts, group_members, mailboxes, outbox, resumption
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

    def send(self, tx: Transaction, row: ContactRow, content: Content, now: float) -> CommitEffects:
        """Put a content into the outbox, in parts if it is long.

        It is encrypted if there is a ratchet with room, after what has waited for that.
        """
        if content.kind in NOT_QUEUED:
            raise LocalProtocolError(f"a content of kind {content.kind} is never sent again")
        sender = self._sessions.sender(tx, row.address)
        if sender is None:
            self._add(tx, row, None, content, now, room=0)
            return CommitEffects(needs_session=frozenset({row.address}))
        ready = self._encrypt_waiting(tx, row, sender)
        room = _room(tx, row.address, sender)
        added = self._add(tx, row, sender, content, now, room)
        return CommitEffects(send=(*ready, *added), short_of_send_ids=lacks_route(tx, row))

    def open_ratchet(
        self, tx: Transaction, row: ContactRow, ratchet_id: bytes, now: float
    ) -> list[OutboundItem]:
        """Put a first message into the outbox that asks for an answer in a certain ratchet.

        It waits for no turn, here and on its way: there is one for each ratchet, and they are few.
        """
        sender = self._sessions.sender(tx, row.address, ratchet_id)
        content = Content(kind=ROUTE, message_id=self.new_message_id())
        opening = self._add(tx, row, sender, content, now, room=1)
        return [entry._replace(item=replace(entry.item, opens=True)) for entry in opening]

    def _add(
        self,
        tx: Transaction,
        row: ContactRow,
        sender: Sender | None,
        content: Content,
        now: float,
        room: int,
    ) -> list[OutboundItem]:
        """Add a content's pieces; encrypt as many as there is room for."""
        ready: list[OutboundItem] = []
        for piece, encoded in in_parts(replace(content, route_seen=row.route_version)):
            encrypted = None
            if sender is not None and len(ready) < room:
                encrypted = self._encrypt(tx, row, sender, piece, encoded)
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

    def tell_route(self, tx: Transaction, row: ContactRow, now: float) -> CommitEffects:
        """Put our new route into the outbox by itself; nothing where there is no ratchet.

        Nor where no send id is left to make a route of.
        """
        if not self.has_session(tx, row.address):
            return NO_EFFECTS
        if route_for(tx, _given_to(tx, row), row.own_route_version) is None:
            return CommitEffects(short_of_send_ids=True)
        return self.send(tx, row, Content(kind=ROUTE, message_id=self.new_message_id()), now)

    def encrypt_waiting(self, tx: Transaction, contact: UserAddress) -> list[OutboundItem]:
        """Encrypt a contact's items that wait, as far as there is room; none without a ratchet."""
        if not outbox.waits(tx, contact):
            return []
        row = contacts.get(tx, contact)
        sender = self._sessions.sender(tx, contact)
        if row is None or sender is None:
            return []
        return self._encrypt_waiting(tx, row, sender)

    def _encrypt_waiting(
        self, tx: Transaction, row: ContactRow, sender: Sender
    ) -> list[OutboundItem]:
        room = _room(tx, row.address, sender)
        waiting = outbox.without_envelope(tx, row.address, room)
        return [self._encrypt_item(tx, row, sender, item) for item in waiting]

    def take_up(self, tx: Transaction) -> frozenset[UserAddress]:
        """Encrypt what waits and has room, at a start; return with whom there is no ratchet.

        After a promotion that is nobody whose turn has not come.
        """
        waiting = outbox.waiting(tx)
        for contact in waiting:
            self.encrypt_waiting(tx, contact)
        return frozenset(
            contact
            for contact in waiting
            if not self.has_session(tx, contact) and not resumption.waits(tx, contact)
        )

    def encrypt_again(
        self, tx: Transaction, contact: UserAddress, ratchet_id: bytes | None = None
    ) -> CommitEffects:
        """Encrypt what other ratchets have encrypted, and was not confirmed, in this one.

        Message ids stay: what did arrive all the same is known by them. The deposit ids
        change, for a mailbox relay may be about to delete a copy that nobody could read. What
        there is no room for (of an earlier version more may be under way) waits for its turn.
        """
        row = contacts.get(tx, contact)
        sender = self._sessions.sender(tx, contact, ratchet_id)
        if row is None or sender is None:
            return NO_EFFECTS
        others = outbox.of_other_ratchets(tx, contact, sender.ratchet_id)
        for item in others:
            outbox.take_envelope(tx, item.item, self._entropy(ITEM_KEY_BYTES))
        ready = self._encrypt_waiting(tx, row, sender)
        again = {entry.item.item for entry in ready}
        dropped = tuple(item.item for item in others if item.item not in again)
        return CommitEffects(send=tuple(ready), dropped=dropped)

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
        room = running_ahead.room_once_more(tx, contact, sender)
        return [self._encrypt_item(tx, row, sender, item) for item in items[:room]]

    def is_worn(self, tx: Transaction, contact: UserAddress) -> bool:
        """Tell whether nothing can be encrypted once more in the ratchet with a contact."""
        sender = self._sessions.sender(tx, contact)
        if sender is None:
            return False
        return running_ahead.room_once_more(tx, contact, sender) == 0

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
        if content.kind not in NOT_QUEUED:
            raise LocalProtocolError(f"a content of kind {content.kind} goes until it is confirmed")
        row = contacts.get(tx, contact)
        sender = self._sessions.sender(tx, contact)
        if row is None or sender is None or not running_ahead.has_numbers(tx, contact, sender):
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
        """Encrypt a content, encoded so far without what is news, with that.

        News is our route, the ticket that lets us in, and the term of our node.
        """
        term = 0 if sender.initial_header is None else row.own_term
        if row.own_route_known < row.own_route_version or row.ticket or term:
            route = None
            if row.own_route_known < row.own_route_version:
                route = route_for(tx, _given_to(tx, row), row.own_route_version)
            encoded = encode_content(replace(content, route=route, ticket=row.ticket, term=term))
        return sender.encrypt(encoded)

    def _pq_extra(
        self, tx: Transaction, row: ContactRow, sender: Sender, encrypted: Encrypted
    ) -> tuple[bytes, ...]:
        """Give the PQ ratchet a message of its own when none had room for long."""
        if not encrypted.pq_overdue or not running_ahead.has_numbers(tx, row.address, sender):
            return ()
        empty = encode_content(Content(kind=NONE, message_id=self.new_message_id()))
        return (sender.encrypt(empty).inner,)


def lacks_route(tx: Transaction, row: ContactRow) -> bool:
    """Tell whether somebody knows no place to answer to: every send id kept ready has been given.

    Until it does, it cannot even confirm what it reads.
    """
    if row.own_route_known or row.own_route_known >= row.own_route_version:
        return False
    return not mailboxes.of_contact(tx, _given_to(tx, row))


def _given_to(tx: Transaction, row: ContactRow) -> UserAddress:
    """Return under whose name our send ids for somebody are: for who is only in a group, its own.

    All members share those of a group, which are taken back when one of them has gone.
    """
    shared = [] if row.is_accepted else group_members.groups_of(tx, row.address)
    return UserAddress(shared[0]) if shared else row.address


def _room(tx: Transaction, contact: UserAddress, sender: Sender) -> int:
    """Return how many messages may be encrypted for a contact now."""
    under_way = outbox.count(tx, contact, running_ahead.MAX_UNDER_WAY)
    unused = running_ahead.MAX_NUMBERS - sender.unanswered
    left = min(running_ahead.MAX_UNDER_WAY - under_way, unused)
    return max(0 if under_way else 1, left)
