"""How a node gets a new mailbox: from relays that ask for work, for more and more, or for ever."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import RefusedError, UnavailableError
from zentalk.ids import MailboxId, NodeId, day_at
from zentalk.mailbox.work import mailbox_worth
from zentalk.net.runtime import Runtime
from zentalk.node.mailboxes.prices import ASKED_SIDE_BY_SIDE, Prices
from zentalk.node.mailboxes.registration import MOST_TRIES, Registration
from zentalk.node.mailboxes.registration_work import RegistrationWork
from zentalk.node.relays.access import RelayAccess
from zentalk.store.history import mailboxes
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import OwnMailbox
from zentalk.wire import rpc_mailbox as rpc
from zentalk.wire.rpc import decode_call, encode_refusal

RELAYS = tuple(NodeId(bytes([number]) * 32) for number in range(8))
SEED = bytes(32)
BOX = OwnMailbox(MailboxId(SigningKey(SEED).public), RELAYS[0], 0, SEED, 0, 0, None)


class Connection:
    """A relay at the other end; `enough` says whether work of so many bits gets the mailbox."""

    handshake_hash = bytes(32)

    def __init__(self, price: int, enough: Callable[[int], bool]) -> None:
        self.price = price
        self.enough = enough
        self.shown: list[int] = []
        self.relay = RELAYS[0]

    async def request(self, body: bytes, _timeout_seconds: float = 10) -> bytes:
        await trio.lowlevel.checkpoint()
        method, fields = decode_call(body)
        if method == rpc.PRICE:
            return rpc.encode_price_response(self.price)
        opened = rpc.decode_open_request(fields)
        today = day_at(Runtime.real().wall())
        bits = mailbox_worth(self.relay, opened.mailbox, opened.stamp, today)
        self.shown.append(bits)
        return rpc.encode_open_response() if self.enough(bits) else encode_refusal("work")


class Network:
    """Relays by price, each at the end of a short tunnel; None cannot be reached."""

    def __init__(self, **prices: int | None) -> None:
        self.prices = {RELAYS[int(name[1:])]: price for name, price in prices.items()}
        self.asked: list[NodeId] = []
        self.own_mailboxes: frozenset[NodeId] = frozenset()
        self.access = RelayAccess(trio.current_time)

    @property
    def tunnels(self) -> Network:
        return self

    @property
    def packets(self) -> Network:
        return self

    def draw(self) -> list[NodeId]:
        return sorted(self.prices)

    @asynccontextmanager
    async def short(self, relay: NodeId) -> AsyncIterator[Connection]:
        await trio.lowlevel.checkpoint()
        self.asked.append(relay)
        price = self.prices[relay]
        if price is None:
            raise UnavailableError("no tunnel")
        yield Connection(price, lambda _bits: False)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[HistoryDatabase]:
    database = HistoryDatabase(tmp_path / "history.db", Runtime.real().run_blocking)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.run)
        await database.write(lambda tx: mailboxes.add(tx, BOX))
        yield database
        nursery.cancel_scope.cancel()
    database.close()


def registration(
    database: HistoryDatabase, network: Network, box: OwnMailbox = BOX
) -> tuple[Registration, RegistrationWork, Prices]:
    runtime = Runtime.real()
    anything: Any = network
    work, prices = RegistrationWork(runtime), Prices(runtime, anything, anything)
    return Registration(runtime, database, box, work, prices), work, prices


async def opened(made: Registration, connection: Connection) -> None:
    anything: Any = connection
    with trio.fail_after(60):
        await made.open(anything, 8)


async def test_k45_work_is_done_only_when_it_is_asked_for_and_then_enough(
    database: HistoryDatabase,
) -> None:
    made, work, _ = registration(database, Network(r0=8))
    free = Connection(0, lambda _bits: True)
    await opened(made, free)
    assert free.shown == [0]
    assert not made.asked_for_work
    dear = Connection(9, lambda bits: bits >= 9)
    await opened(made, dear)
    assert dear.shown[0] == 0
    assert dear.shown[1] >= 9
    assert made.asked_for_work
    assert not work.has_begun(BOX.mailbox), "there is nothing to keep any more"


async def test_k45_what_was_refused_is_shown_again_and_better(database: HistoryDatabase) -> None:
    made, _, _ = registration(database, Network(r0=8))
    connection = Connection(4, lambda bits: bits >= 10)
    connection.enough = lambda bits: _raise_price(connection, bits)
    await opened(made, connection)
    assert connection.shown == sorted(connection.shown)
    assert connection.shown[-1] >= 10


def _raise_price(connection: Connection, bits: int) -> bool:
    connection.price = bits + 1
    return bits >= 10


async def test_k45_a_relay_that_never_takes_what_it_asked_for_is_left_alone(
    database: HistoryDatabase,
) -> None:
    made, work, _ = registration(database, Network(r0=0))
    connection = Connection(0, lambda _bits: False)
    with pytest.raises(UnavailableError):
        await opened(made, connection)
    assert len(connection.shown) == MOST_TRIES
    assert work.has_begun(BOX.mailbox), "so the patience with it has an end"


async def test_k45_no_work_is_done_for_a_mailbox_that_was_replaced(
    database: HistoryDatabase,
) -> None:
    left = replace(BOX, poll_until=2e9)
    made, work, _ = registration(database, Network(r0=8), left)
    with pytest.raises(RefusedError):
        await opened(made, Connection(8, lambda bits: bits >= 8))
    assert not work.has_begun(BOX.mailbox)


async def test_k45_three_others_are_asked_side_by_side_and_the_cheapest_comes_first(
    database: HistoryDatabase,
) -> None:
    network = Network(r0=20, r1=18, r2=None, r3=9, r4=0, r5=0)
    made, work, prices = registration(database, network)
    with pytest.raises(UnavailableError):
        await opened(made, Connection(20, lambda _bits: False))
    assert made.is_dear
    assert not work.has_begun(BOX.mailbox), "no work is lost by going elsewhere"
    assert sorted(network.asked) == list(RELAYS[1:ASKED_SIDE_BY_SIDE])
    first = prices.cheapest_first(network.draw())
    assert first[:3] == [RELAYS[3], RELAYS[1], RELAYS[0]]
    assert not await prices.is_cheaper_elsewhere(RELAYS[3], 8)
    assert len(network.asked) == ASKED_SIDE_BY_SIDE - 1, "prices are known for a while"


async def test_k45_whoever_has_worked_somewhere_or_is_known_there_stays(
    database: HistoryDatabase,
) -> None:
    network = Network(r0=8, r1=0)
    made, work, _ = registration(database, network)
    await work.reach(BOX, 4)
    await opened(made, Connection(8, lambda bits: bits >= 8))
    await database.write(lambda tx: mailboxes.mark_announced(tx, BOX.mailbox))
    again, _, _ = registration(database, network)
    await opened(again, Connection(8, lambda bits: bits >= 8))
    assert network.asked == []


async def test_as_drawn_where_no_price_is_known(database: HistoryDatabase) -> None:
    _, _, prices = registration(database, Network(r0=8))
    drawn = [RELAYS[3], RELAYS[1], RELAYS[2]]
    assert prices.cheapest_first(drawn) == drawn
    assert not await prices.is_cheaper_elsewhere(RELAYS[0], 1)


async def test_a_relay_that_makes_no_mailbox_for_us_is_told_apart_from_one_that_is_full(
    database: HistoryDatabase,
) -> None:
    class Refusing(Connection):
        word = "full"

        async def request(self, body: bytes, _timeout_seconds: float = 10) -> bytes:
            await trio.lowlevel.checkpoint()
            return encode_refusal(self.word)

    made, _, _ = registration(database, Network(r0=0))
    refusing = Refusing(0, lambda _bits: True)
    with pytest.raises(RefusedError):
        await opened(made, refusing)
    assert not made.is_wrong_here, "the control: it may have room later"
    refusing.word = "access"
    with pytest.raises(RefusedError):
        await opened(made, refusing)
    assert made.is_closed
    assert made.is_wrong_here
