"""K12, K49, K51: whoever fills the public send ids of people, with junk or with first messages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import trio

from tests.node.persons import Person
from zentalk.ids import Day, DepositId, UserAddress, day_at
from zentalk.node.messages.commands import Draft
from zentalk.node.messages.routes import DepositTarget, record_targets
from zentalk.node.node import Node
from zentalk.onion.packet import DEPOSIT
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.sqlite import open_database
from zentalk.wire.deposit import ACK_BYTES, Deposit, encode_deposit
from zentalk.wire.prekeys import PrekeyBundle
from zentalk.wire.ratchet import INNER_SMALL_BYTES
from zentalk.wire.user_record import RecordContents


class Flooder:
    """A program that deposits over a node's own paths, and never works for it."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._entropy = node._runtime.entropy
        self.sent = 0

    async def junk(self, targets: Sequence[DepositTarget], number: int) -> None:
        """Send so much junk, to these in turn."""
        for turn in range(number):
            self.deposit(targets[turn % len(targets)], self._entropy(INNER_SMALL_BYTES + 48))
            if turn % 20 == 19:
                await trio.sleep(0.05)

    def deposit(self, target: DepositTarget, sealed: bytes) -> None:
        """Send one envelope."""
        made = Deposit(target.send_id, DepositId(self._entropy(16)), 86_400, None, sealed)
        payload = encode_deposit(made, filler=self._entropy(ACK_BYTES))
        self._node._network.packets.send(target.relay, DEPOSIT, payload)
        self.sent += 1


async def public_targets(node: Node, of: UserAddress) -> tuple[DepositTarget, ...]:
    """Where a stranger who knows an address may deposit today."""
    return record_targets(await node._parts.delivery.records.find(of))


class Throwaways:
    """People who are made up, each for one first message that asks to be a contact."""

    def __init__(self, flooder: Flooder, node: Node, folder: Path) -> None:
        self._flooder = flooder
        self._node = node
        self._folder = folder
        self._names = count()
        self._found: dict[UserAddress, tuple[Day, RecordContents, PrekeyBundle]] = {}
        """What was looked up of each victim: good for its day, so it is not looked up again."""
        self._empty = folder / "throwaway.db"
        """A database without anybody: to make one takes longer than to write a message."""
        self.asked = 0

    async def targets(self, victim: UserAddress) -> tuple[DepositTarget, ...]:
        """Where strangers may deposit for a victim today."""
        contents, _ = await self._look_up(victim)
        return record_targets(contents)

    async def ask(self, victim: UserAddress, number: int) -> None:
        """Let so many ask one victim, at each of its mailboxes."""
        contents, bundle = await self._look_up(victim)
        for _ in range(number):
            for inner in self._write(victim, bundle):
                for target in record_targets(contents):
                    self._flooder.deposit(target, target.seal(inner, self._node._runtime.entropy))
            self.asked += 1

    async def _look_up(self, victim: UserAddress) -> tuple[RecordContents, PrekeyBundle]:
        today = day_at(self._node._runtime.wall())
        if victim not in self._found or self._found[victim][0] != today:
            records = self._node._parts.delivery.records
            contents = await records.find(victim)
            # Without its one-time key: each of them could be used once only.
            bundle = replace(await records.bundle(victim, contents), one_time=None)
            self._found[victim] = today, contents, bundle
        _, contents, bundle = self._found[victim]
        return contents, bundle

    def _write(self, victim: UserAddress, bundle: PrekeyBundle) -> Iterator[bytes]:
        now = self._node._runtime.wall()
        if not self._empty.exists():
            open_database(self._empty, MIGRATIONS).close()
        name = f"throwaway {next(self._names)}"
        with ExitStack() as stack:
            place = Path(stack.enter_context(TemporaryDirectory(dir=self._folder)))
            shutil.copy(self._empty, place / f"{name}.db")
            person = stack.enter_context(closing(Person(place, name)))
            person.tx(lambda tx: person.contacts.add(tx, victim, "", now))
            person.tx(lambda tx: person.sessions.start(tx, victim, bundle, now))
            write = partial(person.messages.write, victim, Draft("let me in"), None, now)
            _, effects = person.tx(write)
            for entry in effects.send:
                yield from filter(None, (entry.item.envelope, *entry.extra))
