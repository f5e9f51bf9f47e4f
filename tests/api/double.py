"""A node without a network, for tests of REST: what it is told is what it knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import trio

from zentalk.errors import ConflictError, NotFoundError, TooLargeError
from zentalk.ids import UserAddress
from zentalk.node.status import MailboxStatus
from zentalk.store.history.event_filter import EventFilter, EventPage
from zentalk.store.history.models import (
    ContactState,
    Direction,
    MessageState,
    StoredContact,
    StoredConversation,
    StoredEvent,
    StoredMessage,
)
from zentalk.web.token_proof import key_of
from zentalk.wire.devices import DeviceEntry
from zentalk.wire.text import format_address

TOKEN = "t" * 43
MAX_TEXT_BYTES = 65536
OWNER = UserAddress(bytes(range(32)))
BOB = UserAddress(bytes(range(1, 33)))
STRANGER = UserAddress(bytes(range(2, 34)))


@dataclass(frozen=True)
class Status:
    ready: bool = True
    relays_known: int = 5
    guards_connected: int = 2
    mailboxes: int = 2
    tunnels: str = "full"
    notes: tuple[str, ...] = ()


class FakeDevices:
    """Devices by token, kept nowhere; tests/node/devices/test_tokens.py tests the real ones."""

    def __init__(self) -> None:
        self.tokens: dict[bytes, DeviceEntry] = {}
        self.on_revoked: Callable[[str], None] = lambda _device_id: None

    def admitted(self, token: bytes) -> str | None:
        device = self.tokens.get(token)
        return None if device is None else device.device_id.hex()

    def listing(self) -> list[DeviceEntry]:
        return list(self.tokens.values())

    async def add(self, name: str) -> tuple[DeviceEntry, str]:
        number = len(self.tokens) + 1
        token = f"device-token-{number}"
        device = DeviceEntry(number.to_bytes(8, "big"), name, key_of(token), 1000)
        self.tokens[token.encode()] = device
        return device, token

    async def revoke(self, device_id: str) -> None:
        for token, device in list(self.tokens.items()):
            if device.device_id.hex() == device_id:
                del self.tokens[token]
                self.on_revoked(device_id)
                return
        raise NotFoundError("there is no device with this id")


class FakeMailboxes:
    """One mailbox and those it was moved from; real ones are moved in tests/e2e/test_moving.py."""

    def __init__(self) -> None:
        self.moves = 0

    def listing(self) -> list[MailboxStatus]:
        relay = "zt-relay:x@r:9001"
        old = [MailboxStatus(f"{n:016x}", "", False, False, 1000.0, 2000.0)
               for n in range(self.moves)]  # fmt: skip
        return [MailboxStatus(f"{self.moves:016x}", relay, True, True, 1000.0, None), *old]

    async def move(self, shown_id: str | None) -> list[MailboxStatus]:
        if shown_id not in (None, self.listing()[0].id):
            raise NotFoundError("there is no current mailbox with this id: list your mailboxes")
        self.moves += 1
        return self.listing()


@dataclass
class FakeNode:
    address_text: str = format_address(OWNER)
    known: dict[str, StoredContact] = field(default_factory=dict)
    sent: list[StoredMessage] = field(default_factory=list)
    read: list[UserAddress] = field(default_factory=list)
    keys: dict[str, StoredMessage] = field(default_factory=dict)
    log: list[StoredEvent] = field(default_factory=list)
    stopping: trio.Event = field(default_factory=trio.Event)
    failure: Exception | None = None
    devices: FakeDevices = field(default_factory=FakeDevices)
    mailboxes: FakeMailboxes = field(default_factory=FakeMailboxes)
    webhooks: Any = None
    """The real ones, over a database, where a test is about them."""
    changed: trio.Event = field(default_factory=trio.Event)

    def status(self) -> Any:
        return Status()

    async def add_contact(self, address: UserAddress, name: str) -> StoredContact:
        self.fail()
        text = format_address(address)
        self.known[text] = StoredContact(text, name, ContactState.CONTACT, 1000.0)
        return self.known[text]

    async def accept(self, address: UserAddress) -> StoredContact:
        known = self.in_list(address)
        return await self.add_contact(address, known.name)

    async def refuse(self, address: UserAddress) -> None:
        if self.in_list(address).state is not ContactState.REQUEST:
            raise NotFoundError("there is no request from this address")
        self.set_contact(address, ContactState.REFUSED)

    async def remove(self, address: UserAddress) -> None:
        self.in_list(address)
        del self.known[format_address(address)]

    async def block(self, address: UserAddress) -> StoredContact:
        return self.set_contact(address, ContactState.BLOCKED)

    async def unblock(self, address: UserAddress) -> None:
        if self.in_list(address).state is not ContactState.BLOCKED:
            raise NotFoundError("nobody with this address is blocked")
        self.set_contact(address, ContactState.CONTACT)

    def in_list(self, address: UserAddress) -> StoredContact:
        try:
            return self.known[format_address(address)]
        except KeyError:
            raise NotFoundError("there is nobody with this address") from None

    def set_contact(self, address: UserAddress, state: ContactState) -> StoredContact:
        text = format_address(address)
        self.known[text] = StoredContact(text, "", state, 1000.0)
        return self.known[text]

    def request(self, address: UserAddress) -> None:
        text = format_address(address)
        self.known[text] = StoredContact(text, "", ContactState.REQUEST, 1000.0)

    async def contacts(self) -> list[StoredContact]:
        self.fail()
        return list(self.known.values())

    async def conversations(self) -> list[StoredConversation]:
        last = {message.conversation: message for message in self.sent}
        return [StoredConversation(a, "", m.text, m.sent_at, 0) for a, m in last.items()]

    async def send_text(
        self, address: UserAddress, text: str, idempotency_key: str | None = None
    ) -> StoredMessage:
        self.fail()
        if len(text.encode()) > MAX_TEXT_BYTES:
            raise TooLargeError("a text may have at most 65,536 bytes")
        if idempotency_key in self.keys:
            known = self.keys[idempotency_key]
            if known.text != text:
                raise ConflictError("this idempotency key was used for another message")
            return known
        number = len(self.sent) + 1
        message = StoredMessage(
            id=f"{number:032x}",
            seq=number,
            conversation=format_address(address),
            direction=Direction.OUT,
            kind="text",
            text=text,
            state=MessageState.QUEUED,
            reason="",
            sent_at=1000.0 + number,
        )
        self.sent.append(message)
        if idempotency_key is not None:
            self.keys[idempotency_key] = message
        return message

    def set_state(self, message_id: str, state: str) -> None:
        self.sent = [
            replace(m, state=MessageState(state)) if m.id == message_id else m for m in self.sent
        ]
        self.emit("message.state", {"id": message_id, "state": state})

    def emit(self, kind: str, data: dict[str, Any]) -> None:
        self.log.append(StoredEvent(len(self.log) + 1, kind, 2000.0, data))
        self.changed.set()
        self.changed = trio.Event()

    async def messages(
        self, address: UserAddress, before: int | None, limit: int
    ) -> list[StoredMessage]:
        text = format_address(address)
        page = [m for m in self.sent if m.conversation == text]
        page = [m for m in page if before is None or m.seq < before]
        return page[-limit:]

    async def mark_read(self, address: UserAddress) -> None:
        self.read.append(address)

    async def message(
        self, message_id: str, conversation: UserAddress | None = None
    ) -> StoredMessage:
        for message in self.sent:
            where = message.conversation if conversation is None else format_address(conversation)
            if (message.id, message.conversation) == (message_id, where):
                return message
        raise NotFoundError("there is no such message")

    async def event_page(self, after: int, limit: int, wanted: EventFilter) -> EventPage:
        found = [event for event in self.log if event.seq > after and wanted.takes(event)][:limit]
        last = found[-1].seq if len(found) == limit else max(after, len(self.log))
        return EventPage(found, last)

    async def wait_events(self, after: int) -> None:
        while len(self.log) <= after:
            await self.changed.wait()

    def stop(self) -> None:
        self.stopping.set()

    def fail(self) -> None:
        if self.failure is not None:
            raise self.failure
