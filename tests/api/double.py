"""A node without a network, for tests of REST: what it is told is what it knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import trio

from tests.api.file_double import FakeFiles
from tests.api.group_double import FakeGroups
from zentalk.chat.names import Named
from zentalk.chat.views import body_view, line_of
from zentalk.errors import ConflictError, NotFoundError, TooLargeError
from zentalk.ids import GroupId, UserAddress
from zentalk.node.devices.pairings import Pairing, Pairings
from zentalk.node.direct.actions import DirectState
from zentalk.node.first_contact.invites import ShownInvite
from zentalk.node.first_contact.verification import SafetyNumber
from zentalk.node.linked.status import LinkCode, LinksView, LinkView, Role
from zentalk.node.messages.commands import Draft
from zentalk.node.status import MailboxStatus, NodeStatus
from zentalk.session.safety import read_safety_number, safety_number
from zentalk.store.history.event_filter import EventFilter, EventPage
from zentalk.store.history.models import (
    ContactState,
    Direction,
    InviteState,
    MessageState,
    RequestKey,
    StoredContact,
    StoredConversation,
    StoredEvent,
    StoredIntroduction,
    StoredInvite,
    StoredMessage,
)
from zentalk.store.writer import SinceCommit
from zentalk.web.token_proof import key_of
from zentalk.wire.devices import DeviceEntry, DeviceScope
from zentalk.wire.invite import InviteLink, format_invite
from zentalk.wire.message_link import MessageLink
from zentalk.wire.text import format_address

T = TypeVar("T")

TOKEN = "t" * 43
MAX_TEXT_BYTES = 65536
OWNER = UserAddress(bytes(range(32)))
BOB = UserAddress(bytes(range(1, 33)))
STRANGER = UserAddress(bytes(range(2, 34)))


class FakeDevices:
    """Devices by token, kept nowhere; tests/node/devices/test_tokens.py tests the real ones."""

    def __init__(self) -> None:
        self.tokens: dict[bytes, DeviceEntry] = {}
        self.on_revoked: Callable[[str], None] = lambda _device_id: None

    def tell_revoked(self, listener: Callable[[str], None]) -> None:
        self.on_revoked = listener

    def admitted(self, token: bytes) -> DeviceEntry | None:
        return self.tokens.get(token)

    def listing(self) -> list[DeviceEntry]:
        return list(self.tokens.values())

    async def add(
        self, name: str, scope: DeviceScope = DeviceScope.WRITE, added_by: str = ""
    ) -> tuple[DeviceEntry, str]:
        number = len(self.tokens) + 1
        token = f"device-token-{number}"
        device = DeviceEntry(
            number.to_bytes(8, "big"), name, key_of(token), 1000, scope, bytes.fromhex(added_by)
        )
        self.tokens[token.encode()] = device
        return device, token

    async def revoke(self, device_id: str) -> None:
        for token, device in list(self.tokens.items()):
            if device.device_id.hex() == device_id:
                del self.tokens[token]
                self.on_revoked(device_id)
                return
        raise NotFoundError("there is no device with this id")


class FakeAttendance:
    """Who is here, without a clock; tests/node/devices/test_attendance.py tests the real one."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.seen: dict[str, float] = {}

    def began(self, device: str) -> None:
        self.open.append(device)
        self.seen[device] = 960.0

    def ended(self, device: str) -> None:
        self.open.remove(device)

    def forget(self, device: str) -> None:
        self.seen.pop(device, None)

    def connected(self) -> frozenset[str]:
        return frozenset(self.seen)

    def last_seen(self, device: str) -> float | None:
        return self.seen.get(device)


class FakeAdmissions:
    """The real pairings with a clock that stands; tests/node/devices has tests with time."""

    def __init__(self, devices: FakeDevices) -> None:
        self.devices = devices
        self.pairings = Pairings(0.0)
        self.drawn = 0

    def entropy(self, size: int) -> bytes:
        self.drawn += 1
        return bytes([self.drawn]) * size

    def open(self, name: str, scope: DeviceScope, added_by: str) -> tuple[Pairing, float]:
        pairing = self.pairings.open(name, scope, added_by, 0.0, self.entropy)
        return pairing, 1000.0 + pairing.ends_at

    def listing(self) -> list[tuple[Pairing, float]]:
        return [(each, 1000.0 + each.ends_at) for each in self.pairings.listing(0.0)]

    def find(self, pairing_id: str) -> Pairing:
        return self.pairings.find(pairing_id, 0.0)

    def cancel(self, pairing_id: str) -> None:
        self.pairings.cancel(pairing_id, 0.0)

    async def redeem(self, code: str) -> tuple[DeviceEntry, str]:
        pairing = self.pairings.redeem(code, 0.0)
        return await self.devices.add(pairing.name, pairing.scope, pairing.added_by)


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


