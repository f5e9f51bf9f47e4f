"""From sealed envelopes to the history, a batch of deposits per transaction.

For every envelope: open the outer seal, refuse what was decrypted before, decrypt on a
copy, store message, ratchet and event: all of it or, if anything of it is refused,
nothing, so that a copy that comes when there is room again is still readable. Of what no
ratchet reads only its hash is kept, and only if the contact itself has sealed it. Only the
answer of the committed transaction says what may be acknowledged to the relay and
confirmed to the sender. Nothing here sends.
"""

from __future__ import annotations

import traceback
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.errors import LocalProtocolError, RemoteProtocolError
from zentalk.ids import MessageId, SendId, UserAddress
from zentalk.lifetimes import SEEN_SECONDS
from zentalk.node.messages import ordering
from zentalk.node.messages.compose import Composer, OutboundItem
from zentalk.node.sessions import envelope as sealing
from zentalk.node.sessions import evidence
from zentalk.node.sessions.sessions import Decrypted, OutdatedError, Sessions
from zentalk.store.history import contacts, events, mailboxes, messages, outbox, ratchets
from zentalk.store.history.models import ContactRow, ContactState, MessageState, OwnSendId
from zentalk.store.sqlite import savepoint
from zentalk.store.writer import Transaction
from zentalk.wire.content import (
    CONFIRMATION,
    MAX_CONTENT_BYTES,
    NONE,
    PART,
    ROUTE,
    Content,
    Part,
    decode_content,
    encode_route,
)
from zentalk.wire.rpc_send_ids import SendIdKind
from zentalk.wire.text import format_address

MAX_REQUEST_MESSAGES: Final = 200
"""Messages kept of somebody who was not accepted yet."""
MAX_REQUESTS: Final = 1_000
"""Strangers whose requests are kept; more are dropped until some are answered."""
MAX_UNFINISHED: Final = 256
"""Long messages of one contact whose parts may wait for their others; each is bounded in size."""


_BUGS: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LocalProtocolError,
    LookupError,
    TypeError,
    ValueError,
)
_LOG: Final = structlog.get_logger("zentalk.node")


