"""The part of a node that REST uses; `zentalk.node.node.Node` has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from zentalk.ids import UserAddress
from zentalk.node.notify.webhooks import WebhookView
from zentalk.node.status import MailboxStatus
from zentalk.store.history.event_filter import EventFilter, EventPage
from zentalk.store.history.models import (
    StoredContact,
    StoredConversation,
    StoredMessage,
)
from zentalk.store.history.webhooks import WebhookLetter
from zentalk.wire.devices import DeviceEntry


class DeviceFacade(Protocol):
    """The devices of the node's owner."""

    on_revoked: Callable[[str], None]
    """Is told the id of each device that may no longer use the node."""

    def admitted(self, token: bytes) -> str | None:
        """Return the id of the device whose token this is."""

    def listing(self) -> list[DeviceEntry]:
        """Return the devices, oldest first."""

    async def add(self, name: str) -> tuple[DeviceEntry, str]:
        """Admit a device; returns it and its token."""

    async def revoke(self, device_id: str) -> None:
        """Shut a device out; raises NotFoundError."""


class MailboxFacade(Protocol):
    """The owner's mailboxes: list them and move them."""

    def listing(self) -> list[MailboxStatus]:
        """Return current mailboxes, then replaced ones that are still polled."""

    async def move(self, shown_id: str | None) -> list[MailboxStatus]:
        """Move one current mailbox, or all, to other relays.

        Raises NotFoundError, UnavailableError without other relays, or ConflictError.
        """


class WebhookFacade(Protocol):
    """Programs of the owner that are told of events. Unknown ids raise NotFoundError."""

    async def listing(self) -> list[WebhookView]:
        """Return all webhooks, oldest first."""

    async def add(self, url: str, wanted: EventFilter, content: str) -> tuple[WebhookView, str]:
        """Add a webhook; returns it and its secret. Raises ConfigError or ConflictError."""

    async def remove(self, webhook: str) -> None:
        """Remove a webhook."""

    async def dead(self, webhook: str, after: int, limit: int) -> list[WebhookLetter]:
        """Return events that were given up."""

    async def retry(self, webhook: str, seq: int | None) -> int:
        """Try one dead letter, or all, once more; returns how many."""

    async def forget(self, webhook: str, seq: int | None) -> None:
        """Delete one dead letter, or all."""


class NodeFacade(Protocol):
    """One person's node. All errors are ZentalkErrors whose text may be shown to its owner."""

    @property
    def address_text(self) -> str:
        """The owner's `zt1...` address."""

    @property
    def devices(self) -> DeviceFacade:
        """The devices that may use the node besides the holder of the owner's token."""

    @property
    def mailboxes(self) -> MailboxFacade:
        """The owner's mailboxes."""

    @property
    def webhooks(self) -> WebhookFacade:
        """Whose programs are told of events."""

    def status(self) -> Any:
        """Return a dataclass that is JSON when made a dict: how the node sees the network."""

    async def add_contact(self, address: UserAddress, name: str) -> StoredContact:
        """Add or rename a contact, or accept a request."""

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

    async def conversations(self) -> list[StoredConversation]:
        """Return the conversation list."""

    async def send_text(
        self, address: UserAddress, text: str, idempotency_key: str | None = None
    ) -> StoredMessage:
        """Store and queue a message; the same key gives the same message again."""

    async def messages(
        self, address: UserAddress, before: int | None, limit: int
    ) -> list[StoredMessage]:
        """Return a page of a conversation, newest last; `before` is a message's `seq`."""

    async def mark_read(self, address: UserAddress) -> None:
        """Set a conversation's unread count to 0."""

    async def message(
        self, message_id: str, conversation: UserAddress | None = None
    ) -> StoredMessage:
        """Return one message, the owner's if others chose the same id; raises NotFoundError."""

    async def event_page(self, after: int, limit: int, wanted: EventFilter) -> EventPage:
        """Return wanted events with a higher number than `after`, oldest first."""

    async def wait_events(self, after: int) -> None:
        """Return when there is an event with a higher number than `after`."""
