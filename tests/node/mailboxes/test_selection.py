"""How relays are chosen for our mailboxes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.node.descriptors import make_relays
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import UnavailableError
from zentalk.ids import NodeId
from zentalk.net.runtime import Runtime
from zentalk.node.mailboxes.manager import MAILBOXES, MailboxManager, _chosen
from zentalk.store.history.database import HistoryDatabase
from zentalk.wire.descriptor import Descriptor

RELAYS = {item.node_id: item for item in make_relays(6)}
NODE_IDS = tuple(sorted(RELAYS))


class Network:
    """A network double that, as the real one, belongs to the thread of the event loop."""

    def __init__(self) -> None:
        self.own: list[list[NodeId]] = []
        self.changed = trio.Event()

    def descriptors(self) -> Mapping[NodeId, Descriptor]:
        trio.lowlevel.current_task()
        return RELAYS

    def guards(self) -> tuple[NodeId, ...]:
        trio.lowlevel.current_task()
        return NODE_IDS[:3]

    def connected_guards(self) -> tuple[NodeId, ...]:
        return self.guards()

    async def connected(self) -> None:
        await trio.lowlevel.checkpoint()

    def own_mailboxes(self, relays: Sequence[NodeId]) -> None:
        self.own.append(list(relays))
        self.changed.set()

    async def open_tunnel(self, *_arguments: object) -> Any:
        await trio.lowlevel.checkpoint()
        raise UnavailableError("no tunnel")

    def relay_restarted(self) -> None:
        """Nobody asks."""


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
    nothing: Any = None
    boxes = MailboxManager(
        Runtime.real(), SigningKey(bytes(32)), database, network, nothing, nothing, lambda: None
    )
    nursery.start_soon(boxes.run)
    with trio.fail_after(60):
        await network.changed.wait()
        [first] = network.own
        network.changed = trio.Event()
        await boxes.move(None)
        await network.changed.wait()
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
