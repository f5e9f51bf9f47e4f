"""K33 as a promise of the whole program: a mailbox relay that would like ratchets to be renewed.

The relay is a real one whose operator has changed it. Over the link on which Bob collects
it withholds his mail, and pushes what it has seen: as it was, damaged, and under other send ids;
twice, out of order, and under whatever numbers it likes. Everybody has default settings.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.test_session_recovery import (
    all_arrive,
    count_starts,
    lose,
    one_time_keys,
    renewals,
)
from tests.e2e.test_state import acquainted
from tests.e2e.world import World
from zentalk.ids import DepositId, SendId
from zentalk.mailbox.commands import Push
from zentalk.mailbox.events import CollectorLost
from zentalk.node.mailboxes import receiver
from zentalk.relay.mailbox.collectors import Collectors
from zentalk.wire.deposit import NO_STAMP
from zentalk.wire.rpc_mailbox import MAX_U64

pytestmark = pytest.mark.e2e

NOBODYS = DepositId(bytes(16))
COPIES = 1_000
AT_A_TIME = 32
AT_ONCE = 100
SAVE_SECONDS = 0.5
"""How long a batch of envelopes takes a slow computer."""


class HostileRelay:
    """One of the relays where Bob collects; before it turns it keeps what it pushes."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self._world = world
        self._collectors: Collectors | None = None
        self._kept: list[tuple[Collectors, Push]] = []
        self._copies: list[Push] = []
        self._chance = random.Random(33)
        self._push = push = Collectors.push

        def keeping(collectors: Collectors, command: Push) -> CollectorLost | None:
            if collectors is self._collectors:
                return None
            self._kept.append((collectors, command))
            return push(collectors, command)

        monkeypatch.setattr(Collectors, "push", keeping)

    def turn(self) -> None:
        """Become hostile; from now on its owners get nothing from there that is new."""
        relays = [self._world.relays[name] for name in self._world.mailbox_relays("bob")]
        own = [relay.wiring.mailboxes._collectors for relay in relays]
        kept = {collectors: [p for c, p in self._kept if c is collectors] for collectors in own}
        self._collectors = max(own, key=lambda collectors: len(kept[collectors]))
        self._copies = kept[self._collectors]
        assert self._copies

    def push(self, kind: Callable[[HostileRelay], tuple[SendId, bytes]], seq: int) -> None:
        """Push something over all links on which somebody collects."""
        assert self._collectors is not None
        send_id, sealed = kind(self)
        for collector in list(self._collectors._links):
            self._push(
                self._collectors, Push(collector, seq, send_id, sealed, 0, NOBODYS, NO_STAMP)
            )

    def as_it_was(self) -> tuple[SendId, bytes]:
        push = self._chance.choice(self._copies)
        return push.send_id, push.sealed

    def damaged(self) -> tuple[SendId, bytes]:
        send_id, sealed = self.as_it_was()
        changed = bytearray(sealed)
        changed[self._chance.randrange(len(changed))] ^= 1 << self._chance.randrange(8)
        return send_id, bytes(changed)

    def misdirected(self) -> tuple[SendId, bytes]:
        return self.as_it_was()[0], self.as_it_was()[1]

    def number(self) -> int:
        """Return a number that was used, a made up one, or one of the ends."""
        return self._chance.choice([0, 1, self._chance.randrange(50), 10_000, MAX_U64])

    async def attack(self, *kinds: Callable[[HostileRelay], tuple[SendId, bytes]]) -> None:
        """Push 1,000 copies, some a second."""
        for number in range(COPIES):
            self.push(kinds[number % len(kinds)], self.number())
            if number % AT_A_TIME == 0:
                await trio.sleep(1)
        await trio.sleep(60)

    async def flood(self) -> None:
        """Push without end, as fast as the owners' links take it."""
        while True:
            for number in range(AT_ONCE):
                self.push(EVERYTHING[number % len(EVERYTHING)], self.number())
            await trio.sleep(0.1)


EVERYTHING = (HostileRelay.as_it_was, HostileRelay.damaged, HostileRelay.misdirected)


async def talk(world: World, monkeypatch: pytest.MonkeyPatch) -> HostileRelay:
    """Let two write to each other while relays keep copies; then one of Bob's turns."""
    hostile = HostileRelay(world, monkeypatch)
    await acquainted(world)
    for number in range(4):
        for sender, reader in (("alice", "bob"), ("bob", "alice")):
            message = await world.send(sender, reader, f"{number}")
            await world.until_state(sender, message, "delivered")
    hostile.turn()
    return hostile


async def slowest(world: World, messages: int) -> float:
    """Write some messages one after the other; return the longest time until one was delivered."""
    times = []
    for number in range(messages):
        began = trio.current_time()
        await world.until_state(
            "alice", await world.send("alice", "bob", f"{began} {number}"), "delivered"
        )
        times.append(trio.current_time() - began)
    return max(times)


async def test_k33_a_relay_that_pushes_copies_resets_nothing_and_a_real_loss_still_heals(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = await talk(world, monkeypatch)
    starts, keys = count_starts(world, "bob", monkeypatch), one_time_keys(world)
    inbox = world.nodes["bob"]._parts.incoming.receiver
    unread = inbox.undecryptable
    await hostile.attack(*EVERYTHING)
    assert inbox.undecryptable - unread > COPIES / 4, "the copies came over the links"
    assert (starts, one_time_keys(world)) == ([], keys)
    assert await renewals(world, "bob", "alice") == await renewals(world, "alice", "bob") == 0
    await all_arrive(world, "alice", "bob", ["after it"])
    await lose(world, "bob", "DELETE FROM ratchets")
    await all_arrive(world, "alice", "bob", ["1", "2", "3"])


async def slowest_beside_a_flood(
    world: World, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> tuple[float, float]:
    """Return how long messages take to a slow computer: at most before, and during the flood."""
    hostile = await talk(world, monkeypatch)
    slow_down(world, monkeypatch)
    await slowest(world, 1)
    before = await slowest(world, 4)
    nursery.start_soon(hostile.flood)
    await trio.sleep(5)
    return before, await slowest(world, 8)


def slow_down(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Bob have a slow disk."""
    inbox = world.nodes["bob"]._parts.incoming.receiver
    save = inbox._save

    async def slowly(batch: Any) -> None:
        await trio.sleep(SAVE_SECONDS)
        await save(batch)

    monkeypatch.setattr(inbox, "_save", slowly)


async def test_k33_a_relay_that_pushes_without_end_delays_little_that_another_brings(
    world: World, autojump_clock: Clock, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, during = await slowest_beside_a_flood(world, nursery, monkeypatch)
    assert during <= before + 2 * SAVE_SECONDS


async def test_k33_control_in_one_queue_for_all_it_would_take_the_place_of_others(
    world: World, autojump_clock: Clock, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "id", lambda _source: 0, raising=False)
    monkeypatch.setattr(receiver, "MAX_WAITING", 1_024)
    before, during = await slowest_beside_a_flood(world, nursery, monkeypatch)
    assert during > before + 10 * SAVE_SECONDS


async def test_k33_control_a_reader_that_forgets_ciphertexts_is_reset_by_the_same_relay(
    world: World, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = await talk(world, monkeypatch)
    starts = count_starts(world, "bob", monkeypatch)
    await world.nodes["bob"]._database.write(lambda tx: tx.execute("DELETE FROM seen"))
    await hostile.attack(HostileRelay.as_it_was)
    await world.until(lambda: starts, 60)
