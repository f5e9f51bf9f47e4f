"""How relays are chosen for our mailboxes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.node.descriptors import make_relays
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import UnavailableError
from zentalk.ids import MailboxId, NodeId, SendId
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.mailboxes.collector import CollectorFactory
from zentalk.node.mailboxes.manager import MailboxManager
from zentalk.node.mailboxes.prices import Prices
from zentalk.node.mailboxes.selection import MAILBOXES, MAX_REPLACED, MailboxSelection, _chosen
from zentalk.node.relays.access import REFUSED_SECONDS, RelayAccess
from zentalk.node.relays.scores import RelayScores
from zentalk.store.history import mailboxes
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import OwnMailbox, OwnSendId
from zentalk.store.sqlite import Transaction
from zentalk.wire.descriptor import Descriptor
from zentalk.wire.rpc_send_ids import SendIdKind
from zentalk.wire.text import AccessToken

RELAYS = {item.node_id: item for item in make_relays(6)}
NODE_IDS = tuple(sorted(RELAYS))


class Network:
    """A network double that, as the real one, belongs to the thread of the event loop."""

    def __init__(self, tokens: Sequence[AccessToken] = ()) -> None:
        self.own: list[list[NodeId]] = []
        self.scores = RelayScores()
        self.access = RelayAccess(trio.current_time, tokens)
        self.noted = trio.Event()

    def descriptors(self) -> Mapping[NodeId, Descriptor]:
        trio.lowlevel.current_task()
        return RELAYS

    def lasting_relays(self) -> frozenset[NodeId]:
        return frozenset(self.descriptors())

    def guards(self) -> tuple[NodeId, ...]:
        trio.lowlevel.current_task()
        return NODE_IDS[:3]

    def connected_guards(self) -> tuple[NodeId, ...]:
        return self.guards()

    async def connected(self) -> None:
        await trio.lowlevel.checkpoint()

    async def changed(self) -> None:
        await trio.sleep_forever()

    def own_mailboxes(self, relays: Sequence[NodeId]) -> None:
        self.own.append(list(relays))
        self.noted.set()

    @property
    def tunnels(self) -> Network:
        return self

    async def lasting(self, *_arguments: object) -> Any:
        await trio.lowlevel.checkpoint()
        raise UnavailableError("no tunnel")

    def relay_restarted(self) -> None:
        """Nobody asks."""


class Nothing:
    """Nobody is told anything."""

    needs_send_ids = Signal()

    async def run(self) -> None:
        await trio.sleep_forever()

    def is_announced(self, _mailbox: object) -> bool:
        return False


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[HistoryDatabase]:
    database = HistoryDatabase(tmp_path / "history.db", Runtime.real().run_blocking)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.run)
        yield database
        nursery.cancel_scope.cancel()
    database.close()


async def test_relays_are_drawn_in_the_event_loop_and_taken_in_the_writers_thread(
    database: HistoryDatabase, nursery: trio.Nursery
) -> None:
    """At the turn of an epoch, asking the network builds its view anew and wakes tasks."""
    network: Any = Network()
    nothing: Any = Nothing()
    runtime = Runtime.real()
    selection = MailboxSelection(runtime, network)
    prices = Prices(runtime, network, selection)
    identity = SigningKey(bytes(32))
    collectors = CollectorFactory(runtime, identity, database, nothing, nothing, prices)
    boxes = MailboxManager(runtime, database, network, selection, collectors, nothing)
    nursery.start_soon(boxes.run)
    with trio.fail_after(60):
        await network.noted.wait()
        [first] = network.own
        network.noted = trio.Event()
        await boxes.move(None)
        await network.noted.wait()
    moved = [row.relay for row in boxes._known.values() if row.poll_until is None]
    assert len(first) == len(moved) == MAILBOXES
    assert set(first).isdisjoint(moved)
    assert set(first).isdisjoint(NODE_IDS[:3]), "guards are taken last"
    nursery.cancel_scope.cancel()


def test_none_is_taken_twice_and_those_that_stayed_away_come_last() -> None:
    a, b, c, d = NODE_IDS[:4]
    assert _chosen((a, b, c, d), {a}, {b}) == [c, d]
    assert _chosen((a, b, c), {a}, {b}) == [c, b]
    assert _chosen((a,), {a}, set()) == []


async def test_a_relay_that_refuses_is_left_out_for_an_hour_and_one_of_a_token_comes_first(
    autojump_clock: MockClock,
) -> None:
    guard, friend, closed = NODE_IDS[0], NODE_IDS[4], NODE_IDS[5]
    tokens = [AccessToken(relay, bytes(32)) for relay in (guard, friend)]
    network: Any = Network(tokens)
    selection = MailboxSelection(Runtime.real(), network)
    prices = Prices(Runtime.real(), network, selection)
    prices._known = {relay: (0, Runtime.real().monotonic()) for relay in NODE_IDS[3:4]}
    selection.refused(closed)
    drawn = selection.draw()
    assert drawn[0] == friend
    assert guard in drawn[-3:], "a guard would learn whose mailbox it is"
    assert set(drawn) == set(NODE_IDS) - {closed}
    assert friend in prices.cheapest_first(drawn)[:2], "it asks for nothing either"
    await trio.sleep(REFUSED_SECONDS)
    assert set(selection.draw()) == set(NODE_IDS)


@pytest.mark.parametrize("witnesses", [1, 2])
async def test_none_is_made_at_a_relay_that_looks_dead_unless_most_do(witnesses: int) -> None:
    """Control: one neighbour's word moves nothing."""
    network: Any = Network()
    selection, now = MailboxSelection(Runtime.real(), network), trio.current_time()
    left = set(NODE_IDS)
    for dead in NODE_IDS[:3]:
        left.discard(dead)
        for neighbour in NODE_IDS[4 : 4 + witnesses]:
            network.scores.unreachable(dead, now, by=neighbour)
        assert set(selection.draw()) == (left if witnesses == 2 else set(NODE_IDS))
    for neighbour in NODE_IDS[4 : 4 + witnesses]:
        network.scores.unreachable(NODE_IDS[3], now, by=neighbour)
    assert set(selection.draw()) == set(NODE_IDS)


