"""What the owner did at another node, done here.

Jobs of the writer's thread. Whatever was written there goes through the same commands as what is
written here, so it may do nothing more, and this node gives it its place in the order.
"""

from __future__ import annotations

from typing import Final

from zentalk.chat.kinds import KindRole, role_of
from zentalk.errors import ConflictError
from zentalk.ids import MessageId, UserAddress
from zentalk.node.messages.commands import Draft, MessageCommands, Written
from zentalk.node.messages.conversation.commands import ChatCommands
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.store.history import chats, privacy
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import Deletion, Edit, Pin, Reaction, Read, Vote
from zentalk.wire.content import Content, decode_content

NOT_FROM_THERE: Final = "this cannot be done at a replica: do it at the node that it follows"


class OwnerWrites:
    """Does what came as a content, as if it were done here."""

    def __init__(self, messages: MessageCommands, chat: ChatCommands, own: UserAddress) -> None:
        self._messages = messages
        self.chat = chat
        self._own = own

    def carry_out(
        self, tx: Transaction, contact: UserAddress, encoded: bytes, now: float
    ) -> CommitEffects:
        """Do what a content says in a conversation; the same message again changes nothing.

        Raises a ZentalkError whose text the owner may read, if it cannot be done.
        """
        content = decode_content(encoded)
        if contact == self._own or role_of(content.kind) is KindRole.TRANSPORT:
            raise ConflictError(NOT_FROM_THERE)
        if role_of(content.kind) is KindRole.LINE:
            written = Written(content.message_id, content.sent_at_ms)
            draft = Draft(content.text, content.body, content.about, written)
            return self._messages.write(contact, draft, None, now, tx)[1]
        if isinstance(content.body, Read):
            return self._read(tx, contact, content.body.message_id, now)
        return self._mark(tx, contact, content, now)

    def _read(
        self, tx: Transaction, contact: UserAddress, message_id: MessageId, now: float
    ) -> CommitEffects:
        """Note that a conversation was read there, up to a message; what has come since was not."""
        up_to = chats.received_at(tx, contact, message_id)
        if up_to is None:
            return NO_EFFECTS
        tell = privacy.get(tx).read_receipts
        return self.chat.mark_read(tx, contact, now, tell=tell, up_to=up_to)

    def _mark(
        self, tx: Transaction, contact: UserAddress, content: Content, now: float
    ) -> CommitEffects:
        match content.body:
            case Edit(target, _, text):
                done = self.chat.edit(tx, contact, target.message_id, text, now)
            case Deletion(target):
                done = self.chat.take_back(tx, contact, target.message_id, now)
            case Reaction(target, _, emoji):
                done = self.chat.react(tx, contact, target.message_id, emoji, now)
            case Pin(target, _, on):
                done = self.chat.pin(tx, contact, target.message_id, now, on=on)
            case Vote(target, _, options):
                done = self.chat.vote(tx, contact, target.message_id, options, now)
            case _:
                raise ConflictError(NOT_FROM_THERE)
        return done[1]
