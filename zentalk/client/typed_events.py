"""A class for each type of event, so that programs need not look into `data`.

All are an `Event` with the same fields; a type that this version does not know, or one whose
data lacks something, comes as a plain `Event`, never as an error: the log goes on after it.
The types are those of docs/reference/rest.md, section Events.
"""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from zentalk.client.group_events import (
    GroupChanged,
    GroupHistoryShared,
    GroupInvited,
    GroupMemberChanged,
)
from zentalk.rest.base import Resource
from zentalk.rest.contacts import Contact
from zentalk.rest.event_bodies import (
    EVENT_BODIES,
    ChangedDeviceBody,
    ChangedInviteBody,
    ChangedMessage,
    ConversationBody,
    IntroducedBody,
    MessageStateBody,
    NoteBody,
    ReadBody,
    RemovedContactBody,
)
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


class ChangedMessageEvent(MessageEvent):
    """An event about a message that is shown in another way now."""

    @property
    def by(self) -> str:
        """The address of who has changed it."""
        return ChangedMessage.model_validate(self.data).by


class MessageEdited(ChangedMessageEvent):
    """A message has another text."""


class MessageDeleted(ChangedMessageEvent):
    """A message was taken back: nothing is left of it but its place."""


class MessageReacted(ChangedMessageEvent):
    """Somebody reacted to a message, or took that back."""


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


class ContactRequested(Event):
    """`contact.requested`: somebody who is no contact wrote."""

    @property
    def address(self) -> str:
        """The address of that person, for `accept`."""
        return Contact.model_validate(self.data).address


class ContactEvent(Event):
    """An event about a whole contact."""

    @property
    def contact(self) -> Contact:
        """The contact as it was at this event."""
        return Contact.model_validate(self.data)


class ContactAdded(ContactEvent):
    """`contact.added`: by hand, or by the first message to that person."""


class ContactAccepted(ContactEvent):
    """`contact.accepted`: a request became a contact."""


class ContactRenamed(ContactEvent):
    """`contact.renamed`: a contact has a new name."""


class ContactRefused(ContactEvent):
    """`contact.refused`: a request was deleted unanswered."""


class ContactBlocked(ContactEvent):
    """`contact.blocked`: nothing of that person is kept any more."""


class ContactUnblocked(ContactEvent):
    """`contact.unblocked`: that person may write again."""


class ContactRemoved(Event):
    """`contact.removed`: a person is gone from the list, with all messages."""

    @property
    def address(self) -> str:
        """The address of that person."""
        return RemovedContactBody.model_validate(self.data).address

    @property
    def reason(self) -> str:
        """Why a request ended without you; empty if you removed it."""
        return RemovedContactBody.model_validate(self.data).reason


class ContactVerified(ContactEvent):
    """`contact.verified`: the owner has compared the safety number."""


class ContactUnverified(ContactEvent):
    """`contact.unverified`: the owner has taken the verified mark away."""


class ContactKeyChanged(ContactEvent):
    """`contact.key-changed`: a contact is on another node now; its `warning` says what to do."""


class ContactIntroduced(Event):
    """`contact.introduced`: a contact has told of somebody who is no contact yet."""

    @property
    def address(self) -> str:
        """The address of that person, for `add_contact`."""
        return IntroducedBody.model_validate(self.data).address

    @property
    def name(self) -> str:
        """What the introducer calls them; empty if that was not said."""
        return IntroducedBody.model_validate(self.data).name

    @property
    def introduced_by(self) -> str:
        """The address of the contact who introduced them."""
        return IntroducedBody.model_validate(self.data).introduced_by


class InviteEvent(Event):
    """An event about an invite."""

    @property
    def invite_id(self) -> str:
        """The id of the invite."""
        return ChangedInviteBody.model_validate(self.data).id

    @property
    def name(self) -> str:
        """For whom the owner made it; empty if that was not said."""
        return ChangedInviteBody.model_validate(self.data).name


class InviteCreated(InviteEvent):
    """`invite.created`: the owner made an invite."""


class InviteRevoked(InviteEvent):
    """`invite.revoked`: an invite lets nobody in any more."""


