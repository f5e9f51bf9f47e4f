"""Lookups against the package `kademlia` as it comes: CPU time per question, both ends.

Both sides look the same targets up among the same number of relays, without a network: a
question is a function call that runs the asked relay's own code. Times are CPU times, rounds
alternate, and a row's ratio is the median over rounds.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

from kademlia.crawling import NodeSpiderCrawl
from kademlia.node import Node
from kademlia.protocol import KademliaProtocol
from kademlia.storage import ForgetfulStorage

from benchmarks import directory_size
from zentalk.crypto.ed25519 import SigningKey
from zentalk.directory.identity_work import MAIN_DIFFICULTY, work_bits
from zentalk.directory.lookup import Answered, Ask, FinishLookup, Lookup, Started
from zentalk.directory.records import PUBLISHED_WORK_BITS
from zentalk.directory.table import RelayTable
from zentalk.ids import NodeId
from zentalk.wire.descriptor import node_id_of
from zentalk.wire.user_record import RECORD_BYTES, find_record_work

RELAYS = 200
LOOKUPS = 20
ROUNDS = 15
WIDTH = 20
ALPHA = 3
TARGET_RATIO = 0.6
TRIES = 1000
NONCES = 16

Row = dict[str, Any]


def rows() -> list[Row]:
    """One row: name, median ratio, spread (the middle half) and target."""
    ours, stock = Ours(), Stock()
    one_round(ours, stock, 0)
    gc.collect()
    gc.disable()
    try:
        ratios = sorted(one_round(ours, stock, number) for number in range(1, ROUNDS + 1))
    finally:
        gc.enable()
    low, _, high = statistics.quantiles(ratios, n=4)
    return [
        {
            "name": "directory lookup, CPU per question / stock kademlia",
            "ratio": statistics.median(ratios),
            "spread": [low, high],
            "target": TARGET_RATIO,
            "rounds": ROUNDS,
        },
        *work_rows(),
        *directory_size.rows(),
    ]


def work_rows() -> list[Row]:
    """What proof of work costs on one core of this machine, on average."""
    per_key = seconds_each(lambda: work_bits(node_id_of(SigningKey.generate(os.urandom).public)))
    record = bytes(RECORD_BYTES)
    per_nonce = seconds_each(lambda: find_record_work(record, 200, 0, NONCES)) / NONCES
    return [
        {
            "name": f"an identity of the network `main`, {MAIN_DIFFICULTY} bits",
            "value": per_key * 2**MAIN_DIFFICULTY,
            "unit": "s",
            "target": None,
        },
        {
            "name": f"work in a published user record, {PUBLISHED_WORK_BITS} bits",
            "value": per_nonce * 2**PUBLISHED_WORK_BITS * 1000,
            "unit": "ms",
            "target": None,
        },
    ]


def seconds_each(once: Callable[[], object]) -> float:
    """Return the median CPU time of one call."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(TRIES):
            once()
        times.append((time.process_time() - start) / TRIES)
    return statistics.median(times)


def one_round(ours: Ours, stock: Stock, number: int) -> float:
    """Return our CPU time per question divided by theirs."""
    names = [b"target %d %d" % (number, index) for index in range(LOOKUPS)]
    return per_question(ours, names) / per_question(stock, names)


def per_question(side: Ours | Stock, names: list[bytes]) -> float:
    side.questions = 0
    seconds = cpu_seconds(lambda: side.look_up_all(names))
    return seconds / side.questions


def cpu_seconds(work: Callable[[], None]) -> float:
    start = time.process_time_ns()
    work()
    return (time.process_time_ns() - start) / 1e9


class Ours:
    """Relays with our tables; the lookup core asks them."""

    def __init__(self) -> None:
        self.questions = 0
        self.ids = [NodeId(hashlib.sha256(b"%d" % n).digest()) for n in range(RELAYS)]
        self.tables = {own: RelayTable(own, "local", 0.0) for own in self.ids}
        for table in self.tables.values():
            for other in self.ids:
                table.handshake_completed(other, "127.0.0.1", 9001, 0.0)

    def look_up_all(self, names: list[bytes]) -> None:
        for index, name in enumerate(names):
            self.look_up(self.ids[index % RELAYS], hashlib.sha256(name).digest())

    def look_up(self, own: NodeId, target: bytes) -> tuple[NodeId, ...]:
        table = self.tables[own]
        lookup = Lookup(target, own, width=WIDTH, alpha=ALPHA)
        todo = lookup.handle(Started(table.nearest(target)), 0.0)
        while todo:
            command = todo.pop(0)
            if isinstance(command, FinishLookup):
                return command.nearest
            todo += self.ask(table, lookup, command, target)
        raise AssertionError

    def ask(self, table: RelayTable, lookup: Lookup, ask: Ask, target: bytes) -> list[Any]:
        self.questions += 1
        named = self.tables[ask.node_id].nearest(target, WIDTH)
        table.handshake_completed(ask.node_id, "127.0.0.1", 9001, 0.0)
        return list(lookup.handle(Answered(ask.node_id, named), 0.0))


class StockRelay(KademliaProtocol):  # type: ignore[misc]  # kademlia is untyped
    """The stock protocol with the datagrams replaced by a call of the other end."""

    def __init__(self, node: Node, relays: dict[bytes, StockRelay], count: Callable[[], None]):
        super().__init__(node, ForgetfulStorage(), WIDTH)
        self.relays = relays
        self.count = count

    async def call_find_node(self, node_to_ask: Node, node_to_find: Node) -> Any:
        self.count()
        asked = self.relays[node_to_ask.id]
        sender = (self.source_node.ip, self.source_node.port)
        answer = asked.rpc_find_node(sender, self.source_node.id, node_to_find.id)
        return self.handle_call_response((True, answer), node_to_ask)


class Stock:
    """Relays with stock tables; the stock crawler asks them."""

    def __init__(self) -> None:
        self.questions = 0
        self.relays: dict[bytes, StockRelay] = {}
        for number in range(RELAYS):
            node = Node(hashlib.sha1(b"%d" % number).digest(), "127.0.0.1", 9001 + number)
            self.relays[node.id] = StockRelay(node, self.relays, self.note)
        asyncio.run(self.meet())

    async def meet(self) -> None:
        async def no_ping(_node: Node) -> None:
            await asyncio.sleep(0)

        for relay in self.relays.values():
            relay.call_ping = no_ping
            for other in self.relays.values():
                if other is not relay:
                    relay.router.add_contact(other.source_node)

    def note(self) -> None:
        self.questions += 1

    def look_up_all(self, names: list[bytes]) -> None:
        asyncio.run(self.crawl_all(names))

    async def crawl_all(self, names: list[bytes]) -> None:
        starts = list(self.relays.values())
        for index, name in enumerate(names):
            relay = starts[index % RELAYS]
            target = Node(hashlib.sha1(name).digest())
            near = relay.router.find_neighbors(target)
            await NodeSpiderCrawl(relay, target, near, WIDTH, ALPHA).find()
