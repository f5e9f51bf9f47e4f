"""What each type of event holds: one model for each, in one table.

To add a type, write its model here, unless a resource serves, and add a row to `EVENT_BODIES`.
The OpenAPI document, the Python client and the tests read the table. Types only come, and bodies
only gain fields: a client passes over types and fields that it does not know.
"""

from __future__ import annotations

from typing import Final

from pydantic import Field

from zentalk.rest.base import Resource
from zentalk.rest.contacts import Contact
from zentalk.rest.conversations import OwnPrivacy, ShownProfile
from zentalk.rest.direct import DirectBody, PathBody
from zentalk.rest.files import FileProgressBody, FileRemovedBody
from zentalk.rest.groups import GroupForgottenBody, GroupHistoryBody, GroupMemberBody, GroupSummary
from zentalk.rest.messages import Message, States


class MessageStateBody(Resource):
    """A message of the owner went on, or the reason for its waiting changed."""

    id: str
    conversation: str
    state: States
    reason: str = Field(default="", description="why it failed or waits")


class RemovedContactBody(Resource):
    """A person is gone from the list."""

    address: str
    reason: str = Field(default="", description="why a request ended without the owner")


class ConversationBody(Resource):
    """The conversation with one person."""

    conversation: str


class ReadBody(Resource):
    """So many messages of a conversation are unread now."""

    conversation: str
    unread: int = 0


class ChangedDeviceBody(Resource):
    """A device that was admitted or revoked."""

    id: str
    name: str
    scope: str = ""


class ChangedMessage(Message):
    """A message as it is shown now, and who changed it."""

    by: str


class RemovedMessageBody(Resource):
    """A message that is gone from this node; its place and id are known still."""

    conversation: str
    id: str


class ImportedBody(Resource):
    """Messages of an export came into a conversation: so many, before all that was there."""

    conversation: str
    messages: int


class SeenBody(Resource):
    """The other side has looked at this message of the owner, and at what it had before."""

    conversation: str
    by: str
    id: str
    seq: int


class TimerBody(Resource):
    """Messages disappear so many seconds after they were read; 0: never."""

    conversation: str
    by: str
    seconds: int


class MutedBody(Resource):
    """A conversation is muted until a unix time; 0: not any more."""

    conversation: str
    muted_until: float


class IntroducedBody(Resource):
    """A contact has told of somebody who is no contact yet."""

    address: str
    name: str
    introduced_by: str


class ChangedInviteBody(Resource):
    """An invite that was made, used or revoked; of a use, by whom."""

    id: str
    name: str
    uses: int = 0
    address: str = ""


class NoteBody(Resource):
    """A warning to the owner: what happened and what to do, as a sentence."""

    note: str


class ChangedLinkBody(Resource):
    """A link to another node of the owner that was made or ended."""

    id: str


class ChangedWebhookBody(Resource):
    """A webhook that was added or removed; the rest of its URL may be a secret."""

    id: str
    host: str


class ChangedPushBody(Resource):
    """The push endpoint of a device; the rest of its address is a secret."""

    id: str
    host: str
    reason: str = Field(default="", description="why nothing is sent to it any more")


EVENT_BODIES: Final[dict[str, type[Resource]]] = {
    "message.created": Message,
    "message.received": Message,
    "message.state": MessageStateBody,
    "message.edited": ChangedMessage,
    "message.deleted": ChangedMessage,
    "message.reacted": ChangedMessage,
    "message.pinned": ChangedMessage,
    "message.voted": ChangedMessage,
    "message.starred": Message,
    "message.removed": RemovedMessageBody,
    "message.expired": RemovedMessageBody,
    "ratchet.renewed": Message,
    "contact.requested": Contact,
    "contact.added": Contact,
    "contact.accepted": Contact,
    "contact.renamed": Contact,
    "contact.refused": Contact,
    "contact.blocked": Contact,
    "contact.unblocked": Contact,
    "contact.removed": RemovedContactBody,
    "conversation.read": ReadBody,
    "conversation.deleted": ConversationBody,
    "conversation.imported": ImportedBody,
    "conversation.draft": ConversationBody,
    "conversation.muted": MutedBody,
    "conversation.seen": SeenBody,
    "conversation.timer": TimerBody,
    "contact.profile": ShownProfile,
    "contact.verified": Contact,
    "contact.unverified": Contact,
    "contact.key-changed": Contact,
    "contact.introduced": IntroducedBody,
    "contact.direct": DirectBody,
    "contact.path": PathBody,
    "invite.created": ChangedInviteBody,
    "invite.used": ChangedInviteBody,
    "invite.revoked": ChangedInviteBody,
    "profile.changed": ShownProfile,
    "privacy.changed": OwnPrivacy,
    "node.copied": NoteBody,
    "group.invited": GroupSummary,
    "group.changed": GroupSummary,
    "group.member": GroupMemberBody,
    "group.history": GroupHistoryBody,
    "group.forgotten": GroupForgottenBody,
    "file.added": FileProgressBody,
    "file.changed": FileProgressBody,
    "file.removed": FileRemovedBody,
    "node.outdone": NoteBody,
    "node.promoted": NoteBody,
    "link.added": ChangedLinkBody,
    "link.removed": ChangedLinkBody,
    "recovery.changed": NoteBody,
    "device.added": ChangedDeviceBody,
    "device.revoked": ChangedDeviceBody,
    "webhook.added": ChangedWebhookBody,
    "webhook.removed": ChangedWebhookBody,
    "push.added": ChangedPushBody,
    "push.removed": ChangedPushBody,
    "push.stopped": ChangedPushBody,
}
"""The body of each type of event. A row here is all that a new type needs."""
