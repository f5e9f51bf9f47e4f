"""What a person does with messages that are there, and with a conversation, as write jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from zentalk.chat.marks import Signed
from zentalk.errors import ConfigError, LocalProtocolError, NotFoundError
from zentalk.ids import DAY_SECONDS, GroupId, MessageId, UserAddress
from zentalk.node.messages import requests
from zentalk.node.messages.commands import Draft, check_text
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.conversation import marking, profile
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.node.messages.groups.saying import GroupSpeech
from zentalk.node.messages.kinds.settings import set_timer
from zentalk.store.history import (
    chats,
    contacts,
    erasing,
    events,
    group_sends,
    groups,
    messages,
    outbox,
    unread,
)
from zentalk.store.history import settings as stored
from zentalk.store.history.models import ContactRow, ContactState, Direction, StoredMessage
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import (
    MAX_EMOJI_BYTES,
    MAX_TIMER_SECONDS,
    Body,
    Deletion,
    Edit,
    Mark,
    MessageTarget,
    Pin,
    Profile,
    Reaction,
    Read,
    Timer,
    Vote,
    kind_of,
)
from zentalk.wire.content import TEXT, About, Content, decode_content
from zentalk.wire.text import format_address, parse_address

MAX_DRAFT_BYTES: Final = 65_536
MAX_MUTE_SECONDS: Final = 100 * 366 * DAY_SECONDS
NO_CONVERSATION: Final = "there is no conversation with this address: look at your contacts"
NO_MESSAGE: Final = "there is no message with this id in this conversation"
_NUMBER: Final = "mark-number"
"""8 bytes: the number of our last mark; the next is higher, also if the clock was set back."""

Done = tuple[StoredMessage, CommitEffects]


class ChatCommands:
    """Jobs about messages that are there. All raise NotFoundError if the message is not."""

    def __init__(self, composer: Composer, own: UserAddress, speech: GroupSpeech) -> None:
        self._composer = composer
        self._own = own
        self._speech = speech

    def edit(
        self, tx: Transaction, contact: UserAddress, message_id: MessageId, text: str, now: float
    ) -> Done:
        """Give a text of our own other words. Raises what `check_text` raises."""
        check_text(text)
        self._speech.check_text(tx, contact, text)
        line = self._own_line(tx, contact, message_id)
        if line.kind != TEXT or line.deleted:
            raise LocalProtocolError("only a text that is still there can be changed")
        return self._mark(tx, contact, line, now, lambda at, n: Edit(at, n, text))

    def take_back(
        self, tx: Transaction, contact: UserAddress, message_id: MessageId, now: float
    ) -> Done:
        """Delete a message of our own for everybody; what was not sent yet never is."""
        line = self._own_line(tx, contact, message_id)
        group_sends.drop_message(tx, GroupId(contact), message_id)
        receivers = outbox.receivers(tx, message_id)
        dropped = tuple(outbox.remove_everywhere(tx, message_id))
        others = tuple(
            item for one in receivers for item in self._composer.encrypt_waiting(tx, one)
        )
        done, effects = self._mark(tx, contact, line, now, Deletion)
        return done, CommitEffects.together([CommitEffects(dropped=dropped, send=others), effects])

    def react(
        self, tx: Transaction, contact: UserAddress, message_id: MessageId, emoji: str, now: float
    ) -> Done:
        """React to a message; an empty emoji takes that back. Raises ConfigError if it is long."""
        if len(emoji.encode("utf-8", "replace")) > MAX_EMOJI_BYTES:
            raise ConfigError("a reaction is one emoji: send longer words as a text")
        line = _line(tx, contact, message_id)
        return self._mark(tx, contact, line, now, lambda at, n: Reaction(at, n, emoji))

    def pin(
        self, tx: Transaction, contact: UserAddress, message_id: MessageId, now: float, *, on: bool
    ) -> Done:
        """Pin a message for all of the conversation, or unpin it."""
        line = _line(tx, contact, message_id)
        return self._mark(tx, contact, line, now, lambda at, n: Pin(at, n, on))

    def vote(
        self,
        tx: Transaction,
        contact: UserAddress,
        message_id: MessageId,
        options: tuple[int, ...],
        now: float,
    ) -> Done:
        """Choose options of a poll, by their places from 0; none takes the vote back.

        Raises LocalProtocolError if it is no poll, or has no such options.
        """
        line, chosen = _line(tx, contact, message_id), tuple(sorted(set(options)))
        poll = line.body or {}
        places = range(len(poll.get("options", ())))
        if not places:
            raise LocalProtocolError("this message is no poll")
        if any(option not in places for option in chosen):
            raise LocalProtocolError(f"the options of this poll are 0 to {places[-1]}")
        if len(chosen) > 1 and not poll["multiple"]:
            raise LocalProtocolError("this poll takes one option: choose one")
        return self._mark(tx, contact, line, now, lambda at, n: Vote(at, n, chosen))

    def star(
        self, tx: Transaction, contact: UserAddress, message_id: MessageId, now: float, *, on: bool
    ) -> StoredMessage:
        """Star a message, or not; nobody else learns of it."""
        line = _line(tx, contact, message_id)
        if line.starred == on:
            return line
        messages.set_starred(tx, line.seq, on=on)
        after = _line(tx, contact, message_id)
        events.append_row(tx, "message.starred", now, after)
        return after

    def delete_here(
        self, tx: Transaction, contact: UserAddress, message_id: MessageId, now: float
    ) -> None:
        """Delete a message at this node only; it cannot come again."""
        line = _line(tx, contact, message_id)
        data = erasing.erase(tx, contact, _target(line))
        events.append(tx, "message.removed", now, data)
        marking.uncount(tx, contact, line, now)

    def set_timer(
        self, tx: Transaction, contact: UserAddress, seconds: int, now: float
    ) -> CommitEffects:
        """Let messages disappear so long after they were read, at both; 0 ends that.

        Raises ConfigError for more than a year.
        """
        if not 0 <= seconds <= MAX_TIMER_SECONDS:
            raise ConfigError("messages can disappear after 1 second to 366 days")
        row = _person(tx, contact)
        if row.state is ContactState.GROUP:
            self._speech.check(tx, contact)
        body = Timer(_next_number(tx, now), seconds)
        set_timer(tx, contact, self._own, body, now)
        return self._send(tx, row, body, now)

    def mark_read(
        self,
        tx: Transaction,
        contact: UserAddress,
        now: float,
        *,
        tell: bool,
        up_to: int | None = None,
    ) -> CommitEffects:
        """Leave unread what came after a place, or nothing; `tell` the other side what was read.

        Of several receipts that wait, only the newest goes on waiting. Authors in a group are told
        some time later.
        """
        marking.log_unread(tx, contact, unread.read_up_to(tx, contact, up_to), now)
        newest = chats.newest_received(tx, contact, up_to)
        if newest is None:
            return NO_EFFECTS
        seq, message_id = newest
        chats.read_up_to(tx, contact, seq, now)
        row = contacts.get(tx, contact)
        if tell and row is not None and row.state is ContactState.GROUP:
            return self._speech.note_read(tx, contact, seq, now)
        if not tell or row is None or not row.is_accepted or chats.told_up_to(tx, contact) >= seq:
            return NO_EFFECTS
        receipt = self._composer.new_message_id()
        earlier = chats.set_told(tx, contact, seq, receipt)
        replaced = tuple(outbox.remove_message(tx, contact, earlier))
        sent = self._send(tx, row, Read(message_id), now, receipt)
        return CommitEffects.together([CommitEffects(dropped=replaced), sent])

    def mute(self, tx: Transaction, contact: UserAddress, until: float, now: float) -> None:
        """Mute a conversation until a unix time; 0 ends it. Raises ConfigError."""
        _person(tx, contact)
        if not 0 <= until <= now + MAX_MUTE_SECONDS:
            raise ConfigError("the end of a mute is a unix time in seconds, or 0")
        if chats.muted_until(tx, contact) != until:
            chats.mute(tx, contact, until)
            data = {"conversation": format_address(contact), "muted_until": until}
            events.append(tx, "conversation.muted", now, data)

    def draft(self, tx: Transaction, contact: UserAddress, text: str, now: float) -> None:
        """Keep what is half written for all of the owner's devices. Raises ConfigError."""
        _person(tx, contact)
        if len(text.encode("utf-8", "replace")) > MAX_DRAFT_BYTES:
            raise ConfigError(f"a draft may have {MAX_DRAFT_BYTES} bytes: shorten it")
        if chats.draft(tx, contact) != text:
            chats.put_draft(tx, contact, text)
            data = {"conversation": format_address(contact)}
            events.append(tx, "conversation.draft", now, data)

    def set_profile(
        self, tx: Transaction, wished: tuple[str, str, bytes], now: float
    ) -> tuple[Profile, CommitEffects]:
        """Set name, status line and avatar of the owner, and tell all contacts."""
        return profile.put(tx, self._composer, self._own, wished, now)

    def clear(self, tx: Transaction, contact: UserAddress, now: float) -> None:
        """Delete all messages with a person here; the person stays."""
        _person(tx, contact)
        requests.delete_conversation(tx, contact, now)

    def _own_line(
        self, tx: Transaction, contact: UserAddress, message_id: MessageId
    ) -> StoredMessage:
        line = _line(tx, contact, message_id)
        if line.direction is not Direction.OUT:
            raise LocalProtocolError("only its author can do this with a message")
        return line

    def _mark(
        self,
        tx: Transaction,
        contact: UserAddress,
        line: StoredMessage,
        now: float,
        make: Callable[[MessageTarget, int], Mark],
    ) -> Done:
        if groups.exists(tx, contact):
            self._speech.check(tx, contact)
        mark = make(_target(line), _next_number(tx, now))
        after = marking.apply(tx, contact, Signed(self._own, mark), now)
        if after is None:
            return line, NO_EFFECTS
        return after, self._send(tx, _person(tx, contact), mark, now)

    def _send(
        self,
        tx: Transaction,
        row: ContactRow,
        body: Body,
        now: float,
        message_id: MessageId | None = None,
    ) -> CommitEffects:
        """Send a body to a contact, or to all of a group; nothing goes to anybody else."""
        content = Content(
            kind=kind_of(body),
            message_id=message_id or self._composer.new_message_id(),
            body=body,
        )
        if row.state is ContactState.GROUP:
            return self._speech.say(tx, row.address, content, now, line=False)
        if not row.is_accepted:
            return NO_EFFECTS
        return self._composer.send(tx, row, content, now)


