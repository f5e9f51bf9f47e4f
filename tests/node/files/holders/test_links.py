"""Links to holders: a few at a time, used again, and the idlest gives way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from zentalk.errors import LinkClosedError, UnavailableError
from zentalk.ids import NodeId
from zentalk.node.files.holders.links import IDLE_SECONDS, HolderLinks


def holder(number: int) -> NodeId:
    return NodeId(bytes([number]) * 32)


class Network:
    """Holders that answer with what they were sent, and what was opened."""

    def __init__(self) -> None:
        self.open: list[NodeId] = []
        self.opened: list[NodeId] = []
        self.dead: set[NodeId] = set()
        self.silent_seconds = 0.0

    @asynccontextmanager
    async def tunnel(self, node_id: NodeId) -> AsyncIterator[Network]:
        await trio.lowlevel.checkpoint()
        if node_id in self.dead:
            raise UnavailableError("dead")
        self.opened.append(node_id)
        self.open.append(node_id)
        try:
            yield self
        finally:
            self.open.remove(node_id)

    async def request(self, body: bytes, _timeout_seconds: float = 10) -> bytes:
        await trio.sleep(self.silent_seconds)
        if body == b"break":
            raise LinkClosedError("broken")
        return body

    def notify(self, body: bytes) -> None:
        raise NotImplementedError


@asynccontextmanager
async def running(network: Network, most: int = 3) -> AsyncIterator[HolderLinks]:
    links = HolderLinks(network.tunnel, most)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(links.run)
        await trio.testing.wait_all_tasks_blocked()
        yield links
        nursery.cancel_scope.cancel()


async def test_a_link_serves_many_requests(autojump_clock: MockClock) -> None:
    network = Network()
    async with running(network) as links:
        for body in (b"a", b"b"):
            assert await links.request(holder(1), body, 10) == body
        async with trio.open_nursery() as nursery:
            for _ in range(9):
                nursery.start_soon(links.request, holder(2), b"c", 10)
        assert network.opened == [holder(1), holder(2)]


async def test_no_more_are_open_than_allowed_and_the_idlest_gives_way(
    autojump_clock: MockClock,
) -> None:
    network = Network()
    network.silent_seconds = 1
    most = 0
    async with running(network) as links:

        async def ask(number: int) -> None:
            nonlocal most
            assert await links.request(holder(number), b"x", 10) == b"x"
            most = max(most, len(network.open))

        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(ask, number)
        assert most == 3
        kept = list(network.open)
        await links.request(kept[0], b"x", 10)
        await links.request(holder(99), b"x", 10)
        assert kept[0] in network.open
        assert len(network.open) == 3


async def test_a_link_that_nobody_uses_is_closed(autojump_clock: MockClock) -> None:
    network = Network()
    async with running(network) as links:
        await links.request(holder(1), b"x", 10)
        await trio.sleep(2 * IDLE_SECONDS)
        assert network.open == []


async def test_a_holder_that_cannot_be_reached_is_tried_anew_the_next_time(
    autojump_clock: MockClock,
) -> None:
    network = Network()
    network.dead.add(holder(1))
    async with running(network) as links:
        with pytest.raises(UnavailableError):
            await links.request(holder(1), b"x", 10)
        network.dead.clear()
        assert await links.request(holder(1), b"x", 10) == b"x"
        with pytest.raises(LinkClosedError):
            await links.request(holder(1), b"break", 10)
        assert await links.request(holder(1), b"y", 10) == b"y"
        assert network.opened == [holder(1), holder(1)]


async def test_without_a_network_it_says_so() -> None:
    with pytest.raises(UnavailableError, match="not running"):
        await HolderLinks(Network().tunnel).request(holder(1), b"x", 10)
