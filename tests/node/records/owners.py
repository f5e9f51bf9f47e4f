"""Owners whose records lie at real holders, and what those holders and readers get to see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import chain
from pathlib import Path

import trio

from tests.directory.support import WALL, descriptor, identity
from tests.relay.directory_net import FakeLink, Net
from zentalk.crypto.blinding import blinded_key
from zentalk.ids import Day, MailboxId, NodeId, SendId, UserAddress, day_at, epoch_at
from zentalk.net.runtime import Runtime
from zentalk.node.records.holders import RecordHolders
from zentalk.node.records.own_records import OwnRecords
from zentalk.node.records.publisher import RecordPublisher
from zentalk.store.history import mailboxes, own_records
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import OwnMailbox, OwnSendId
from zentalk.store.history.own_records import OwnRecord
from zentalk.store.sqlite import Transaction
from zentalk.wire.descriptor import Descriptor
from zentalk.wire.rpc import decode_call
from zentalk.wire.rpc_directory import RECORD_PUT
from zentalk.wire.rpc_send_ids import SendIdKind
from zentalk.wire.user_record import RECORD_BYTES, OuterRecord, decode_record

HOUR = 3600.0
TODAY = day_at(WALL)


class Holders:
    """Some relays that hold everything; `offered` is what each was asked to store, in order."""

    def __init__(self, folder: Path, count: int = 5) -> None:
        self.net = Net(folder)
        self.members = [self.net.add(number) for number in range(count)]
        self.offered: dict[NodeId, list[OuterRecord]] = defaultdict(list)
        self._tell()

    def relays(self) -> dict[NodeId, Descriptor]:
        """Return what a client knows."""
        return {member.node_id: member.own for member in self.members}

    @asynccontextmanager
    async def open(self, node_id: NodeId) -> AsyncIterator[FakeLink]:
        """Open a tunnel to a relay that notes what it is asked."""
        yield _Noting(self.net.client(node_id), self.offered[node_id])

    async def pass_hours(self, hours: float) -> None:
        """Let time pass (of a `MockClock`), in which relays sign a descriptor for each epoch."""
        for _ in range(round(hours)):
            await trio.sleep(HOUR)
            self._tell()

    def lose_all(self) -> None:
        """Let every holder lose what it holds."""
        for member in self.members:
            member.store.drop_records_before(Day(TODAY + 1000))

    def held(self, address: UserAddress, day: Day) -> list[OuterRecord]:
        """Return what each holder has under a person's key of a day."""
        rows = [member.store.record(blinded_key(address, day), day) for member in self.members]
        return [decode_record(row.raw) for row in rows if row is not None]

    def seen(self, address: UserAddress) -> dict[int, list[int]]:
        """Return the sequences, in order, of what holders were offered for each day of a person.

        Who knows the address computes the keys; only other bytes count, not other work.
        """
        found: dict[int, list[OuterRecord]] = defaultdict(list)
        keys = {Day(day): blinded_key(address, Day(day)) for day in range(TODAY - 2, TODAY + 20)}
        for record in chain.from_iterable(self.offered.values()):
            if keys[record.day] == record.blinded_key:
                known = {one.statement for one in found[record.day]}
                found[record.day] += [record] if record.statement not in known else []
        return {day: sorted(one.sequence for one in found[day]) for day in sorted(found)}

    def offers(self, address: UserAddress, day: int) -> int:
        """Return how often one holder, the most bothered, was offered a person's day."""
        key = blinded_key(address, Day(day))
        return max(
            sum(record.blinded_key == key for record in records)
            for records in self.offered.values()
        )

    def _tell(self) -> None:
        wall = self.net.runtime.wall()
        for member in self.members:
            member.own = descriptor(member.number, boot=member.own.boot, epoch=epoch_at(wall))
        for member in self.members:
            for other in self.members:
                member.service.descriptors.offer(other.own.raw, wall)


class _Noting(FakeLink):
    """A link that notes the records that it carries."""

    def __init__(self, link: FakeLink, offered: list[OuterRecord]) -> None:
        super().__init__(link.net, link.peer, link.near)
        self._offered = offered

    async def request(self, body: bytes, timeout_seconds: float = 10) -> bytes:
        method, fields = decode_call(body)
        if method == RECORD_PUT:
            self._offered.append(decode_record(fields.blob(RECORD_BYTES)))
        return await super().request(body, timeout_seconds)


class Owner:
    """An owner's records over a database; on while `run` runs. Mailboxes are rows only."""

    def __init__(self, holders: Holders, folder: Path, number: int, name: str = "") -> None:
        self.holders = holders
        self.folder = folder / (name or f"owner-{number}")
        self.folder.mkdir()
        self.identity = identity(6_000 + number)
        self.address = UserAddress(self.identity.public)
        self.runtime: Runtime = holders.net.runtime.for_part(f"owner {number} {name}")
        self.lives = 0
        self.database = HistoryDatabase(self.folder / "history.db", self.runtime.run_blocking)
        self.publisher = self._publisher()
        self.working: frozenset[MailboxId] = frozenset()

    def client(self) -> RecordHolders:
        """Return a way to the holders."""
        return RecordHolders(self.runtime, self.holders.open, self.holders.relays)

    def _publisher(self) -> RecordPublisher:
        self.lives += 1
        runtime = self.runtime.for_part(f"life {self.lives}")
        records = OwnRecords(self.identity, runtime.entropy)
        return RecordPublisher(runtime, self.database, self.client(), records)

    async def write_in(self) -> None:
        """Let the database take jobs until cancelled."""
        await self.database.run()

    async def run(self, *, task_status: trio.TaskStatus[trio.CancelScope]) -> None:
        """Start, with both mailboxes collected, and go on until the scope is cancelled."""
        self.publisher = self._publisher()
        with trio.CancelScope() as scope:
            task_status.started(scope)
            self.publisher.changed(self.working)
            await self.publisher.run()

    async def move(self, slot: int) -> MailboxId:
        """Take a new mailbox for a slot, with public send ids of all days; return its id."""
        entropy = self.runtime.entropy
        new = MailboxId(entropy(32))

        def job(tx: Transaction) -> None:
            for row in mailboxes.every(tx):
                if row.slot == slot and row.poll_until is None:
                    mailboxes.replace(tx, row.mailbox, WALL * 2)
            mailboxes.add(
                tx, OwnMailbox(new, NodeId(entropy(32)), slot, entropy(32), 1, WALL, None)
            )
            send_id = partial(OwnSendId, mailbox=new, kind=SendIdKind.PUBLIC, contact=None)
            mailboxes.add_send_ids(
                tx,
                [
                    send_id(send_id=SendId(entropy(16)), secret=entropy(32), day=Day(day))
                    for day in range(TODAY - 1, TODAY + 20)
                ],
            )

        await self.database.write(job)
        return new

    async def settle_in(self) -> None:
        """Take two mailboxes that work."""
        self.working = frozenset([await self.move(0), await self.move(1)])

    async def rows(self) -> list[OwnRecord]:
        """Return the records as the owner has them."""
        return await self.database.read(own_records.every)