class FakeInvites:
    """Invites that let nobody in; tests/node/first_contact/test_invites.py tests real ones."""

    def __init__(self) -> None:
        self.made: list[ShownInvite] = []

    async def create(
        self,
        name: str,
        *,
        max_uses: int,
        lifetime_seconds: float,
        accepts: bool,
        group: GroupId | None = None,
    ) -> ShownInvite:
        number = len(self.made) + 1
        link = format_invite(InviteLink(OWNER, number.to_bytes(16, "big")))
        end = 1000.0 + lifetime_seconds
        row = StoredInvite(f"{number:016x}", name, accepts, max_uses, 0, 1000.0 + number, end, None)
        if group is not None:
            row = replace(row, group=format_address(UserAddress(group)))
        self.made.append(ShownInvite(row, InviteState.OPEN, link))
        return self.made[-1]

    async def listing(self) -> list[ShownInvite]:
        return list(self.made)

    async def get(self, invite_id: str) -> ShownInvite:
        for one in self.made:
            if one.invite.id == invite_id:
                return one
        raise NotFoundError("there is no invite with this id")

    async def revoke(self, invite_id: str) -> None:
        place = self.made.index(await self.get(invite_id))
        self.made[place] = self.made[place]._replace(state=InviteState.REVOKED, link="")


class FakeIntroductions:
    """What was asked for, and who was introduced."""

    def __init__(self) -> None:
        self.asked: list[tuple[UserAddress, UserAddress, str, str]] = []
        self.known: list[StoredIntroduction] = []

    async def introduce(
        self, address: UserAddress, to: UserAddress, name: str, to_name: str
    ) -> None:
        self.asked.append((address, to, name, to_name))

    async def listing(self) -> list[StoredIntroduction]:
        return self.known

    async def dismiss(self, address: UserAddress) -> None:
        left = [one for one in self.known if one.address != format_address(address)]
        if left == self.known:
            raise NotFoundError("nobody has introduced this person")
        self.known = left


class FakeVerification:
    """Real numbers, and marks on the contacts of the double."""

    def __init__(self, known: dict[str, StoredContact]) -> None:
        self._known = known

    async def safety(self, address: UserAddress) -> SafetyNumber:
        person = self._known.get(format_address(address))
        at = None if person is None else person.verified_at
        return SafetyNumber(address, safety_number(OWNER, address), at is not None, at, "")

    async def verify(self, address: UserAddress, number: str | None) -> StoredContact:
        shown = safety_number(OWNER, address)
        if number is not None and read_safety_number(number) != shown:
            raise ConflictError("the numbers differ")
        return self._mark(address, verified=True)

    async def withdraw(self, address: UserAddress) -> None:
        self._mark(address, verified=False)

    def _mark(self, address: UserAddress, *, verified: bool) -> StoredContact:
        text = format_address(address)
        if text not in self._known:
            raise NotFoundError("there is nobody with this address")
        at = 1000.0 if verified else None
        self._known[text] = replace(self._known[text], verified=verified, verified_at=at)
        return self._known[text]


@dataclass
class FakeFirstContact:
    known: dict[str, StoredContact]
    invites: FakeInvites = field(default_factory=FakeInvites)
    introductions: FakeIntroductions = field(default_factory=FakeIntroductions)

    @property
    def verification(self) -> FakeVerification:
        return FakeVerification(self.known)


@dataclass
class FakeDirect:
    """Direct connections that exist as soon as both allow them."""

    known: dict[str, StoredContact]
    allowed: set[str] = field(default_factory=set)
    allowed_by_them: set[str] = field(default_factory=set)
    impossible: str = ""

    async def state(self, contact: UserAddress) -> DirectState:
        text = format_address(contact)
        if text not in self.known:
            raise NotFoundError("there is nobody with this address")
        both = text in self.allowed, text in self.allowed_by_them
        return DirectState(*both, all(both), self.impossible)

    async def allow(self, contact: UserAddress, *, on: bool) -> DirectState:
        if on and self.impossible:
            raise ConflictError(self.impossible)
        if on:
            self.allowed.add(format_address(contact))
        else:
            self.allowed.discard(format_address(contact))
        return await self.state(contact)


