"""A class for each type of event, so that programs need not look into `data`.

All are an `Event` with the same fields; a type that this version does not know, or one whose
data lacks something, comes as a plain `Event`, never as an error: the log goes on after it.
The types are those of docs/reference/rest.md, section Events. To add one, write its class in the
module of its kind, and add a row here.
"""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from zentalk.client.contact_events import (
    ContactAccepted,
    ContactAdded,
    ContactBlocked,
    ContactDirectChanged,
    ContactIntroduced,
    ContactKeyChanged,
    ContactPathChanged,
    ContactProfileChanged,
    ContactRefused,
    ContactRemoved,
    ContactRenamed,
    ContactRequested,
    ContactUnblocked,
    ContactUnverified,
    ContactVerified,
    InviteCreated,
    InviteRevoked,
    InviteUsed,
)
from zentalk.client.conversation_events import (
    ConversationDeleted,
    ConversationDraftChanged,
    ConversationImported,
    ConversationMuted,
    ConversationRead,
    ConversationSeen,
    ConversationTimerChanged,
)
from zentalk.client.file_events import FileAdded, FileChanged, FileRemoved
from zentalk.client.group_events import (
    GroupChanged,
    GroupForgotten,
    GroupHistoryShared,
    GroupInvited,
    GroupMemberChanged,
)
from zentalk.client.message_events import (
    MessageCreated,
    MessageDeleted,
    MessageEdited,
    MessageExpired,
    MessagePinned,
    MessageReacted,
    MessageReceived,
    MessageRemoved,
    MessageStarred,
    MessageStateChanged,
    MessageVoted,
    RatchetRenewed,
)
from zentalk.client.node_events import (
    DeviceAdded,
    DeviceRevoked,
    LinkAdded,
    LinkRemoved,
    NodeCopied,
    NodeOutdone,
    NodePromoted,
    PrivacyChanged,
    ProfileChanged,
    PushAdded,
    PushRemoved,
    PushStopped,
    RecoveryChanged,
    WebhookAdded,
    WebhookRemoved,
)
from zentalk.rest.event_bodies import EVENT_BODIES
from zentalk.rest.events import Event

CLASSES: Final[dict[str, type[Event]]] = {
    "message.created": MessageCreated,
    "message.received": MessageReceived,
    "message.state": MessageStateChanged,
    "message.edited": MessageEdited,
    "message.deleted": MessageDeleted,
    "message.reacted": MessageReacted,
    "message.pinned": MessagePinned,
    "message.voted": MessageVoted,
    "message.starred": MessageStarred,
    "message.removed": MessageRemoved,
    "message.expired": MessageExpired,
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
    "contact.direct": ContactDirectChanged,
    "contact.path": ContactPathChanged,
    "contact.profile": ContactProfileChanged,
    "invite.created": InviteCreated,
    "invite.revoked": InviteRevoked,
    "invite.used": InviteUsed,
    "conversation.read": ConversationRead,
    "conversation.deleted": ConversationDeleted,
    "conversation.imported": ConversationImported,
    "conversation.draft": ConversationDraftChanged,
    "conversation.muted": ConversationMuted,
    "conversation.seen": ConversationSeen,
    "conversation.timer": ConversationTimerChanged,
    "group.invited": GroupInvited,
    "group.changed": GroupChanged,
    "group.member": GroupMemberChanged,
    "group.history": GroupHistoryShared,
    "group.forgotten": GroupForgotten,
    "file.added": FileAdded,
    "file.changed": FileChanged,
    "file.removed": FileRemoved,
    "node.copied": NodeCopied,
    "node.outdone": NodeOutdone,
    "node.promoted": NodePromoted,
    "recovery.changed": RecoveryChanged,
    "profile.changed": ProfileChanged,
    "privacy.changed": PrivacyChanged,
    "link.added": LinkAdded,
    "link.removed": LinkRemoved,
    "device.added": DeviceAdded,
    "device.revoked": DeviceRevoked,
    "webhook.added": WebhookAdded,
    "webhook.removed": WebhookRemoved,
    "push.added": PushAdded,
    "push.removed": PushRemoved,
    "push.stopped": PushStopped,
}
"""A class for each type of `zentalk.rest.event_bodies`."""


def typed(event: Event) -> Event:
    """Return an event as one of the class of its type, or as it is."""
    cls = CLASSES.get(event.type)
    if cls is None:
        return event
    try:
        EVENT_BODIES[event.type].model_validate(event.data)
    except ValidationError:
        return event
    return cls(seq=event.seq, type=event.type, at=event.at, data=event.data)