async def test_k53_no_more_are_replaced_than_may_be_polled(database: HistoryDatabase) -> None:
    """Only a mailbox at a relay that is gone gives way to one more, and only the oldest."""
    network: Any = Network()
    selection = MailboxSelection(Runtime.real(), network)
    own, live, wall = Runtime.real().entropy, set(NODE_IDS), Runtime.real().wall()

    def add(tx: Transaction, slot: int, relay: NodeId, until: float | None) -> MailboxId:
        mailbox = MailboxId(own(32))
        mailboxes.add(tx, OwnMailbox(mailbox, relay, slot, own(32), 0, 0, until))
        row = OwnSendId(SendId(own(16)), mailbox, SendIdKind.ACK, None, own(32), None)
        mailboxes.add_send_ids(tx, [row])
        return mailbox

    def fill(tx: Transaction) -> tuple[MailboxId, MailboxId]:
        old = [add(tx, 0, NODE_IDS[0], wall + 100 + number) for number in range(MAX_REPLACED)]
        return old[3], add(tx, 0, NODE_IDS[1], None)

    dead, now = await database.write(fill)
    rows = await database.write(partial(selection.replace, now, live))
    assert [row.mailbox for row in rows if row.poll_until is None] == [now]
    assert len(rows) == MAX_REPLACED + 1

    def dies(tx: Transaction) -> None:
        tx.execute("UPDATE own_mailboxes SET relay = ? WHERE mailbox = ?", (NODE_IDS[5], dead))

    await database.write(dies)
    rows = await database.write(partial(selection.replace, now, live - {NODE_IDS[5]}))
    assert [row for row in rows if row.poll_until is None] == []
    assert len(rows) == MAX_REPLACED
    assert dead not in {row.mailbox for row in rows}


async def test_k53_a_mailbox_that_nobody_can_have_heard_of_is_not_polled(
    database: HistoryDatabase,
) -> None:
    network: Any = Network()
    selection = MailboxSelection(Runtime.real(), network)
    [first, second] = await database.write(partial(selection.complete, NODE_IDS))
    rows = await database.write(partial(selection.replace, first.mailbox, set(NODE_IDS)))
    assert [row.mailbox for row in rows] == [second.mailbox]
