"""A handler with a bug in it costs the link that met the bug, never the relay."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.relay.harness import Running, World, world
from zentalk.errors import LinkClosedError
from zentalk.relay import connections as connections_module
from zentalk.relay.forwarding import router as router_module
from zentalk.relay.metrics import BUG


def _break(running: Running) -> None:
    """Let every question and packet that this relay is sent meet a bug."""

    async def answer(*_: Any) -> bytes:
        await trio.lowlevel.checkpoint()
        raise KeyError("a bug")

    def take(*_: Any) -> None:
        raise IndexError("a bug")

    assert running.relay._wiring is not None
    for handlers in running.relay._wiring.connections._handlers:
        handlers.request_received = answer  # type: ignore[method-assign]
        handlers.packet_received = take  # type: ignore[method-assign]


async def _ask_and_send(net: World) -> None:
    asking = await net.client("alice", "r1")
    with pytest.raises(LinkClosedError):
        await asking.request(b"a question")
    sending = await net.client("carol", "r1")
    assert sending.send_packet(net.packet(net.hops("r1"), 3, b""))
    await sending.closed.wait()


async def test_a_bug_in_a_handler_costs_the_link_that_met_it(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        running = await net.start("r1")
        kept = await net.client("dora", "r1")
        _break(running)
        await _ask_and_send(net)
        await trio.sleep(1)
        assert running.relay.stats().refused[BUG] == 2
        assert kept.is_open
        assert not running.ended.is_set()


async def test_a_bug_met_by_a_link_that_was_dialled_or_a_tunnel_costs_that_one(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1, r2 = await net.start_all("r1", "r2")
        _break(r2)
        far = await net.tunnel(await net.client("alice", "r1"), ["r2"])
        with pytest.raises(LinkClosedError):
            await far.request(b"a question")
        accepted = r1.relay._wiring.connections.open  # type: ignore[union-attr]
        dialled = [other for other in accepted if other.peer.node_id == r2.node_id]
        assert dialled, "r2 joined by dialling r1"
        for other in dialled:
            assert other.send_packet(net.packet(net.hops("r2"), 3, b""))
            await other.closed.wait()
        await trio.sleep(1)
        assert r2.relay.stats().refused[BUG] == 1 + len(dialled)
        assert not r1.ended.is_set()
        assert not r2.ended.is_set()


async def test_control_without_isolation_a_bug_ends_the_relay(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections_module, "contained", lambda _counters: nullcontext())
    with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012 - the world ends with it
        async with world(tmp_path) as net:
            _break(await net.start("r1"))
            await _ask_and_send(net)
            await trio.sleep(1)
    assert caught.value.split(KeyError)[0] is not None


async def _send_held(net: World, running: Running) -> None:
    """Send a packet that is to be held for a moment, and meets a bug after it."""

    def act(*_: Any) -> None:
        raise KeyError("a bug")

    assert running.relay._wiring is not None
    running.relay._wiring.router._act = act  # type: ignore[method-assign,assignment]
    sending = await net.client("carol", "r1")
    hops = [replace(hop, delay_ms=200) for hop in net.hops("r1")]
    assert sending.send_packet(net.packet(hops, 3, b""))
    await trio.sleep(1)
    assert sending.is_open


async def test_a_bug_with_a_packet_that_was_held_costs_that_packet(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        running = await net.start("r1")
        for _ in range(2):
            await _send_held(net, running)
        assert running.relay.stats().refused[BUG] == 2
        assert not running.ended.is_set()


async def test_control_without_isolation_one_held_packet_ends_the_relay(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(router_module, "contained", lambda *_: nullcontext())
    with pytest.raises(ExceptionGroup) as caught:
        async with world(tmp_path) as net:
            await _send_held(net, await net.start("r1"))
    assert caught.value.split(KeyError)[0] is not None
