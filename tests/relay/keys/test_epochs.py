"""Keys of real relays over the hours: when packets are taken, and what is released."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.relay.harness import Running, World, world
from zentalk.ids import EPOCH_SECONDS, Epoch, epoch_at
from zentalk.net.connection import Connection
from zentalk.onion.packet import DROP, Hop
from zentalk.onion.replay import ReplayFilter

MARGIN = 6.0
"""A relay looks at the clock every 5 seconds."""


class Sender:
    """A client that keeps every mix key it ever saw, and writes for any of them."""

    def __init__(self, net: World, relay: Running, connection: Connection) -> None:
        self.net, self.relay, self.connection = net, relay, connection
        self.keys: dict[Epoch, bytes] = {}

    async def outcome(self, ahead: int) -> str:
        """Send a packet for this epoch or another; return what became of it, and of its copy."""
        now = epoch_at(self.net.runtime.wall())
        for epoch in (now, Epoch(now + 1)):
            if key := self.relay.descriptor.mix_key(0, epoch):
                self.keys.setdefault(epoch, key)
        wanted = Epoch(now + ahead)
        hop = Hop(self.relay.node_id, self.keys[wanted], wanted, 0, 0)
        packet = self.net.packet([hop], DROP, b"")
        before = self.relay.relay.stats()
        self.connection.send_packet(packet)
        self.connection.send_packet(packet)
        await trio.sleep(0.01)
        after = self.relay.relay.stats()
        replays = after.refused.get("replay", 0) - before.refused.get("replay", 0)
        if after.cover - before.cover == 1 and replays == 1:
            return "once"
        assert after.cover == before.cover
        return "never"


def filters(relay: Running) -> list[weakref.ref[ReplayFilter]]:
    """The replay filters of a relay, not kept alive."""
    [peeler] = relay.router._peelers
    return [weakref.ref(slot.seen) for slot in peeler._keys._slots.values()]


async def until(net: World, wall: float) -> None:
    await trio.sleep(wall - net.runtime.wall())


@pytest.mark.slow
async def test_k1_packets_of_neighbouring_epochs_pass_once_over_hours_of_rotation(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        relay, _ = await net.start_all("r1", "r2")
        sender = Sender(net, relay, await net.client("alice", "r1"))
        assert await sender.outcome(0) == "once"
        for hour in range(1, 6):
            start = (epoch_at(net.runtime.wall()) + 1) * float(EPOCH_SECONDS)
            await until(net, start + MARGIN)
            assert [await sender.outcome(-1), await sender.outcome(0)] == ["once", "once"]
            if hour > 1:
                assert await sender.outcome(-2) == "never"
            await until(net, start + 3299)
            assert relay.descriptor.epoch == epoch_at(start)
            assert await sender.outcome(1) == "never"
            await until(net, start + 3300)
            assert await sender.outcome(1) == "once"
            await until(net, start + 3599)  # the previous one's whole next epoch
            assert [await sender.outcome(n) for n in (-1, 0, 1)] == ["once"] * 3


@pytest.mark.slow
async def test_k1_the_filter_of_an_epoch_is_released_while_the_relay_runs(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        relay, _ = await net.start_all("r1", "r2")
        sender = Sender(net, relay, await net.client("alice", "r1"))
        seen: list[weakref.ref[ReplayFilter]] = []
        gc.collect()
        gc.disable()  # nothing may need the collector to be released
        try:
            for _ in range(4):
                await sender.outcome(0)
                seen += [ref for ref in filters(relay) if ref not in seen]
                start = (epoch_at(net.runtime.wall()) + 1) * float(EPOCH_SECONDS)
                await until(net, start + MARGIN)
                alive = {id(ref()) for ref in seen if ref() is not None}
                assert alive <= {id(ref()) for ref in filters(relay)}
                assert len(filters(relay)) == 3
        finally:
            gc.enable()
        assert len(seen) == 5  # one more than there were hours
        assert sum(ref() is None for ref in seen) == 3