@dataclass(slots=True)
class Outcome:
    """What one committed batch allows: inners to send, outbox items that are done."""

    inners: list[tuple[UserAddress, bytes]] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)
    rerouted: set[UserAddress] = field(default_factory=set)
    repeated: set[UserAddress] = field(default_factory=set)
    events: int = 0
    held: bool = False
    undecryptable: int = 0
    suspected: bool = False
    again: list[OutboundItem] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Take in what another part of the batch allows."""
        self.inners += other.inners
        self.finished += other.finished
        self.rerouted |= other.rerouted
        self.repeated |= other.repeated
        self.events += other.events
        self.held |= other.held
        self.undecryptable += other.undecryptable
        self.suspected |= other.suspected
        self.again += other.again


class _UnreadError(RemoteProtocolError):
    """No ratchet reads what this contact, and nobody else, can have sealed."""

    def __init__(self, contact: UserAddress, digest: bytes) -> None:
        super().__init__("no ratchet of this contact reads this message")
        self.contact = contact
        self.digest = digest


class Inbox:
    """Processes deposits that were collected from our mailboxes."""

    def __init__(self, sessions: Sessions, composer: Composer) -> None:
        self._sessions = sessions
        self._composer = composer

    def process(
        self, tx: Transaction, deposits: Sequence[tuple[SendId, bytes]], now: float
    ) -> Outcome:
        """Store what a batch of (send id, envelope) brings.

        A deposit that no key of ours reads changes nothing and is counted; it is to be
        acknowledged as well, or it would be pushed for ever. The same goes for one that a
        bug of ours stumbles over, which is logged.
        """
        outcome = Outcome()
        confirm: dict[UserAddress, list[MessageId]] = defaultdict(list)
        for send_id, envelope in deposits:
            one = Outcome()
            try:
                with savepoint(tx):
                    self._one(tx, send_id, envelope, now, one, confirm)
            except _UnreadError as unread:
                outcome.undecryptable += 1
                outcome.suspected |= evidence.raised(tx, unread.contact, unread.digest)
            except RemoteProtocolError:
                outcome.undecryptable += 1
            except _BUGS as bug:
                # It would come again after every start, and end this node for ever.
                _LOG.error("message_dropped", error=type(bug).__name__, at=_place(bug))
                outcome.undecryptable += 1
            else:
                outcome.add(one)
        for contact, ids in confirm.items():
            for inner in self._composer.confirmations(tx, contact, ids):
                outcome.inners.append((contact, inner))
        return outcome

    def _one(
        self,
        tx: Transaction,
        send_id: SendId,
        envelope: bytes,
        now: float,
        outcome: Outcome,
        confirm: dict[UserAddress, list[MessageId]],
    ) -> None:
        row = mailboxes.send_id(tx, send_id)
        if row is None:
            outcome.undecryptable += 1
            return
        inner = _open(row, envelope)
        digest = blake2b_256(Label.CIPHERTEXT_SEEN, inner)
        known = ratchets.seen(tx, digest)
        if known is not None:
            contact, message_id = known
            outcome.repeated.add(contact)
            sender = contacts.get(tx, contact)
            if message_id is not None and sender is not None and sender.is_accepted:
                confirm[contact].append(message_id)
            return
        opened = self._decrypt(tx, row, inner, digest, now)
        content = decode_content(opened.content)
        sender = self._known_sender(tx, opened.contact, now)
        if opened.turn is not None:
            note_id = self._composer.new_message_id()
            outcome.events += evidence.turned(tx, sender, opened.turn, note_id, now)
        if opened.is_current:
            evidence.dispelled(tx, sender.address)
            self._learn_routes(tx, contacts.get(tx, sender.address) or sender, content, outcome)
        wanted = self._apply(tx, sender, content, opened.content, now, outcome)
        if opened.turn is not None and opened.turn.moves:
            outcome.again += self._composer.encrypt_again(tx, sender.address)
        ratchets.remember(tx, digest, opened.contact, wanted, now + SEEN_SECONDS)
        if wanted is not None and sender.is_accepted:
            confirm[opened.contact].append(wanted)

    def _decrypt(
        self, tx: Transaction, row: OwnSendId, inner: bytes, digest: bytes, now: float
    ) -> Decrypted:
        """Decrypt, or say which contact's ratchet seems to be broken.

        Under a contact's own send id nobody else can seal anything. Under a public one
        everybody can: there only a first message that has decrypted counts.
        """
        try:
            return self._sessions.decrypt(tx, row.contact, inner, now)
        except OutdatedError as error:
            raise _UnreadError(error.contact, digest) from error
        except RemoteProtocolError as error:
            if row.contact is None:
                raise
            raise _UnreadError(row.contact, digest) from error

    def _known_sender(self, tx: Transaction, contact: UserAddress, now: float) -> ContactRow:
        """Keep a stranger as a request, so that the message has a place to go."""
        sender = contacts.get(tx, contact)
        if sender is not None:
            return sender
        if contacts.requests(tx) >= MAX_REQUESTS:
            raise RemoteProtocolError("more strangers have written than requests are kept")
        events.append(tx, "contact.requested", now, {"address": format_address(contact)})
        return contacts.insert(tx, contact, "", ContactState.REQUEST, now)

    def _apply(
        self,
        tx: Transaction,
        sender: ContactRow,
        content: Content,
        raw: bytes,
        now: float,
        outcome: Outcome,
    ) -> MessageId | None:
        """Do what a content says; return the id that its sender waits to see confirmed."""
        if content.kind == CONFIRMATION:
            self._confirmed(tx, sender.address, content, now, outcome)
            return None
        if content.kind == NONE:
            return None
        if content.kind == PART and content.part is not None:
            if ordering.is_here(tx, sender.address, content.message_id):
                return content.message_id  # its others may never come: it would stay unfinished
            whole = _add_part(tx, sender.address, content.message_id, content.part, now)
            if whole is None:
                return None
            joined = decode_content(whole)
            if joined.kind == PART or joined.message_id != content.message_id:
                raise RemoteProtocolError("a message in parts is not what its parts say")
            return self._apply(tx, sender, joined, whole, now, outcome)
        if content.kind != ROUTE:
            self._keep(tx, sender, content, raw, now, outcome)
        return content.message_id

    def _keep(
        self,
        tx: Transaction,
        sender: ContactRow,
        content: Content,
        raw: bytes,
        now: float,
        outcome: Outcome,
    ) -> None:
        accepted = sender.is_accepted
        if not accepted and len(messages.unconfirmed(tx, sender.address)) >= MAX_REQUEST_MESSAGES:
            raise RemoteProtocolError("a stranger has sent more than a request may hold")
        entered = ordering.receive(tx, sender.address, content, raw, now, confirmed=accepted)
        outcome.events += entered
        outcome.held |= entered == 0

    def _confirmed(
        self, tx: Transaction, contact: UserAddress, content: Content, now: float, outcome: Outcome
    ) -> None:
        for message_id in content.confirmed:
            outcome.finished += outbox.remove_message(tx, contact, message_id)
            if messages.set_state(tx, message_id, contact, MessageState.DELIVERED):
                data = {
                    "id": message_id.hex(),
                    "state": MessageState.DELIVERED,
                    "conversation": format_address(contact),
                }
                events.append(tx, "message.state", now, data)
                outcome.events += 1

    def _learn_routes(
        self, tx: Transaction, sender: ContactRow, content: Content, outcome: Outcome
    ) -> None:
        contact, route = sender.address, content.route
        if route is not None and route.version > sender.route_version:
            contacts.set_route(tx, contact, encode_route(route), route.version)
            outcome.rerouted.add(contact)
        if content.route_seen > sender.own_route_known:
            contacts.set_own_route_known(tx, contact, content.route_seen)


def _add_part(
    tx: Transaction, contact: UserAddress, message_id: MessageId, part: Part, now: float
) -> bytes | None:
    """Keep a part; return the whole once it was the last. Every limit lets messages finish."""
    others, others_bytes = messages.other_parts(tx, contact, message_id, part.index)
    if not others and messages.unfinished(tx, contact) >= MAX_UNFINISHED:
        raise RemoteProtocolError("a contact has left too many messages unfinished")
    if others_bytes + len(part.data) > MAX_CONTENT_BYTES:
        raise RemoteProtocolError("the parts of a message are longer than a message")
    return messages.add_part(
        tx,
        contact=contact,
        message_id=message_id,
        part=part.index,
        parts=part.count,
        data=part.data,
        now=now,
    )


def _place(bug: BaseException) -> str:
    """Return where an error was raised; its own text may quote what was written."""
    frame = traceback.extract_tb(bug.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def _open(row: OwnSendId, envelope: bytes) -> bytes:
    if row.kind == SendIdKind.PUBLIC:
        return sealing.open_from_public(row.secret, envelope)
    return sealing.open_from_contact(row.secret, envelope)
