"""One node's end of direct lines: real database, receiver and lines, between doubles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import trio

from zentalk.errors import StorageFullError
from zentalk.ids import MailboxId, NodeId, SendId, UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.conversations.direct_board import DirectBoard
from zentalk.node.direct.links import DirectLinks
from zentalk.node.direct.paths import PathLog
from zentalk.node.direct.ways import DirectSession, OwnOffer
from zentalk.node.direct_lines import DirectLines
from zentalk.node.mailboxes.receiver import Receiver
from zentalk.node.messages.effects import CommitEffects
from zentalk.node.messages.routes import Collected
from zentalk.store.history import events, mailboxes
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import OwnMailbox, OwnSendId
from zentalk.store.sqlite import Transaction
from zentalk.wire.deposit import ENVELOPE_SMALL_BYTES
from zentalk.wire.rpc_send_ids import SendIdKind

T = TypeVar("T")
WALL = 1_800_000_000.0
ENVELOPE = bytes(ENVELOPE_SMALL_BYTES)
THEIRS, OTHERS, PUBLIC = (SendId(letter * 16) for letter in (b"t", b"o", b"p"))
"""Send ids of this node: the contact's, another contact's, and one for strangers."""
CONTACT, OTHER = UserAddress(b"c" * 32), UserAddress(b"d" * 32)


class Outbox:
    """In the place of the outbox: what it is told."""

    def __init__(self) -> None:
        self.tokens: list[bytes] = []
        self.rerouted: list[UserAddress] = []

    def token_received(self, token: bytes) -> None:
        self.tokens.append(token)

    def reroute(self, contact: UserAddress) -> None:
        self.rerouted.append(contact)

    async def carry_out(self, _effects: CommitEffects) -> None:
        await trio.lowlevel.checkpoint()


class Database(HistoryDatabase):
    """Fails, or waits before it commits, when it is told to."""

    def __init__(self, path: Path, runtime: Runtime) -> None:
        super().__init__(path, runtime.run_blocking)
        self.fails_to_read = self.fails_to_write = False
        self.may_commit = trio.Event()
        self.may_commit.set()

    async def read(self, query: Callable[[Transaction], T]) -> T:
        if self.fails_to_read:
            raise StorageFullError("full")
        return await super().read(query)

    async def write(self, job: Callable[[Transaction], T]) -> T:
        await self.may_commit.wait()
        if self.fails_to_write:
            raise StorageFullError("full")
        return await super().write(job)


class Inbox:
    """In the place of what opens envelopes: which have come in."""

    def __init__(self) -> None:
        self.came: list[SendId] = []
        self.has_room = True

    def process(self, _tx: Transaction, deposits: list[Collected], _now: float) -> CommitEffects:
        self.came += [one.send_id for one in deposits]
        return CommitEffects(deferred=frozenset() if self.has_room else frozenset({0}))


class Desk:
    """One node, of which `run` must be running."""

    def __init__(self, path: Path) -> None:
        self.runtime = Runtime.virtual(1, WALL)
        self.database = Database(path, self.runtime)
        self.inbox, self.outbox, self.lines = Inbox(), Outbox(), DirectLines()
        inbox: Any = self.inbox
        outbox: Any = self.outbox
        board: Any = _Deaf()
        self.receiver = Receiver(self.runtime, self.database, inbox, outbox, board, DirectBoard())
        self.path_log = PathLog(self.runtime, self.database)
        self.links = DirectLinks(
            self.runtime, self.database, self.receiver, outbox, self.lines, self.path_log
        )

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.database.run)
            nursery.start_soon(self.receiver.run)
            nursery.start_soon(self.path_log.run)

    async def furnish(self) -> None:
        """Make a mailbox with the three send ids."""
        await self.database.write(_furnish)

    async def paths(self) -> list[str]:
        """Return what the event log says of the ways on which contacts are."""
        return [event["path"] for event in await self.path_events()]

    async def path_events(self) -> list[dict[str, str]]:
        """Return the same with the contacts, as events have it."""
        found = await self.database.read(lambda tx: events.page(tx, 0, -1))
        return [event.data for event in found if event.type == "contact.path"]


class _Deaf:
    def took_in(self, *_arguments: object) -> None:
        """Nobody asks."""


def _furnish(tx: Transaction) -> None:
    mailbox = MailboxId(b"m" * 32)
    mailboxes.add(tx, OwnMailbox(mailbox, NodeId(b"r" * 32), 0, b"s" * 32, 1, WALL, None))
    rows = [
        OwnSendId(send_id, mailbox, kind, None, b"k" * 32, day)
        for send_id, kind, day in (
            (THEIRS, SendIdKind.CONTACT, None),
            (OTHERS, SendIdKind.CONTACT, None),
            (PUBLIC, SendIdKind.PUBLIC, 20_000),
        )
    ]
    mailboxes.add_send_ids(tx, rows)
    mailboxes.give_to(tx, THEIRS, CONTACT)
    mailboxes.give_to(tx, OTHERS, OTHER)


@contextmanager
def desk(path: Path) -> Iterator[Desk]:
    """Open a node's database for the length of the block."""
    found = Desk(path)
    with closing(found.database):
        yield found


class Sessions(NamedTuple):
    """The two sides of one session; the first is the one who opens the link."""

    client: DirectSession
    server: DirectSession


def sessions(one: OwnOffer, other: OwnOffer) -> Sessions:
    """Let two offers meet."""
    client, server = sorted((one, other), key=lambda own: own.offer.direct_key)
    return Sessions(DirectSession(client, server.offer), DirectSession(server, client.offer))
