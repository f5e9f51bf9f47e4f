"""What the owner does in conversations beside sending: the node's face for that part of REST.

Each method is one job; its effects are carried out once it is committed. Errors are those of
`zentalk.node.messages.conversation.commands` and, if something could not be saved, StorageError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from zentalk.errors import NotFoundError
from zentalk.ids import MESSAGE_ID_BYTES, MessageId, UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.messages.commands import Draft
from zentalk.node.messages.conversation import importing, profile
from zentalk.node.messages.conversation.commands import (
    NO_CONVERSATION,
    NO_MESSAGE,
    ChatCommands,
    forwarded,
    target_of,
)
from zentalk.node.messages.conversation.importing import ImportedPage, ImportPage
from zentalk.node.messages.effects import CommitEffects
from zentalk.store.history import contacts, messages, pages, privacy, profiles, search
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import StoredConversation, StoredMessage
from zentalk.store.history.privacy import Privacy
from zentalk.store.history.search import NameHit, Wanted
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import MessageTarget, Profile

T = TypeVar("T")

MAX_PINNED: Final = 100
MAX_NAMES: Final = 20
"""People and groups that one search names."""


class ConversationActions:
    """ConversationActions of one history; messages are named by their ids in hexadecimal form."""

    def __init__(
        self, runtime: Runtime, database: HistoryDatabase, outbox: Outbox, commands: ChatCommands
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._outbox = outbox
        self._commands = commands

    async def edit(self, contact: UserAddress, message_id: str, text: str) -> StoredMessage:
        """Give a text of our own other words."""
        shown = parse_message_id(message_id)
        return await self._commit(
            lambda tx, now: self._commands.edit(tx, contact, shown, text, now)
        )

    async def take_back(self, contact: UserAddress, message_id: str) -> StoredMessage:
        """Delete a message of our own for everybody."""
        shown = parse_message_id(message_id)
        return await self._commit(lambda tx, now: self._commands.take_back(tx, contact, shown, now))

    async def delete_here(self, contact: UserAddress, message_id: str) -> None:
        """Delete a message at this node only."""
        shown = parse_message_id(message_id)
        await self._write(lambda tx, now: self._commands.delete_here(tx, contact, shown, now))

    async def react(self, contact: UserAddress, message_id: str, emoji: str) -> StoredMessage:
        """React to a message; an empty emoji takes that back."""
        shown = parse_message_id(message_id)
        return await self._commit(
            lambda tx, now: self._commands.react(tx, contact, shown, emoji, now)
        )

    async def pin(self, contact: UserAddress, message_id: str, *, on: bool) -> StoredMessage:
        """Pin a message for all of the conversation, or unpin it."""
        shown = parse_message_id(message_id)
        return await self._commit(
            lambda tx, now: self._commands.pin(tx, contact, shown, now, on=on)
        )

    async def vote(
        self, contact: UserAddress, message_id: str, options: tuple[int, ...]
    ) -> StoredMessage:
        """Choose options of a poll; none takes the vote back."""
        shown = parse_message_id(message_id)
        return await self._commit(
            lambda tx, now: self._commands.vote(tx, contact, shown, options, now)
        )

    async def star(self, contact: UserAddress, message_id: str, *, on: bool) -> StoredMessage:
        """Star a message, or not; nobody else learns of it."""
        shown = parse_message_id(message_id)
        return await self._write(
            lambda tx, now: self._commands.star(tx, contact, shown, now, on=on)
        )

    async def set_timer(self, contact: UserAddress, seconds: int) -> None:
        """Let messages disappear so long after they were read, at both; 0 ends that."""
        await self._commit(
            lambda tx, now: (None, self._commands.set_timer(tx, contact, seconds, now))
        )

    async def mark_read(self, contact: UserAddress, up_to: int | None = None) -> None:
        """Leave unread what came after a place, or nothing; tell the other side if that is wished.

        `up_to` is the `seq` of the last message that was shown.
        """

        def job(tx: Transaction, now: float) -> tuple[None, CommitEffects]:
            tell = privacy.get(tx).read_receipts
            return None, self._commands.mark_read(tx, contact, now, tell=tell, up_to=up_to)

        await self._commit(job)

    async def mute(self, contact: UserAddress, until: float) -> None:
        """Mute a conversation until a unix time; 0 ends it."""
        await self._write(lambda tx, now: self._commands.mute(tx, contact, until, now))

    async def save_draft(self, contact: UserAddress, text: str) -> None:
        """Keep what is half written for all of the owner's devices; empty drops it."""
        await self._write(lambda tx, now: self._commands.draft(tx, contact, text, now))

    async def clear(self, contact: UserAddress) -> None:
        """Delete all messages with a person here; the person stays."""
        await self._write(lambda tx, now: self._commands.clear(tx, contact, now))

    async def take_in(self, page: ImportPage) -> ImportedPage:
        """Add to a conversation what an export has and it has not."""
        return await self._write(lambda tx, now: importing.take_in(tx, page, now))

    async def profile(self) -> Profile:
        """Return how the owner is shown to contacts; version 0 if that was never said."""
        return await self._database.read(profile.get)

    async def set_profile(self, name: str, status: str, avatar: bytes) -> Profile:
        """Set how the owner is shown, and tell all contacts; raises ConfigError."""
        profile.check(name, status, avatar)
        return await self._commit(
            lambda tx, now: self._commands.set_profile(tx, (name, status, avatar), now)
        )

    async def profile_of(self, contact: UserAddress) -> Profile:
        """Return how a contact wants to be shown; raises NotFoundError if it has not said."""
        found = await self._database.read(lambda tx: profiles.get(tx, contact))
        if found is None:
            raise NotFoundError("this person has sent you no profile")
        return found

    async def target(self, contact: UserAddress, message_id: str) -> MessageTarget:
        """Return what names a message of a conversation to its other side; raises NotFoundError."""
        shown = parse_message_id(message_id)
        return await self._database.read(lambda tx: target_of(tx, contact, shown))

    async def draft_of(self, contact: UserAddress, message_id: str) -> Draft:
        """Return a message as it can be said to somebody else; raises NotFoundError.

        A message that was taken back is not there any more.
        """
        shown = parse_message_id(message_id)
        return await self._database.read(lambda tx: forwarded(tx, contact, shown))

    async def one(self, contact: UserAddress) -> StoredConversation:
        """Return one conversation, also without messages; raises NotFoundError."""
        found = await self._database.read(lambda tx: contacts.conversation(tx, contact))
        if found is None:
            raise NotFoundError(NO_CONVERSATION)
        return found

    async def pinned(self, contact: UserAddress) -> list[StoredMessage]:
        """Return the newest 100 pinned messages of a conversation, newest last."""
        return await self._database.read(lambda tx: pages.pinned(tx, contact, MAX_PINNED))

    async def starred(self, before: int | None, limit: int) -> list[StoredMessage]:
        """Return a page of the starred messages of all conversations, newest last."""
        return await self._database.read(lambda tx: pages.starred(tx, before, limit))

    async def page_after(self, contact: UserAddress, seq: int, limit: int) -> list[StoredMessage]:
        """Return a page of a conversation after a number, oldest first."""
        return await self._database.read(lambda tx: pages.after(tx, contact, seq, limit))

    async def page_around(
        self, contact: UserAddress, message_id: str, limit: int
    ) -> list[StoredMessage]:
        """Return a page around a message, newest last; raises NotFoundError."""
        shown = parse_message_id(message_id)

        def query(tx: Transaction) -> list[StoredMessage]:
            line = messages.by_id(tx, shown, contact)
            if line is None:
                raise NotFoundError(NO_MESSAGE)
            return pages.around(tx, contact, line.seq, limit)

        return await self._database.read(query)

    async def page_since(self, contact: UserAddress, at: float, limit: int) -> list[StoredMessage]:
        """Return a page of what was stored since a unix time, oldest first."""

        def query(tx: Transaction) -> list[StoredMessage]:
            first = pages.first_since(tx, contact, at)
            return [] if first is None else pages.after(tx, contact, first - 1, limit)

        return await self._database.read(query)

    async def search(self, wanted: Wanted, limit: int) -> list[StoredMessage]:
        """Return messages with all the words, newest first; raises LocalProtocolError."""
        return await self._database.read(lambda tx: search.find(tx, wanted, limit))

    async def search_names(self, query: str) -> list[NameHit]:
        """Return the first 20 people and groups whose names have all the words."""
        return await self._database.read(lambda tx: search.names(tx, query, MAX_NAMES))

    async def privacy(self) -> Privacy:
        """Return what others are told of the owner."""
        return await self._database.read(privacy.get)

    async def set_privacy(self, wished: Privacy) -> None:
        """Set what others are told of the owner."""
        await self._write(lambda tx, now: privacy.put(tx, wished, now))

    async def _commit(self, job: Callable[[Transaction, float], tuple[T, CommitEffects]]) -> T:
        now = self._runtime.wall()
        result, effects = await self._database.write(lambda tx: job(tx, now))
        await self._outbox.carry_out(effects)
        return result

    async def _write(self, job: Callable[[Transaction, float], T]) -> T:
        now = self._runtime.wall()
        return await self._database.write(lambda tx: job(tx, now))


def parse_message_id(shown: str) -> MessageId:
    """Read a message id as it is shown; raises NotFoundError, as nothing has another id."""
    try:
        raw = bytes.fromhex(shown)
    except ValueError:
        raw = b""
    if len(raw) != MESSAGE_ID_BYTES:
        raise NotFoundError(NO_MESSAGE)
    return MessageId(raw)
