"""The part of a node that REST uses; `zentalk.node.node.Node` has it."""

from __future__ import annotations

from typing import Any, Protocol

from zentalk.api.device_facade import DevicesFacade
from zentalk.api.first_contact_facade import FirstContactFacade
from zentalk.api.services_facade import ServicesFacade
from zentalk.chat.names import Named
from zentalk.ids import UserAddress
from zentalk.node.conversations.actions import ConversationActions
from zentalk.node.conversations.signalling import Signalling
from zentalk.node.groups import GroupActions
from zentalk.node.messages.commands import Draft
from zentalk.store.history.event_filter import EventFilter, EventPage
from zentalk.store.history.models import (
    RequestKey,
    StoredContact,
    StoredConversation,
    StoredMessage,
)
from zentalk.store.writer import SinceCommit
from zentalk.wire.message_link import MessageLink


class NodeFacade(DevicesFacade, ServicesFacade, Protocol):
    """One person's node. All errors are ZentalkErrors whose text may be shown to its owner."""

    @property
    def address_text(self) -> str:
        """The owner's `zt1...` address."""

    @property
    def since_commit(self) -> SinceCommit:
        """What was answered from the history alone, until something in it changes."""

    def status(self) -> Any:
        """Return a dataclass that is JSON when made a dict: how the node sees the network."""

    @property
    def first_contact(self) -> FirstContactFacade:
        """Invites, introductions and safety numbers."""

    async def add_contact(self, address: UserAddress, name: str, ticket: bytes) -> StoredContact:
        """Add or rename a contact, or accept a request; a ticket is an invite's secret."""

    async def accept(self, address: UserAddress) -> StoredContact:
        """Accept a request under the name it has; raises NotFoundError if there is none."""

    async def refuse(self, address: UserAddress) -> None:
        """Refuse a request; raises NotFoundError if there is none."""

    async def remove(self, address: UserAddress) -> None:
        """Delete a person and all messages with it; raises NotFoundError."""

    async def block(self, address: UserAddress) -> StoredContact:
        """Keep nothing any more that a person sends."""

    async def unblock(self, address: UserAddress) -> None:
        """Let a person write again; raises NotFoundError if it is not blocked."""

    async def contacts(self) -> list[StoredContact]:
        """Return everybody in the list: contacts, requests, refused and blocked people."""

    async def names(self) -> list[Named]:
        """Return the names of people in the list, then of groups: earlier ones keep theirs."""

    async def conversations(self) -> list[StoredConversation]:
        """Return the conversation list."""

    @property
    def chat(self) -> ConversationActions:
        """What the owner does with messages that are there."""

    @property
    def groups(self) -> GroupActions:
        """Groups and channels that the owner is in, or invited to."""

    @property
    def signals(self) -> Signalling:
        """Who is writing and who is there, in both directions."""

    async def send(
        self, address: UserAddress, draft: Draft, idempotency_key: RequestKey | None = None
    ) -> StoredMessage:
        """Store and queue a message; the same key gives the same message again."""

    async def forward(
        self,
        address: UserAddress,
        source: UserAddress,
        message_id: str,
        idempotency_key: RequestKey | None = None,
    ) -> StoredMessage:
        """Send a message of another conversation to somebody, as `send` does.

        Raises NotFoundError.
        """

    async def sent_before(
        self, address: UserAddress, asked: bytes, idempotency_key: RequestKey | None
    ) -> StoredMessage | None:
        """Return what the same request has sent; None if it is new. Raises ConflictError."""

    async def messages(
        self, address: UserAddress, before: int | None, limit: int
    ) -> list[StoredMessage]:
        """Return a page of a conversation, newest last; `before` is a message's `seq`."""

    async def mark_read(self, address: UserAddress, up_to: int | None = None) -> None:
        """Leave unread what came after a `seq`, or nothing."""

    async def message(
        self, message_id: str, conversation: UserAddress | None = None
    ) -> StoredMessage:
        """Return one message, the owner's if others chose the same id; raises NotFoundError."""

    async def linked_message(self, link: MessageLink) -> StoredMessage:
        """Return the message that a link is of; raises NotFoundError."""

    async def event_page(self, after: int, limit: int, wanted: EventFilter) -> EventPage:
        """Return wanted events with a higher number than `after`, oldest first."""

    async def wait_events(self, after: int) -> None:
        """Return when there is an event with a higher number than `after`."""
