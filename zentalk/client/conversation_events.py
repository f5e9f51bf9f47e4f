"""The classes of events about conversations; `typed_events` has the table of all."""

from __future__ import annotations

from zentalk.rest.event_bodies import (
    ConversationBody,
    ImportedBody,
    MutedBody,
    ReadBody,
    SeenBody,
    TimerBody,
)
from zentalk.rest.events import Event


class ConversationEvent(Event):
    """An event about one conversation."""

    @property
    def conversation(self) -> str:
        """The other person's address, or the id of a group."""
        return ConversationBody.model_validate(self.data).conversation


class ConversationDeleted(ConversationEvent):
    """`conversation.deleted`: its messages are gone, here and from this log."""


class ConversationRead(ConversationEvent):
    """`conversation.read`: the owner has read a conversation, or an unread message is gone."""

    @property
    def unread(self) -> int:
        """The number of unread messages after this event."""
        return ReadBody.model_validate(self.data).unread


class ConversationDraftChanged(ConversationEvent):
    """`conversation.draft`: what is half written there is another text.

    The event does not hold it: ask for the conversation.
    """


class ConversationImported(ConversationEvent):
    """`conversation.imported`: messages of an export stand before all others now."""

    @property
    def messages(self) -> int:
        """The number of messages that were imported."""
        return ImportedBody.model_validate(self.data).messages


class ConversationMuted(ConversationEvent):
    """`conversation.muted`: the owner muted it, or ended that."""

    @property
    def muted_until(self) -> float:
        """Until when, in unix seconds; 0 if it is not muted any more."""
        return MutedBody.model_validate(self.data).muted_until


class ConversationSeen(ConversationEvent):
    """`conversation.seen`: somebody has looked at the owner's messages up to one."""

    @property
    def by(self) -> str:
        """The address of who has looked."""
        return SeenBody.model_validate(self.data).by

    @property
    def message_id(self) -> str:
        """The id of the newest message that was looked at."""
        return SeenBody.model_validate(self.data).id

    @property
    def message_seq(self) -> int:
        """The `seq` of that message."""
        return SeenBody.model_validate(self.data).seq


class ConversationTimerChanged(ConversationEvent):
    """`conversation.timer`: messages there disappear after another time."""

    @property
    def by(self) -> str:
        """The address of who has changed it."""
        return TimerBody.model_validate(self.data).by

    @property
    def seconds(self) -> int:
        """The seconds after which read messages disappear; with 0 they stay."""
        return TimerBody.model_validate(self.data).seconds
