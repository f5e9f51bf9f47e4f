"""Frozen rows of the history database, with ids in their text form.

Their repr shows no text, person, mailbox or key, because others may read a log or traceback.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from zentalk.ids import MailboxId, MessageId, NodeId, SendId, UserAddress


class RequestKey(NamedTuple):
    """The `Idempotency-Key` of a request: two devices may use the same text for different requests.

    `device` is the id of a device, or `owner` for the owner's token.
    """

    text: str
    device: str = "owner"


class ContactState(StrEnum):
    """The relation of a person to the owner; the database stores the values and REST shows them."""

    CONTACT = "contact"
    """Added or accepted by the owner."""
    REQUEST = "request"
    """Has written, and waits for the owner to accept."""
    REFUSED = "refused"
    """Was a request that the owner does not want; may ask again after 30 days."""
    BLOCKED = "blocked"
    """Nothing that this person sends is kept."""
    REMOVED = "removed"
    """Not in the list any more; whatever comes is a request. Never shown."""
    MEMBER = "member"
    """No relation but that of being in a group together. Never shown in the list of people."""
    GROUP = "group"
    """Not a person: the conversation of a group, which has the form of one with a person."""


class InviteState(StrEnum):
    """Whether an invite lets anybody in, or why it does not; REST shows the values."""

    OPEN = "open"
    USED = "used"
    """As many people came by it as it allows."""
    EXPIRED = "expired"
    REVOKED = "revoked"


class MessageState(StrEnum):
    """The progress of a message; the database stores the values and REST shows them."""

    PENDING = "pending"
    """It was written at a replica, and the first has not given it its place."""
    QUEUED = "queued"
    SENT = "sent"
    """A mailbox relay holds it."""
    DELIVERED = "delivered"
    """Its recipient has it in the history, where it is shown."""
    READ = "read"
    """Its recipient has looked at it, and says so."""
    FAILED = "failed"
    """It was given up at the end of its time to live."""
    RECEIVED = "received"
    """The only state of a message that came in."""


class Direction(StrEnum):
    """The writer of a message; the database stores the values and REST shows them."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class StoredContact:
    """A person in the list."""

    address: str = field(repr=False)
    name: str = field(repr=False)
    state: ContactState
    added_at: float
    invite: str = ""
    """The id of the invite by which this person came; empty without one."""
    introduced_by: str = field(default="", repr=False)
    """The address of the contact who introduced this person; empty without one."""
    verified: bool = False
    """Whether the owner has compared the safety number, and nothing has changed since."""
    verified_at: float | None = None
    warning: str = ""
    """What the owner should look at before trusting this person; empty if there is nothing."""


@dataclass(frozen=True, slots=True)
class StoredInvite:
    """An invite as its owner sees it, without its secret. Times are unix seconds."""

    id: str
    name: str = field(repr=False)
    accepts: bool
    """Whether who shows it is a contact at once, instead of a request that says so."""
    max_uses: int
    uses: int
    created_at: float
    expires_at: float
    revoked_at: float | None
    group: str = field(default="", repr=False)
    """The group that it invites to as well; empty if to none."""

    def state(self, now: float) -> InviteState:
        """Return whether it lets anybody in at a unix time, or why it does not."""
        if self.revoked_at is not None:
            return InviteState.REVOKED
        if self.uses >= self.max_uses:
            return InviteState.USED
        return InviteState.EXPIRED if now >= self.expires_at else InviteState.OPEN


@dataclass(frozen=True, slots=True)
class StoredIntroduction:
    """Somebody whom a contact has introduced, and who is no contact yet."""

    address: str = field(repr=False)
    name: str = field(repr=False)
    introduced_by: str = field(repr=False)
    at: float