class InviteUsed(InviteEvent):
    """`invite.used`: somebody came by an invite."""

    @property
    def address(self) -> str:
        """The address of that person."""
        return ChangedInviteBody.model_validate(self.data).address

    @property
    def uses(self) -> int:
        """How many people have come by this invite."""
        return ChangedInviteBody.model_validate(self.data).uses


class ConversationDeleted(Event):
    """`conversation.deleted`: its messages are gone, here and from this log."""

    @property
    def conversation(self) -> str:
        """The other person's address, or the id of a group."""
        return ConversationBody.model_validate(self.data).conversation


class ConversationRead(Event):
    """`conversation.read`: the owner has read a conversation, or an unread message is gone."""

    @property
    def conversation(self) -> str:
        """The other person's address, or the id of a group."""
        return ReadBody.model_validate(self.data).conversation

    @property
    def unread(self) -> int:
        """How many messages are unread now."""
        return ReadBody.model_validate(self.data).unread


class DeviceEvent(Event):
    """An event about a device."""

    @property
    def device_id(self) -> str:
        """The id of the device."""
        return ChangedDeviceBody.model_validate(self.data).id

    @property
    def name(self) -> str:
        """What the owner called it."""
        return ChangedDeviceBody.model_validate(self.data).name

    @property
    def scope(self) -> str:
        """What its token opens or opened; empty in events that are older than scopes."""
        return ChangedDeviceBody.model_validate(self.data).scope


class DeviceAdded(DeviceEvent):
    """`device.added`: a device got a token."""


class DeviceRevoked(DeviceEvent):
    """`device.revoked`: a device's token stopped working."""


class NodeCopied(Event):
    """`node.copied`: another program collects this node's mail, on a copy of its folder."""

    @property
    def note(self) -> str:
        """What happened and what to do, as a sentence."""
        return NoteBody.model_validate(self.data).note


class NodeOutdone(Event):
    """`node.outdone`: another node of the owner was promoted, and this one is silent."""

    @property
    def note(self) -> str:
        """What happened and what to do, as a sentence."""
        return NoteBody.model_validate(self.data).note


_CLASSES: Final[dict[str, type[Event]]] = {
    "message.created": MessageCreated,
    "message.received": MessageReceived,
    "message.state": MessageStateChanged,
    "message.edited": MessageEdited,
    "message.deleted": MessageDeleted,
    "message.reacted": MessageReacted,
    "ratchet.renewed": RatchetRenewed,
    "contact.requested": ContactRequested,
    "contact.added": ContactAdded,
    "contact.accepted": ContactAccepted,
    "contact.renamed": ContactRenamed,
    "contact.refused": ContactRefused,
    "contact.blocked": ContactBlocked,
    "contact.unblocked": ContactUnblocked,
    "contact.removed": ContactRemoved,
    "contact.verified": ContactVerified,
    "contact.unverified": ContactUnverified,
    "contact.key-changed": ContactKeyChanged,
    "contact.introduced": ContactIntroduced,
    "invite.created": InviteCreated,
    "invite.revoked": InviteRevoked,
    "invite.used": InviteUsed,
    "conversation.read": ConversationRead,
    "conversation.deleted": ConversationDeleted,
    "group.invited": GroupInvited,
    "group.changed": GroupChanged,
    "group.member": GroupMemberChanged,
    "group.history": GroupHistoryShared,
    "node.copied": NodeCopied,
    "node.outdone": NodeOutdone,
    "device.added": DeviceAdded,
    "device.revoked": DeviceRevoked,
}
"""The types that have a class of their own; the others come as a plain `Event`."""
KINDS: Final[dict[str, tuple[type[Event], type[Resource]]]] = {
    kind: (cls, EVENT_BODIES[kind]) for kind, cls in _CLASSES.items()
}
"""For each type of event with a class that class, and what its data must hold."""


def typed(event: Event) -> Event:
    """Return an event as one of the class of its type, or as it is."""
    kind, content = KINDS.get(event.type, (Event, None))
    if content is None:
        return event
    try:
        content.model_validate(event.data)
    except ValidationError:
        return event
    return kind(seq=event.seq, type=event.type, at=event.at, data=event.data)
