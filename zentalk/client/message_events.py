"""The classes of events about messages; `typed_events` has the table of all."""

from __future__ import annotations

from zentalk.rest.event_bodies import ChangedMessage, MessageStateBody, RemovedMessageBody
from zentalk.rest.events import Event
from zentalk.rest.messages import Message, States


class MessageEvent(Event):
    """An event about a whole message."""

    @property
    def message(self) -> Message:
        """The message as it was at this event."""
        return Message.model_validate(self.data)


class MessageCreated(MessageEvent):
    """`message.created`: the owner wrote a message, on any device."""


class MessageReceived(MessageEvent):
    """`message.received`: a message of somebody else was put into the history."""


class RatchetRenewed(MessageEvent):
    """`ratchet.renewed`: a line that nobody wrote, where keys of a conversation were renewed."""


class MessageStarred(MessageEvent):
    """`message.starred`: the owner starred a message, or took that back."""


class ChangedMessageEvent(MessageEvent):
    """An event about a message that is shown in another way now."""

    @property
    def by(self) -> str:
        """The address of who has changed it."""
        return ChangedMessage.model_validate(self.data).by


class MessageEdited(ChangedMessageEvent):
    """`message.edited`: a message has another text."""


class MessageDeleted(ChangedMessageEvent):
    """`message.deleted`: it was taken back, and nothing is left of it but its place."""


class MessageReacted(ChangedMessageEvent):
    """`message.reacted`: somebody reacted to a message, or took that back."""


class MessagePinned(ChangedMessageEvent):
    """`message.pinned`: somebody pinned a message, or unpinned it."""


class MessageVoted(ChangedMessageEvent):
    """`message.voted`: somebody chose options of a poll, or took that back."""


class MessageStateChanged(Event):
    """`message.state`: a message of the owner went on, or the reason for its waiting changed."""

    @property
    def message_id(self) -> str:
        """The id of the message."""
        return MessageStateBody.model_validate(self.data).id

    @property
    def conversation(self) -> str:
        """The recipient's address, or the id of a group."""
        return MessageStateBody.model_validate(self.data).conversation

    @property
    def state(self) -> States:
        """The new state."""
        return MessageStateBody.model_validate(self.data).state

    @property
    def reason(self) -> str:
        """Why it failed or waits; empty if there is nothing to say."""
        return MessageStateBody.model_validate(self.data).reason


class GoneMessageEvent(Event):
    """An event about a message that is not at this node any more."""

    @property
    def message_id(self) -> str:
        """The id of the message."""
        return RemovedMessageBody.model_validate(self.data).id

    @property
    def conversation(self) -> str:
        """The other person's address, or the id of a group."""
        return RemovedMessageBody.model_validate(self.data).conversation


class MessageRemoved(GoneMessageEvent):
    """`message.removed`: the owner deleted a message, here alone."""


class MessageExpired(GoneMessageEvent):
    """`message.expired`: a message has disappeared, as its timer said."""
