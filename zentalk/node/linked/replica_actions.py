"""What the owner does in conversations at a replica: sent to the first, which does it.

What cannot be sent there is refused by the copy of the history, which takes nothing but what the
first sends. Each method returns the message as it is here now; it changes once the first has done
it.
"""

from __future__ import annotations

from typing import Final

from zentalk.chat.views import fallback_of
from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.errors import NotFoundError
from zentalk.ids import MESSAGE_ID_BYTES, MessageId, UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.conversations.actions import ConversationActions, parse_message_id
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.linked.follower import Follower
from zentalk.node.messages.commands import Draft, check_text
from zentalk.node.messages.conversation.commands import NO_MESSAGE, ChatCommands
from zentalk.store.history import chats, messages
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import RequestKey, StoredMessage
from zentalk.store.history.pending import PendingWrite
from zentalk.wire.chat import Body, Deletion, Edit, Pin, Reaction, Read, Vote, kind_of
from zentalk.wire.content import Content

READ_ONLY: Final = (
    "this node is a replica and follows another node of yours: do this there, or promote this one"
    " with zentalk api promote"
)
_UNNUMBERED: Final = 0
"""The first gives each mark its number."""


class ReplicaActions(ConversationActions):
    """The actions of a replica; those that are not here read, or are refused."""

    def __init__(
        self,
        runtime: Runtime,
        copy: HistoryDatabase,
        outbox: Outbox,
        commands: ChatCommands,
        follower: Follower,
    ) -> None:
        super().__init__(runtime, copy, outbox, commands)
        self._follower = follower

    async def say(
        self, contact: UserAddress, draft: Draft, key: RequestKey | None = None
    ) -> PendingWrite:
        """Send a message to the first; the same key makes the same message, which is kept once."""
        now = self._runtime.wall()
        content = Content(
            kind=draft.kind,
            message_id=self._new_id() if key is None else id_of(key),
            sent_at_ms=int(now * 1000),
            text=draft.text,
            body=draft.body,
            about=draft.about,
            fallback="" if draft.body is None else fallback_of(draft.body),
        )
        return await self._follower.write(contact, content)

    async def edit(self, contact: UserAddress, message_id: str, text: str) -> StoredMessage:
        """Give a text of our own other words."""
        check_text(text)
        target = await self.target(contact, message_id)
        return await self._do(contact, message_id, Edit(target, _UNNUMBERED, text))

    async def take_back(self, contact: UserAddress, message_id: str) -> StoredMessage:
        """Delete a message of our own for everybody."""
        target = await self.target(contact, message_id)
        return await self._do(contact, message_id, Deletion(target, _UNNUMBERED))

    async def react(self, contact: UserAddress, message_id: str, emoji: str) -> StoredMessage:
        """React to a message; an empty emoji takes that back."""
        target = await self.target(contact, message_id)
        return await self._do(contact, message_id, Reaction(target, _UNNUMBERED, emoji))

    async def pin(self, contact: UserAddress, message_id: str, *, on: bool) -> StoredMessage:
        """Pin a message for all of the conversation, or unpin it."""
        target = await self.target(contact, message_id)
        return await self._do(contact, message_id, Pin(target, _UNNUMBERED, on))

    async def vote(
        self, contact: UserAddress, message_id: str, options: tuple[int, ...]
    ) -> StoredMessage:
        """Choose options of a poll; none takes the vote back."""
        target = await self.target(contact, message_id)
        return await self._do(contact, message_id, Vote(target, _UNNUMBERED, options))

    async def mark_read(self, contact: UserAddress, up_to: int | None = None) -> None:
        """Tell the first that the owner has read up to here, or up to a place."""
        newest = await self._database.read(lambda tx: chats.newest_received(tx, contact, up_to))
        if newest is not None:
            await self._send(contact, Read(newest[1]))

    async def _do(self, contact: UserAddress, message_id: str, body: Body) -> StoredMessage:
        await self._send(contact, body)
        shown = parse_message_id(message_id)
        line = await self._database.read(lambda tx: messages.by_id(tx, shown, contact))
        if line is None:
            raise NotFoundError(NO_MESSAGE)
        return line

    async def _send(self, contact: UserAddress, body: Body) -> None:
        await self._follower.write(
            contact, Content(kind=kind_of(body), message_id=self._new_id(), body=body)
        )

    def _new_id(self) -> MessageId:
        return MessageId(self._runtime.entropy(MESSAGE_ID_BYTES))


def id_of(key: RequestKey) -> MessageId:
    """Return the id of the message that a request makes, however often it is repeated."""
    device = key.device.encode()
    front = len(device).to_bytes(4, "big") + device
    return MessageId(blake2b_256(Label.REQUEST_ID, front, key.text.encode())[:MESSAGE_ID_BYTES])