class FakeLinks:
    """A link that is made and ended, and the last sealed identity."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.sealed = b""

    async def state(self) -> LinksView:
        views = tuple(LinkView(one, "linked", 1.0, None, 2.0, 3.0, 4) for one in self.ids)
        role: Role = "first" if self.ids else "alone"
        return LinksView(role, 0, bool(self.sealed), False, 0, 0, "", views)

    async def open(self) -> LinkCode:
        if self.ids:
            raise ConflictError("this node has a replica already")
        self.ids.append("00" * 8)
        return LinkCode(self.ids[0], "zentalk-link:code", 5.0)

    async def remove(self, link_id: str) -> None:
        if link_id not in self.ids:
            raise NotFoundError("there is no link with this id")
        self.ids.remove(link_id)

    async def keep_recovery(self, sealed: bytes) -> None:
        self.sealed = sealed


class KeepsNothing(SinceCommit):
    """For a node without a database, which has no commits to forget things with."""

    async def get(self, name: str, make: Callable[[], Awaitable[T]]) -> T:
        return await make()


@dataclass
class FakeNode:
    address_text: str = format_address(OWNER)
    known: dict[str, StoredContact] = field(default_factory=dict)
    sent: list[StoredMessage] = field(default_factory=list)
    read: list[UserAddress] = field(default_factory=list)
    read_up_to: list[int | None] = field(default_factory=list)
    keys: dict[RequestKey, StoredMessage] = field(default_factory=dict)
    log: list[StoredEvent] = field(default_factory=list)
    stopping: trio.Event = field(default_factory=trio.Event)
    failure: Exception | None = None
    devices: FakeDevices = field(default_factory=FakeDevices)
    attendance: FakeAttendance = field(default_factory=FakeAttendance)
    admissions: FakeAdmissions = field(init=False)
    mailboxes: FakeMailboxes = field(default_factory=FakeMailboxes)
    links: FakeLinks = field(default_factory=FakeLinks)
    webhooks: Any = None
    """The real ones, over a database, where a test is about them."""
    push: Any = None
    changed: trio.Event = field(default_factory=trio.Event)
    chat: Any = None
    """Real ones are driven in tests/api/test_conversation_routes.py."""
    signals: Any = None
    groups: Any = field(default_factory=FakeGroups)
    files: FakeFiles = field(default_factory=FakeFiles)
    tickets: list[bytes] = field(default_factory=list)
    since_commit: SinceCommit = field(default_factory=KeepsNothing)

    def __post_init__(self) -> None:
        self.first_contact = FakeFirstContact(self.known)
        self.direct = FakeDirect(self.known)
        self.admissions = FakeAdmissions(self.devices)

    def status(self) -> Any:
        return NodeStatus(True, 5, 2, 2, "full", ())

    async def add_contact(
        self, address: UserAddress, name: str, ticket: bytes = b""
    ) -> StoredContact:
        self.fail()
        if ticket:
            self.tickets.append(ticket)
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

    async def names(self) -> list[Named]:
        return [Named(one.address, one.name) for one in self.known.values()]

    async def conversations(self) -> list[StoredConversation]:
        last = {message.conversation: message for message in self.sent}
        return [StoredConversation(a, "", m.text, m.sent_at, 0) for a, m in last.items()]

    async def send(
        self, address: UserAddress, draft: Draft, idempotency_key: RequestKey | None = None
    ) -> StoredMessage:
        self.fail()
        text = draft.text
        if len(text.encode()) > MAX_TEXT_BYTES:
            raise TooLargeError("a text may have at most 65,536 bytes")
        if idempotency_key is not None and idempotency_key in self.keys:
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
            kind=draft.kind,
            text=text or line_of(draft.body),
            state=MessageState.QUEUED,
            reason="",
            sent_at=1000.0 + number,
            body=body_view(draft.body),
        )
        self.sent.append(message)
        if idempotency_key is not None:
            self.keys[idempotency_key] = message
        return message

    async def send_text(self, address: UserAddress, text: str) -> StoredMessage:
        return await self.send(address, Draft(text))

    async def forward(
        self,
        address: UserAddress,
        source: UserAddress,
        message_id: str,
        idempotency_key: RequestKey | None = None,
    ) -> StoredMessage:
        draft = Draft((await self.message(message_id, source)).text)
        return await self.send(address, draft, idempotency_key)

    async def sent_before(
        self, _address: UserAddress, _asked: bytes, idempotency_key: RequestKey | None
    ) -> StoredMessage | None:
        return None if idempotency_key is None else self.keys.get(idempotency_key)

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

    async def mark_read(self, address: UserAddress, up_to: int | None = None) -> None:
        self.read.append(address)
        self.read_up_to.append(up_to)

    async def message(
        self, message_id: str, conversation: UserAddress | None = None
    ) -> StoredMessage:
        for message in self.sent:
            where = message.conversation if conversation is None else format_address(conversation)
            if (message.id, message.conversation) == (message_id, where):
                return message
        raise NotFoundError("there is no such message")

    async def linked_message(self, link: MessageLink) -> StoredMessage:
        author = format_address(link.author)
        for message in self.sent:
            if (message.id, message.author) == (link.message_id, author):
                return message
        raise NotFoundError("the message that this link is of is not here")

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
