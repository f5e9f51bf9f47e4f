"""A typed client of an API node's REST, for the command line, simulations and others' programs.

`Client` blocks, `AsyncClient` is awaited, on asyncio or on trio; both make the same calls. It talks
to the owner's own node only, through no proxy, and never puts the token anywhere but into its
header.
"""

from __future__ import annotations

from zentalk.client.async_client import AsyncClient
from zentalk.client.async_events import EventFeed, EventFollower
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
from zentalk.client.errors import (
    AccessDeniedError,
    ApiError,
    InvalidRequestError,
    RateLimitedError,
)
from zentalk.client.file_events import FileAdded, FileChanged, FileRemoved
from zentalk.client.following import LogEndedError, NodeGoneError
from zentalk.client.group_events import (
    GroupChanged,
    GroupForgotten,
    GroupHistoryShared,
    GroupInvited,
    GroupMemberChanged,
)
from zentalk.client.importing import ImportReport, LeftOut
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
from zentalk.client.signals import EphemeralEvent, PresenceChanged, TypingChanged
from zentalk.client.sync_client import Client
from zentalk.rest.contacts import Contact, ListedContact
from zentalk.rest.conversations import FoundName
from zentalk.rest.devices import Device, NewDevice, NewPairing, PairingInfo
from zentalk.rest.direct import Direct
from zentalk.rest.events import Event, Events
from zentalk.rest.files import File, FileHealth, MeshReport
from zentalk.rest.groups import GroupDetails, GroupPerson, GroupSummary, MemberDelivery
from zentalk.rest.introductions import IntroducedPerson
from zentalk.rest.invites import Invite
from zentalk.rest.links import LinkedNode, LinkedNodes, NewLink
from zentalk.rest.mailboxes import Mailbox
from zentalk.rest.messages import Conversation, Message
from zentalk.rest.node import Me
from zentalk.rest.push import PushEndpoint, PushTested
from zentalk.rest.safety import Safety
from zentalk.rest.webhooks import DeadLetter, NewWebhook, Webhook
from zentalk.store.history.groups import GroupStanding
from zentalk.store.history.models import ContactState, Direction, InviteState, MessageState

__all__ = [
    "AccessDeniedError",
    "ApiError",
    "AsyncClient",
    "Client",
    "Contact",
    "ContactAccepted",
    "ContactAdded",
    "ContactBlocked",
    "ContactDirectChanged",
    "ContactIntroduced",
    "ContactKeyChanged",
    "ContactPathChanged",
    "ContactProfileChanged",
    "ContactRefused",
    "ContactRemoved",
    "ContactRenamed",
    "ContactRequested",
    "ContactState",
    "ContactUnblocked",
    "ContactUnverified",
    "ContactVerified",
    "Conversation",
    "ConversationDeleted",
    "ConversationDraftChanged",
    "ConversationImported",
    "ConversationMuted",
    "ConversationRead",
    "ConversationSeen",
    "ConversationTimerChanged",
    "DeadLetter",
    "Device",
    "DeviceAdded",
    "DeviceRevoked",
    "Direct",
    "Direction",
    "EphemeralEvent",
    "Event",
    "EventFeed",
    "EventFollower",
    "Events",
    "File",
    "FileAdded",
    "FileChanged",
    "FileHealth",
    "FileRemoved",
    "FoundName",
    "GroupChanged",
    "GroupDetails",
    "GroupForgotten",
    "GroupHistoryShared",
    "GroupInvited",
    "GroupMemberChanged",
    "GroupPerson",
    "GroupStanding",
    "GroupSummary",
    "ImportReport",
    "IntroducedPerson",
    "InvalidRequestError",
    "Invite",
    "InviteCreated",
    "InviteRevoked",
    "InviteState",
    "InviteUsed",
    "LeftOut",
    "LinkAdded",
    "LinkRemoved",
    "LinkedNode",
    "LinkedNodes",
    "ListedContact",
    "LogEndedError",
    "Mailbox",
    "Me",
    "MemberDelivery",
    "MeshReport",
    "Message",
    "MessageCreated",
    "MessageDeleted",
    "MessageEdited",
    "MessageExpired",
    "MessagePinned",
    "MessageReacted",
    "MessageReceived",
    "MessageRemoved",
    "MessageStarred",
    "MessageState",
    "MessageStateChanged",
    "MessageVoted",
    "NewDevice",
    "NewLink",
    "NewPairing",
    "NewWebhook",
    "NodeCopied",
    "NodeGoneError",
    "NodeOutdone",
    "NodePromoted",
    "PairingInfo",
    "PresenceChanged",
    "PrivacyChanged",
    "ProfileChanged",
    "PushAdded",
    "PushEndpoint",
    "PushRemoved",
    "PushStopped",
    "PushTested",
    "RatchetRenewed",
    "RateLimitedError",
    "RecoveryChanged",
    "Safety",
    "TypingChanged",
    "Webhook",
    "WebhookAdded",
    "WebhookRemoved",
]
