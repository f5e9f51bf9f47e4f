"""The services of a node that REST uses, from mailboxes to files."""

from __future__ import annotations

from typing import Protocol

from zentalk.api.file_facade import FileFacade
from zentalk.ids import UserAddress
from zentalk.node.direct.actions import DirectState
from zentalk.node.notify.push import PushWish
from zentalk.node.notify.schedule import Answer
from zentalk.node.notify.webhooks import WebhookView
from zentalk.node.status import MailboxStatus
from zentalk.store.history.event_filter import EventFilter
from zentalk.store.history.push import PushRow
from zentalk.store.history.webhooks import WebhookLetter


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


class DirectFacade(Protocol):
    """Direct connections with contacts. Somebody else raises NotFoundError."""

    async def state(self, contact: UserAddress) -> DirectState:
        """Return how it is with a contact."""

    async def allow(self, contact: UserAddress, *, on: bool) -> DirectState:
        """Allow direct connections, or not any more; raises ConflictError where none are made."""


class PushFacade(Protocol):
    """How devices are woken, each by one endpoint at most."""

    def key(self, device: str) -> str:
        """Return the public key that signs what a device is sent, base64url."""

    async def listing(self) -> list[PushRow]:
        """Return all endpoints, oldest first."""

    async def register(self, wish: PushWish) -> PushRow:
        """Set the endpoint of a device; raises ConfigError or NotFoundError."""

    async def remove(self, device: str) -> None:
        """Forget the endpoint of a device; raises NotFoundError."""

    async def test(self, device: str) -> Answer:
        """Wake a device now; raises NotFoundError, or RefusedError if it was tested just now."""


class ServicesFacade(Protocol):
    """The services of one node."""

    @property
    def mailboxes(self) -> MailboxFacade:
        """The owner's mailboxes."""

    @property
    def webhooks(self) -> WebhookFacade:
        """Whose programs are told of events."""

    @property
    def push(self) -> PushFacade:
        """How devices that are away are woken."""

    @property
    def direct(self) -> DirectFacade:
        """Direct connections with contacts."""

    @property
    def files(self) -> FileFacade:
        """Files that relays keep."""
