"""A class for each type of event, so that programs need not look into `data`.

All are an `Event` with the same fields; a type that this version does not know, or one whose
data lacks something, comes as a plain `Event`, never as an error: the log goes on after it.
The types are those of docs/reference/rest.md, section Events.
"""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from zentalk.rest.base import Resource
from zentalk.rest.contacts import Contact
from zentalk.rest.events import Event
from zentalk.rest.messages import Message, States


class _Address(Resource):
    address: str


class _Conversation(Resource):
    conversation: str


class _Removed(Resource):
    address: str
    reason: str = ""


class _Named(Resource):
    id: str
    name: str
    scope: str = ""


class _Introduced(Resource):
    address: str
    name: str
    introduced_by: str


class _Used(Resource):
    id: str
    name: str
    address: str
    uses: int


class _State(Resource):
    id: str
    conversation: str
    state: States
    reason: str = ""


class _Note(Resource):
    note: str


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


class MessageStateChanged(Event):
    """`message.state`: a message of the owner went on, or the reason for its waiting changed."""

    @property
    def message_id(self) -> str:
        """The id of the message."""
        return _State.model_validate(self.data).id

    @property
    def conversation(self) -> str:
        """The recipient's address."""
        return _State.model_validate(self.data).conversation

    @property
    def state(self) -> States:
        """The new state."""
        return _State.model_validate(self.data).state

    @property
    def reason(self) -> str:
        """Why it failed or waits; empty if there is nothing to say."""
        return _State.model_validate(self.data).reason


class ContactRequested(Event):
    """`contact.requested`: somebody who is no contact wrote."""

    @property
    def address(self) -> str:
        """The address of that person, for `accept`."""
        return _Address.model_validate(self.data).address


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
        return _Removed.model_validate(self.data).address

    @property
    def reason(self) -> str:
        """Why a request ended without you; empty if you removed it."""
        return _Removed.model_validate(self.data).reason


class ContactVerified(ContactEvent):
    """`contact.verified`: the owner has compared the safety number."""


class ContactUnverified(ContactEvent):
    """`contact.unverified`: the owner has taken the verified mark away."""


class ContactKeyChanged(ContactEvent):
    """`contact.key-changed`: the verified mark is withdrawn; the contact's `warning` says why."""


class ContactIntroduced(Event):
    """`contact.introduced`: a contact has told of somebody who is no contact yet."""

    @property
    def address(self) -> str:
        """The address of that person, for `add_contact`."""
        return _Introduced.model_validate(self.data).address

    @property
    def name(self) -> str:
        """What the introducer calls them; empty if that was not said."""
        return _Introduced.model_validate(self.data).name

    @property
    def introduced_by(self) -> str:
        """The address of the contact who introduced them."""
        return _Introduced.model_validate(self.data).introduced_by


class InviteEvent(Event):
    """An event about an invite."""

    @property
    def invite_id(self) -> str:
        """The id of the invite."""
        return _Named.model_validate(self.data).id

    @property
    def name(self) -> str:
        """For whom the owner made it; empty if that was not said."""
        return _Named.model_validate(self.data).name


class InviteCreated(InviteEvent):
    """`invite.created`: the owner made an invite."""


class InviteRevoked(InviteEvent):
    """`invite.revoked`: an invite lets nobody in any more."""


class InviteUsed(InviteEvent):
    """`invite.used`: somebody came by an invite."""

    @property
    def address(self) -> str:
        """The address of that person."""
        return _Used.model_validate(self.data).address

    @property
    def uses(self) -> int:
        """How many people have come by this invite."""
        return _Used.model_validate(self.data).uses


class ConversationDeleted(Event):
    """`conversation.deleted`: its messages are gone, here and from this log."""

    @property
    def conversation(self) -> str:
        """The other person's address."""
        return _Conversation.model_validate(self.data).conversation


class ConversationRead(Event):
    """`conversation.read`: the owner has read a conversation; nothing in it is unread."""

    @property
    def conversation(self) -> str:
        """The other person's address."""
        return _Conversation.model_validate(self.data).conversation


class DeviceEvent(Event):
    """An event about a device."""

    @property
    def device_id(self) -> str:
        """The id of the device."""
        return _Named.model_validate(self.data).id

    @property
    def name(self) -> str:
        """What the owner called it."""
        return _Named.model_validate(self.data).name

    @property
    def scope(self) -> str:
        """What its token opens or opened; empty in events that are older than scopes."""
        return _Named.model_validate(self.data).scope


class DeviceAdded(DeviceEvent):
    """`device.added`: a device got a token."""


class DeviceRevoked(DeviceEvent):
    """`device.revoked`: a device's token stopped working."""


class NodeCopied(Event):
    """`node.copied`: another program collects this node's mail, on a copy of its folder."""

    @property
    def note(self) -> str:
        """What happened and what to do, as a sentence."""
        return _Note.model_validate(self.data).note


KINDS: Final[dict[str, tuple[type[Event], type[Resource]]]] = {
    "message.created": (MessageCreated, Message),
    "message.received": (MessageReceived, Message),
    "message.state": (MessageStateChanged, _State),
    "ratchet.renewed": (RatchetRenewed, Message),
    "contact.requested": (ContactRequested, _Address),
    "contact.added": (ContactAdded, Contact),
    "contact.accepted": (ContactAccepted, Contact),
    "contact.renamed": (ContactRenamed, Contact),
    "contact.refused": (ContactRefused, Contact),
    "contact.blocked": (ContactBlocked, Contact),
    "contact.unblocked": (ContactUnblocked, Contact),
    "contact.removed": (ContactRemoved, _Removed),
    "contact.verified": (ContactVerified, Contact),
    "contact.unverified": (ContactUnverified, Contact),
    "contact.key-changed": (ContactKeyChanged, Contact),
    "contact.introduced": (ContactIntroduced, _Introduced),
    "invite.created": (InviteCreated, _Named),
    "invite.revoked": (InviteRevoked, _Named),
    "invite.used": (InviteUsed, _Used),
    "conversation.read": (ConversationRead, _Conversation),
    "conversation.deleted": (ConversationDeleted, _Conversation),
    "node.copied": (NodeCopied, _Note),
    "device.added": (DeviceAdded, _Named),
    "device.revoked": (DeviceRevoked, _Named),
}
"""For each type of event its class, and what its data must hold."""


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