def _line(tx: Transaction, contact: UserAddress, message_id: MessageId) -> StoredMessage:
    line = messages.by_id(tx, message_id, contact)
    if line is None or not line.author:
        raise NotFoundError(NO_MESSAGE)
    return line


def _target(line: StoredMessage) -> MessageTarget:
    return MessageTarget(parse_address(line.author), MessageId(bytes.fromhex(line.id)))


def target_of(tx: Transaction, contact: UserAddress, message_id: MessageId) -> MessageTarget:
    """Return what names a message to the other side; raises NotFoundError."""
    return _target(_line(tx, contact, message_id))


def forwarded(tx: Transaction, contact: UserAddress, message_id: MessageId) -> Draft:
    """Return a message as it can be said again, without its answers, mentions and timer.

    Raises NotFoundError if it is not there, or was taken back.
    """
    line = _line(tx, contact, message_id)
    if line.deleted:
        raise NotFoundError(NO_MESSAGE)
    content = messages.content_of(tx, line.seq)
    body = None if content is None else decode_content(content).body
    return Draft("" if body else line.text, body, About(forwarded=True))


def _person(tx: Transaction, contact: UserAddress) -> ContactRow:
    row = contacts.get(tx, contact)
    if row is None or row.state is ContactState.REMOVED:
        raise NotFoundError(NO_CONVERSATION)
    return row


def _next_number(tx: Transaction, now: float) -> int:
    last = int.from_bytes(stored.get(tx, _NUMBER) or b"", "big")
    number = max(last + 1, int(now * 1000))
    stored.put(tx, _NUMBER, number.to_bytes(8, "big"))
    return number
