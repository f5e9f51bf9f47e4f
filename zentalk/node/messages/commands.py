"""What a person writes, as write jobs."""

from __future__ import annotations

from typing import Final

from zentalk.crypto.hashing import sha256
from zentalk.errors import ConfigError, ConflictError, LocalProtocolError, TooLargeError
from zentalk.ids import MessageId, UserAddress
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.node.messages.people import welcome
from zentalk.node.messages.reasons import OF_LOOKUP
from zentalk.store.history import contacts, events, messages
from zentalk.store.history.models import (
    ContactState,
    Direction,
    MessageState,
    RequestKey,
    StoredMessage,
)
from zentalk.store.sqlite import Transaction
from zentalk.wire.content import MAX_TEXT_BYTES, TEXT, Content

MAX_KEY_BYTES: Final = 256


def check_message(
    address: UserAddress, own: UserAddress, text: str, idempotency_key: RequestKey | None
) -> None:
    """Refuse what cannot be sent.

    Raises LocalProtocolError, TooLargeError or ConfigError.
    """
    check_address(address, own)
    check_text(text)
    if idempotency_key is not None and not 0 < len(idempotency_key.text) <= MAX_KEY_BYTES:
        raise ConfigError(f"an Idempotency-Key has 1 to {MAX_KEY_BYTES} characters")


def check_text(text: str) -> None:
    """Refuse a text that cannot be sent.

    Raises TooLargeError above 64 KB of UTF-8 and LocalProtocolError for an empty text or
    one that has no UTF-8 form.
    """
    try:
        size_bytes = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise LocalProtocolError("a text must be valid Unicode: remove lone surrogates") from None
    if size_bytes > MAX_TEXT_BYTES:
        raise TooLargeError(
            f"a text may have at most {MAX_TEXT_BYTES} bytes and this one has {size_bytes}:"
            " shorten it or split it"
        )
    if not text:
        raise LocalProtocolError("the text is empty: write one")


def check_address(address: UserAddress, own: UserAddress) -> None:
    """Refuse our own address; raises LocalProtocolError."""
    if address == own:
        raise LocalProtocolError("this is your own address: name somebody else's")


class MessageCommands:
    """Jobs that add messages of our own."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer

    def write(
        self, address: UserAddress, text: str, key: RequestKey | None, now: float, tx: Transaction
    ) -> tuple[StoredMessage, CommitEffects]:
        """Store a text as queued and encrypt it if a ratchet is there.

        Whoever is no contact yet becomes one: an answer accepts a request. The same idempotency
        key of the same device gives the same message again, and sets nothing off. Raises
        ConflictError if the key was used for another request.
        """
        request = b""
        if key is not None:
            request = sha256(address + text.encode("utf-8"))
            known = messages.by_key(tx, key)
            if known is not None:
                return self._again(tx, known, request), NO_EFFECTS
        row, welcomed = contacts.get(tx, address), NO_EFFECTS
        if row is None or row.state is not ContactState.CONTACT:
            row, welcomed = welcome(tx, self._composer, address, "", now)
        content = Content(
            kind=TEXT,
            message_id=self._composer.new_message_id(),
            sequence=contacts.next_sequence(tx, address),
            sent_at_ms=int(now * 1000),
            text=text,
        )
        earlier = messages.last_waiting_reason(tx, address)
        message = messages.insert(
            tx,
            message_id=content.message_id,
            contact=address,
            direction=Direction.OUT,
            kind=TEXT,
            text=text,
            state=MessageState.QUEUED,
            sender_sequence=content.sequence,
            sent_at=content.sent_at_ms / 1000,
            now=now,
            reason=earlier if earlier in OF_LOOKUP else "",
        )
        if message is None:
            raise LocalProtocolError("a message id was drawn twice")
        if key is not None:
            messages.remember_key(tx, key, request, content.message_id, now)
        events.append_row(tx, "message.created", now, message)
        ready = self._composer.send(tx, row, content, now)
        sent = CommitEffects(
            send=tuple(ready), needs_session=frozenset() if ready else frozenset({address})
        )
        if welcomed is NO_EFFECTS:
            return message, sent
        return message, CommitEffects.together([welcomed, sent])

    def _again(
        self, tx: Transaction, known: tuple[bytes, MessageId], request: bytes
    ) -> StoredMessage:
        earlier_request, message_id = known
        message = messages.own(tx, message_id)
        if earlier_request != request or message is None:
            raise ConflictError("this Idempotency-Key was used for another message: use a new key")
        return message
