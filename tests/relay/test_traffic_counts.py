"""Bytes in and out, and handshakes that failed."""

from __future__ import annotations

from pathlib import Path

import trio
from trio.testing import MockClock

from tests.relay.harness import snapshot, world
from zentalk.onion.packet import DROP


async def test_bytes_of_links_are_counted_once_in_each_direction(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1, r2, _ = await net.start_all("r1", "r2", "r3")
        client = await net.client("alice", "r1")
        await trio.sleep(1)
        before = [running.relay.stats() for running in (r1, r2)]
        count = 50
        for _ in range(count):
            client.send_packet(net.packet(net.hops("r1", "r2"), DROP, b""))
            await trio.sleep(0.1)
        size = len(net.packet(net.hops("r1", "r2"), DROP, b""))
        came = r1.relay.stats().bytes_in - before[0].bytes_in
        left = r1.relay.stats().bytes_out - before[0].bytes_out
        arrived = r2.relay.stats().bytes_in - before[1].bytes_in
        for counted in (came, left, arrived):
            assert count * size <= counted < count * size * 1.2
        assert r1.relay.status().counters["bytes_in"] > 0


async def test_a_stream_inside_a_link_is_not_counted_again(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1, r2 = await net.start_all("r1", "r2")
        client = await net.client("alice", "r1")
        tunnel = await net.tunnel(client, ["r2"])
        before = r2.relay.stats().bytes_in + r2.relay.stats().bytes_out
        for _ in range(10):
            await snapshot(tunnel)
        after = r2.relay.stats().bytes_in + r2.relay.stats().bytes_out
        client_sees = r1.relay.stats().bytes_in + r1.relay.stats().bytes_out
        assert 0 < after - before < client_sees


async def test_handshakes_that_fail_are_counted(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with world(tmp_path) as net:
        r1 = await net.start("r1")
        await net.client("alice", "r1")
        assert "handshake" not in r1.relay.stats().refused
        for number, first in enumerate((b"", b"GET / HTTP/1.0\r\n\r\n", bytes(2624)), start=1):
            stream = await net.network.host("mallory").dial("r1", 9001)
            if first:
                await stream.send_all(first)
            await stream.aclose()
            await trio.sleep(10)
            assert r1.relay.stats().refused["handshake"] == number
