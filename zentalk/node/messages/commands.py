"""What a person writes, as write jobs."""

from __future__ import annotations

from typing import Final, NamedTuple

from zentalk.chat.views import fallback_of, line_of
from zentalk.crypto.hashing import sha256
from zentalk.errors import ConfigError, ConflictError, LocalProtocolError, TooLargeError
from zentalk.ids import MESSAGE_ID_BYTES, MessageId, UserAddress
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.node.messages.groups.saying import GroupSpeech
from zentalk.node.messages.people import welcome
from zentalk.node.messages.reasons import OF_LOOKUP
from zentalk.store.history import contacts, events, messages, request_keys
from zentalk.store.history.models import (
    ContactState,
    Direction,
    MessageState,
    RequestKey,
    StoredMessage,
)
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import MAX_TEXT_BYTES, Body, kind_of
from zentalk.wire.content import (
    PLAIN,
    TEXT,
    About,
    Content,
    encode_content,
    is_all_text,
)

MAX_KEY_BYTES: Final = 256
KEY_WAS_USED: Final = "this Idempotency-Key was used for another request: use a new key"


class Written(NamedTuple):
    """That a message was written at another node of the owner: its id, and when (unix ms)."""

    message_id: MessageId
    sent_at_ms: int


class Draft(NamedTuple):
    """What is to be said: a text or a body, and what goes along with it."""

    text: str = ""
    body: Body | None = None
    about: About = PLAIN
    written: Written | None = None
    asked: bytes = b""
    """The request itself, where it names a message that may be gone when it comes again."""

    @property
    def kind(self) -> str:
        """The kind of content that this becomes."""
        return TEXT if self.body is None else kind_of(self.body)

    def __repr__(self) -> str:
        return f"<draft of kind {self.kind}>"


def check_message(
    address: UserAddress, own: UserAddress, draft: Draft, idempotency_key: RequestKey | None
) -> None:
    """Refuse what cannot be sent.

    Raises LocalProtocolError, TooLargeError or ConfigError.
    """
    check_address(address, own)
    if draft.body is None:
        check_text(draft.text)
    check_key(idempotency_key)


def check_key(key: RequestKey | None) -> None:
    """Refuse an idempotency key that is empty or long; raises ConfigError."""
    if key is not None and not 0 < len(key.text) <= MAX_KEY_BYTES:
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

    def __init__(self, composer: Composer, own: UserAddress, speech: GroupSpeech) -> None:
        self._composer = composer
        self._own = own
        self._speech = speech

    def write(
        self,
        address: UserAddress,
        draft: Draft,
        key: RequestKey | None,
        now: float,
        tx: Transaction,
    ) -> tuple[StoredMessage, CommitEffects]:
        """Store a message as queued and encrypt it if a ratchet is there, and it has its turn.

        Whoever is no contact yet becomes one: an answer accepts a request. The same idempotency
        key of the same device gives the same message again, and sets nothing off. Raises
        ConflictError if the key was used for another request, and TooLargeError if a text is too
        long for its group.
        """
        request = b""
        if key is not None:
            request = _request(address, draft)
            known = request_keys.by_key(tx, key)
            if known is not None:
                return self._again(tx, known, request), NO_EFFECTS
        written = draft.written or Written(self._composer.new_message_id(), int(now * 1000))
        earlier_one = None if draft.written is None else messages.own(tx, written.message_id)
        if earlier_one is not None:
            return earlier_one, NO_EFFECTS
        row, welcomed = contacts.get(tx, address), NO_EFFECTS
        in_group = row is not None and row.state is ContactState.GROUP
        if in_group:
            self._speech.check(tx, address)
            self._speech.check_text(tx, address, draft.text, len(draft.about.mentions))
        if row is None or row.state not in (ContactState.CONTACT, ContactState.GROUP):
            row, welcomed = welcome(tx, self._composer, address, "", now)
        content = Content(
            kind=draft.kind,
            message_id=written.message_id,
            sequence=contacts.next_sequence(tx, address),
            sent_at_ms=written.sent_at_ms,
            text=draft.text,
            body=draft.body,
            about=draft.about._replace(timer_seconds=row.timer_seconds),
            fallback="" if draft.body is None else fallback_of(draft.body),
        )
        earlier = messages.last_waiting_reason(tx, address)
        message = messages.insert(
            tx,
            message_id=content.message_id,
            contact=address,
            author=self._own,
            direction=Direction.OUT,
            kind=content.kind,
            text=content.text or line_of(content.body),
            state=MessageState.QUEUED,
            sender_sequence=content.sequence,
            sent_at=content.sent_at_ms / 1000,
            now=now,
            content=None if is_all_text(content) else encode_content(content),
            reason=earlier if earlier in OF_LOOKUP else "",
            timer_seconds=row.timer_seconds,
            expires_at=now + row.timer_seconds if row.timer_seconds else None,
        )
        if message is None:
            raise LocalProtocolError("a message id was drawn twice")
        if key is not None:
            request_keys.remember_key(tx, key, request, content.message_id, now)
        events.append_row(tx, "message.created", now, message)
        if in_group:
            return message, self._speech.say(tx, address, content, now, line=True)
        sent = self._composer.send(tx, row, content, now)
        if welcomed is NO_EFFECTS:
            return message, sent
        return message, CommitEffects.together([welcomed, sent])

    def earlier(
        self, tx: Transaction, address: UserAddress, asked: bytes, key: RequestKey
    ) -> StoredMessage | None:
        """Return what the same request has made already; raises ConflictError for another one."""
        known = request_keys.by_key(tx, key)
        return known and self._again(tx, known, _request(address, Draft(asked=asked)))

    def _again(self, tx: Transaction, known: tuple[bytes, bytes], request: bytes) -> StoredMessage:
        earlier_request, message_id = known
        message = messages.own(tx, MessageId(message_id))
        if earlier_request != request or message is None:
            raise ConflictError(KEY_WAS_USED)
        return message


def _request(address: UserAddress, draft: Draft) -> bytes:
    """Return a hash of all that makes a request another one."""
    if draft.asked:
        return sha256(address + sha256(draft.asked))
    same_id = MessageId(bytes(MESSAGE_ID_BYTES))
    said = Content(draft.kind, same_id, text=draft.text, body=draft.body, about=draft.about)
    return sha256(address + encode_content(said))