@dataclass(frozen=True, slots=True)
class StoredConversation:
    """One line of the conversation list, with the beginning of what was said last."""

    address: str = field(repr=False)
    name: str = field(repr=False)
    last_text: str = field(repr=False)
    last_at: float
    unread: int
    muted_until: float = 0.0
    timer_seconds: int = 0
    draft: str = field(default="", repr=False)
    group: bool = False
    """Whether it is that of a group, whose id its address is."""
    role: str = ""
    """What the owner is in the group: admin, member, subscriber, or empty."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message of the history; `seq` is its place in this node's order.

    `id` is the same at both ends. `missing` counts messages that their sender wrote
    just before this one and that had not come when it was shown. Times are unix seconds.
    `text` is as edited, and a line that stands for what is in `body` where the kind has one.
    """

    id: str
    seq: int
    conversation: str = field(repr=False)
    direction: Direction
    kind: str
    text: str = field(repr=False)
    state: MessageState
    reason: str
    sent_at: float
    missing: int = 0
    author: str = field(default="", repr=False)
    body: dict[str, Any] | None = field(default=None, repr=False)
    reply_to: dict[str, str] | None = field(default=None, repr=False)
    """`author` and `id` of the message that this one answers."""
    forwarded: bool = False
    mentions: list[str] = field(default_factory=list, repr=False)
    edited: bool = False
    deleted: bool = False
    pinned: bool = False
    starred: bool = False
    expires_at: float | None = None
    timer_seconds: int = 0
    """It disappears so long after it was read; 0: it stays."""
    reactions: list[dict[str, Any]] = field(default_factory=list, repr=False)
    """`author` and `emoji` of each."""
    votes: list[dict[str, Any]] = field(default_factory=list, repr=False)
    """`author` and `options` of each."""
    shared_by: str = field(default="", repr=False)
    """The admin of a group on whose word alone it is here; empty if its author sent it."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One entry of the durable event log."""

    seq: int
    type: str
    at: float
    data: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A contact as the node works with it; `route` says where it collects.

    `own_route_version` is that of our own route now, `own_route_known` the last one it has used.
    Messages to and from it disappear `timer_seconds` after they were read; 0: never.
    """

    address: UserAddress = field(repr=False)
    name: str = field(repr=False)
    state: ContactState
    route: bytes | None = field(repr=False)
    route_version: int
    own_route_known: int
    own_route_version: int
    timer_seconds: int = 0
    ticket: bytes = field(default=b"", repr=False)
    """What we show this person to be let in, until something of it has come."""
    is_link: bool = False
    """Whether it is no person, but another node of the owner."""
    own_term: int = 0
    """How often the owner has promoted a node."""

    @property
    def is_accepted(self) -> bool:
        """Whether the owner has added or accepted this person."""
        return self.state is ContactState.CONTACT

    @property
    def is_answered(self) -> bool:
        """Whether what this person sends is confirmed: by its state alone, or in groups."""
        return self.state in (ContactState.CONTACT, ContactState.MEMBER)

    @property
    def is_shut_out(self) -> bool:
        """Whether nothing that this person sends is to be kept."""
        return self.state in (ContactState.REFUSED, ContactState.BLOCKED)


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One ciphertext on its way; `envelope` is None until a ratchet exists.

    `held_by` are the relays whose mailbox has acknowledged it. `opens` says that it is the first
    of a ratchet which the contact has never answered; only `under_way` looks that up.
    """

    item: int
    message_id: MessageId
    contact: UserAddress = field(repr=False)
    content: bytes = field(repr=False)
    envelope: bytes | None = field(repr=False)
    ratchet_id: bytes | None
    item_key: bytes = field(repr=False)
    created_at: float
    expires_at: float
    held_by: frozenset[NodeId]
    opens: bool = False


@dataclass(frozen=True, slots=True)
class RatchetRow:
    """One ratchet with a contact; `initial_header` goes along until it is confirmed.

    `term` is that of the contact's node when the ratchet was made.
    """

    ratchet_id: bytes
    contact: UserAddress = field(repr=False)
    generation: int
    initiator: bytes = field(repr=False)
    confirmed: bool
    initial_header: bytes | None = field(repr=False)
    state: bytes = field(repr=False)
    created_at: float
    retired_at: float | None
    term: int = 0


@dataclass(frozen=True, slots=True)
class OwnMailbox:
    """A mailbox of ours; `poll_until` is set once it was replaced."""

    mailbox: MailboxId = field(repr=False)
    relay: NodeId
    slot: int
    collect_seed: bytes = field(repr=False)
    generation: int
    created_at: float
    poll_until: float | None


@dataclass(frozen=True, slots=True)
class OwnSendId:
    """A send id at one of our mailboxes and the secret that opens its deposits."""

    send_id: SendId = field(repr=False)
    mailbox: MailboxId = field(repr=False)
    kind: int
    contact: UserAddress | None = field(repr=False)
    secret: bytes = field(repr=False)
    day: int | None


@dataclass(frozen=True, slots=True)
class SeenCiphertext:
    """An inner that was decrypted before; `message_id` is what its sender wants confirmed, if any.

    `envelopes` are the short hashes of the last envelopes that it came in, `confirmation` the
    number of what confirmed it. `held` says that its message is not shown: nothing confirms it.
    """

    digest: bytes = field(repr=False)
    contact: UserAddress = field(repr=False)
    message_id: MessageId | None = field(repr=False)
    envelopes: bytes = field(repr=False)
    confirmation: int | None
    held: bool


@dataclass(frozen=True, slots=True)
class KeptConfirmation:
    """A confirmation as it was encrypted; `ciphertext` is None once it is too old to be repeated.

    `acknowledged` says that a mailbox relay has taken it.
    """

    number: int
    ratchet_id: bytes = field(repr=False)
    item_key: bytes = field(repr=False)
    ciphertext: bytes | None = field(repr=False)
    made_at: float
    acknowledged: bool
