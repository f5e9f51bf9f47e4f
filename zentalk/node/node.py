"""The API node without HTTP: one person's identity, history and way into the network.

It is what REST calls: reads go to the database, commands are jobs whose effects are carried out
once they are committed. It must never show a key, and never answer from memory what the database
does not hold.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

import trio

from zentalk.chat.names import Named
from zentalk.config.settings import ApiSettings
from zentalk.errors import NotFoundError
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.net.transport import Network
from zentalk.node.conversations.actions import ConversationActions, parse_message_id
from zentalk.node.conversations.signalling import Signalling
from zentalk.node.direct.parts import WaysFactory
from zentalk.node.faces import DeviceFaces
from zentalk.node.files.library import FileLibrary
from zentalk.node.first_contact import FirstContact
from zentalk.node.linked.parts import HistoryCopy
from zentalk.node.mailboxes.manager import MailboxManager
from zentalk.node.messages.commands import Draft, check_address, check_key, check_message
from zentalk.node.messages.conversation.commands import NO_MESSAGE
from zentalk.node.messages.effects import CommitEffects
from zentalk.node.messages.linked import syncing
from zentalk.node.messages.people import check_name
from zentalk.node.notify.webhooks import WebhookCommands
from zentalk.node.status import NodeStatus
from zentalk.node.status_report import report
from zentalk.node.wiring import build_node
from zentalk.store.history import contacts, messages, pages
from zentalk.store.history.event_filter import EVERYTHING, EventFilter, EventPage
from zentalk.store.history.models import (
    RequestKey,
    StoredContact,
    StoredConversation,
    StoredEvent,
    StoredMessage,
)
from zentalk.store.key_file import load_identity
from zentalk.store.sqlite import Transaction
from zentalk.wire.message_link import MessageLink
from zentalk.wire.text import format_address

T = TypeVar("T")

MAX_PAGE: Final = 1000


class Node(DeviceFaces):
    """One API node over `settings.directory`.

    Raises ConfigError or StorageError if the identity or the database cannot be opened.
    """

    def __init__(
        self,
        settings: ApiSettings,
        runtime: Runtime,
        network: Network,
        copy: HistoryCopy | None = None,
        make_ways: WaysFactory | None = None,
    ) -> None:
        identity = load_identity(settings.directory)
        self.address = UserAddress(identity.public) if copy is None else copy.owner
        self.address_text = format_address(self.address)
        self.stopping = trio.Event()
        self._profile = settings.profile
        self._runtime = runtime
        self._is_strict = settings.sync == "strict"
        parts, self._contacts, self._messages = build_node(
            settings, runtime, network, identity, copy, make_ways
        )
        self._parts, self._devices = parts, parts.devices
        self.push = parts.notify.push
        """How devices that are away are woken."""
        self.groups = parts.conversations.groups
        self.direct = parts.incoming.direct
        """With whom this node connects directly."""
        self._database, self._history = parts.database, parts.history
        self.since_commit = parts.history.since_commit
        """What was answered from the history alone, until something in it changes."""
        self._network = parts.network
        self._outbox = parts.delivery.outbox

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until `stop` or cancelled; started once the local state is loaded."""
        try:
            async with trio.open_nursery() as writing:
                # The writer ends last, so that whatever the others still save is saved.
                writing.start_soon(self._database.run)
                async with trio.open_nursery() as nursery:
                    await self._load()
                    watch = self._devices.linked.watch
                    nursery.start_soon(watch.run, self._network.run, self._parts.tasks)
                    task_status.started()
                    await self.stopping.wait()
                    nursery.cancel_scope.cancel()
                writing.cancel_scope.cancel()
        finally:
            self._database.close()

    async def _load(self) -> None:
        """Take up what the last life left."""
        self.devices.load()
        await self._database.write(self._go_over)
        self.attendance.load()
        await self._parts.delivery.recipients.learn()
        under_way, effects = await self._parts.delivery.states.take_up()
        self._outbox.load(under_way)
        await self._outbox.carry_out(effects)
        await self._parts.incoming.receiver.take_up()

    def _go_over(self, tx: Transaction) -> None:
        """Bring a history of an earlier version up to this one."""
        messages.adopt(tx, self.address)
        syncing.set_strict(tx, strict=self._is_strict)

    def stop(self) -> None:
        """Ask `run` to end."""
        self.stopping.set()

    async def ready(self) -> None:
        """Return once messages can be sent and received."""
        await self._network.connected()
        await self.mailboxes.registered.wait()
        await self._parts.publisher.published.wait()

    def status(self) -> NodeStatus:
        """Return what the owner is told."""
        return report(self._parts, self._profile)

    @property
    def chat(self) -> ConversationActions:
        """What the owner does with messages that are there."""
        return self._parts.conversations.actions

    @property
    def signals(self) -> Signalling:
        """Who is writing and who is there, in both directions."""
        return self._parts.conversations.signalling

    @property
    def mailboxes(self) -> MailboxManager:
        """Where others leave mail for the owner."""
        return self._parts.incoming.mailboxes

    @property
    def first_contact(self) -> FirstContact:
        """Invites, introductions and safety numbers."""
        return self._parts.first_contact

    @property
    def files(self) -> FileLibrary:
        """Files that relays keep for the owner, and those that others gave."""
        return self._parts.conversations.files

    @property
    def webhooks(self) -> WebhookCommands:
        """Whose programs are told of events."""
        return self._parts.notify.webhooks

    def client_unit_sizes(self) -> set[int]:
        """Return every size of unit that this node's links have put on the wire or seen."""
        return set(self._network.unit_sizes())

    async def add_contact(
        self, address: UserAddress, name: str, ticket: bytes = b""
    ) -> StoredContact:
        """Add, rename or accept a contact; a ticket is the secret of its invite.

        Raises LocalProtocolError for our own address and ConfigError for a long name.
        """
        check_address(address, self.address)
        check_name(name)
        return await self._commit(
            lambda tx, now: self._contacts.add(tx, address, name, now, ticket)
        )

    async def accept(self, address: UserAddress) -> StoredContact:
        """Accept a request under the name it has; raises NotFoundError if there is none."""
        return await self._commit(lambda tx, now: self._contacts.accept(tx, address, now))

    async def refuse(self, address: UserAddress) -> None:
        """Refuse a request; raises NotFoundError if there is none."""
        await self._commit(lambda tx, now: (None, self._contacts.refuse(tx, address, now)))

    async def remove(self, address: UserAddress) -> None:
        """Delete a person and all messages with it; raises NotFoundError."""
        await self._commit(lambda tx, now: (None, self._contacts.remove(tx, address, now)))

    async def block(self, address: UserAddress) -> StoredContact:
        """Keep nothing any more that a person sends; raises LocalProtocolError for ourselves."""
        check_address(address, self.address)
        contact = await self._commit(lambda tx, now: self._contacts.block(tx, address, now))
        self.mailboxes.look_again()
        return contact

    async def unblock(self, address: UserAddress) -> None:
        """Let a person write again; raises NotFoundError if it is not blocked."""
        now = self._runtime.wall()
        await self._history.write(lambda tx: self._contacts.unblock(tx, address, now))
        self.mailboxes.look_again()

    async def _commit(self, job: Callable[[Transaction, float], tuple[T, CommitEffects]]) -> T:
        """Run a job with the time of now, and then carry out what its commit allows."""
        now = self._runtime.wall()
        result, effects = await self._history.write(lambda tx: job(tx, now))
        await self._outbox.carry_out(effects)
        return result

    async def contacts(self) -> list[StoredContact]:
        """Return everybody in the list: contacts, requests, refused and blocked people."""
        return await self._history.read(contacts.listing)

    async def names(self) -> list[Named]:
        """Return the names of people in the list and of groups, in the order they are compared."""
        return await self._history.read(contacts.named)

    async def conversations(self) -> list[StoredConversation]:
        """Return people with messages, the most recent first."""
        return await self._history.read(contacts.conversations)

    async def send_text(
        self, address: UserAddress, text: str, idempotency_key: RequestKey | None = None
    ) -> StoredMessage:
        """Store a text for delivery and return it as queued; see `send`."""
        return await self.send(address, Draft(text), idempotency_key)

    async def send(
        self, address: UserAddress, draft: Draft, idempotency_key: RequestKey | None = None
    ) -> StoredMessage:
        """Store a message for delivery and return it as queued.

        Somebody who is no contact yet becomes one. Raises TooLargeError, ConflictError or
        LocalProtocolError, and StorageError if it could not be saved.
        """
        check_message(address, self.address, draft, idempotency_key)
        write = self._messages.write
        message, effects = await self._history.write(
            partial(write, address, draft, idempotency_key, self._runtime.wall())
        )
        await self._outbox.carry_out(effects)
        return message

    async def forward(
        self,
        address: UserAddress,
        source: UserAddress,
        message_id: str,
        idempotency_key: RequestKey | None = None,
    ) -> StoredMessage:
        """Send a message of another conversation to somebody; raises NotFoundError too."""
        asked = source + parse_message_id(message_id)
        earlier = await self.sent_before(address, asked, idempotency_key)
        if earlier is not None:
            return earlier
        draft = await self.chat.draft_of(source, message_id)
        return await self.send(address, draft._replace(asked=asked), idempotency_key)

    async def sent_before(
        self, address: UserAddress, asked: bytes, idempotency_key: RequestKey | None
    ) -> StoredMessage | None:
        """Return what the same request has sent; None if it is new. Raises ConflictError."""
        if idempotency_key is None:
            return None
        check_key(idempotency_key)
        earlier, key = self._messages.earlier, idempotency_key
        return await self._history.read(lambda tx: earlier(tx, address, asked, key))

    async def messages(
        self, address: UserAddress, before: int | None = None, limit: int = 100
    ) -> list[StoredMessage]:
        """Return a page of a conversation, newest last."""
        count = max(1, min(limit, MAX_PAGE))
        return await self._history.read(lambda tx: pages.page(tx, address, before, count))

    async def mark_read(self, address: UserAddress, up_to: int | None = None) -> None:
        """Leave unread in a conversation what came after a place, or nothing."""
        await self.chat.mark_read(address, up_to)

    async def message(
        self, message_id: str, conversation: UserAddress | None = None
    ) -> StoredMessage:
        """Return one message, the owner's if others chose the same id; raises NotFoundError."""
        raw = parse_message_id(message_id)
        found = await self._history.read(lambda tx: messages.by_id(tx, raw, conversation))
        if found is None:
            raise NotFoundError(NO_MESSAGE)
        return found

    async def linked_message(self, link: MessageLink) -> StoredMessage:
        """Return the message that a link is of, in whichever conversation; raises NotFoundError."""
        raw, author = parse_message_id(link.message_id), link.author
        found = await self._history.read(lambda tx: messages.by_id(tx, raw, author=author))
        if found is None:
            raise NotFoundError("the message that this link is of is not here")
        return found

    async def events(self, after: int, limit: int = MAX_PAGE) -> list[StoredEvent]:
        """Return up to `limit` (at most 1,000) events after a number, in order."""
        return (await self.event_page(after, limit)).events

    async def event_page(
        self, after: int, limit: int = MAX_PAGE, wanted: EventFilter = EVERYTHING
    ) -> EventPage:
        """Return up to `limit` (at most 1,000) wanted events after a number, and where to go on."""
        return await self._parts.notify.log.page(after, max(1, min(limit, MAX_PAGE)), wanted)

    async def wait_events(self, after: int) -> None:
        """Return once there is an event with a number above `after`."""
        await self._parts.notify.log.wait_events(after)
