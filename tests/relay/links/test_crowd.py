"""K43: strangers who take all streams and connections of a relay, as programs, and who gets in."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.relay.harness import Owner, Running, World, snapshot, world
from tests.strangers.crowd import claims, flood, relay_link, streams_to_the_relay
from tests.strangers.handshakes import recorded, replayed
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import LINK_FAULTS, RefusedError
from zentalk.ids import SendId
from zentalk.relay.forwarding.tunnels import TunnelService
from zentalk.relay.links.handshakes import HandshakeTurns
from zentalk.relay.links.stream_holders import Principal
from zentalk.relay.links.stream_shares import StreamShares

CONTACT = SendId(b"c" * 16)
MEMORY = 16 * 2**20
"""The least that settings allow: half of it is a budget of 256 connections or streams."""


async def relays(net: World) -> tuple[Running, Running, Running]:
    r1, r2, r3 = await net.start_all("r1", "r2", "r3", memory_bytes=MEMORY)
    return r1, r2, r3


async def collects(net: World, name: str, guard: str, end: str) -> bool:
    """Connect, collect over a tunnel and get a message, as an honest node would."""
    owner = Owner(SigningKey(name.encode().ljust(32, b"k")))
    try:
        link = await net.client(name, guard)
        tunnel = await net.tunnel(link, [end], owner)
        await owner.open(tunnel, net.relays[end])
        send_id = SendId(name.encode().ljust(16, b"i"))
        await owner.register(tunnel, send_id)
        link.send_packet(net.deposit(net.hops(guard, "r3", end), send_id, b"hello"))
        await trio.sleep(3)
    except (*LINK_FAULTS, RefusedError):
        return False
    return owner.pushed == [b"hello"]


async def test_k43_clients_that_take_every_stream_keep_nobody_out(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Six addresses, as many links as they may have, eight streams each; then honest people."""
    async with world(tmp_path, network_id="main") as net:
        r1, r2, _ = await relays(net)
        before = await collects(net, "203.0.113.250", "r1", "r2")
        taken = await flood(net.ground, "r1", r2.node_id, hosts=6, links=8)
        assert taken > 128, "the attack filled what there is for streams"
        assert before
        for number in range(3):
            assert await collects(net, f"203.0.113.{number}", "r1", "r2")
        assert 120 < r1.relay.stats().streams <= 128, "while the attack goes on"
        assert len(await snapshot(await net.client("198.51.100.7", "r1"))) == 3


@pytest.mark.slow
async def test_k43_control_without_shares_the_same_clients_keep_everybody_out(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StreamShares, "_evict", lambda *_: False)
    async with world(tmp_path, network_id="main") as net:
        _, r2, _ = await relays(net)
        await flood(net.ground, "r1", r2.node_id, hosts=6, links=8)
        assert not await collects(net, "203.0.113.1", "r1", "r2")


async def test_k43_who_says_to_be_a_relay_gets_one_share_wherever_it_opens_streams(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """A network that asks for no work believes the hello; the address still has one share."""
    async with world(tmp_path, network_id="main") as net:
        await relays(net)
        await claims(net.ground, "r1", relays=40)
        for number in range(3):
            assert await collects(net, f"203.0.113.{number}", "r1", "r2")


async def test_k43_control_if_each_identity_had_a_share_they_would_take_everything(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        TunnelService,
        "_principal",
        lambda _self, link: Principal(
            link.peer.node_id or link.origin, link.peer.node_id is not None
        ),
    )
    async with world(tmp_path, network_id="main") as net:
        await relays(net)
        await claims(net.ground, "r1", relays=40)
        assert not await collects(net, "203.0.113.1", "r1", "r2")


async def test_k43_a_relay_that_the_directory_refuses_has_no_link(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """An identity without work, in a network that asks for it; the control is a client."""
    async with world(tmp_path, network_id="main") as net:
        r1, _, _ = await relays(net)
        assert r1.relay._wiring is not None
        r1.relay._wiring.directory.descriptors._difficulty = 30
        liar = await relay_link(net.ground, "192.0.2.1", "r1", 1)
        await trio.sleep(2)
        assert liar.closed.is_set()
        assert r1.relay.stats().refused["relay"] == 1
        client = await net.client("192.0.2.1", "r1")
        await trio.sleep(2)
        assert not client.closed.is_set()


async def test_k43_control_if_its_link_stayed_it_would_open_streams(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path, network_id="main") as net:
        await relays(net)
        liar = await relay_link(net.ground, "192.0.2.1", "r1", 1)
        assert await streams_to_the_relay(liar, 200) > 64


async def test_k43_a_full_neighbour_is_given_what_honest_clients_ask_for(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next relay cannot tell clients apart: the guard ends a stream of the greediest there."""
    async with world(tmp_path, network_id="main") as net:
        r1, r2, _ = await relays(net)
        assert r2.relay._wiring is not None
        shares = r2.relay._wiring.capacity.streams
        monkeypatch.setattr(StreamShares, "_room", lambda self: 32 if self is shares else 128)
        await flood(net.ground, "r1", r2.node_id, hosts=2, links=3)
        assert shares.count == 32
        assert await collects(net, "203.0.113.1", "r1", "r2")
        assert r1.relay.stats().streams <= 128


async def test_k43_control_without_the_guards_part_the_full_neighbour_stays_full(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StreamShares, "make_room_onward", lambda *_: False)
    async with world(tmp_path, network_id="main") as net:
        _, r2, _ = await relays(net)
        assert r2.relay._wiring is not None
        shares = r2.relay._wiring.capacity.streams
        monkeypatch.setattr(StreamShares, "_room", lambda self: 32 if self is shares else 128)
        await flood(net.ground, "r1", r2.node_id, hosts=2, links=3)
        assert not await collects(net, "203.0.113.1", "r1", "r2")


async def test_k54_a_handshake_sent_again_costs_no_more_than_its_source_may(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path, network_id="main") as net:
        r1 = await net.start("r1")
        first = await recorded(net.ground, "203.0.113.9", "r1")
        assert await replayed(net.ground, "r1", first, 60) <= 16 + 60 * 0.05 * 2 + 1
        assert r1.relay.stats().refused["handshake-rate"] > 0
        await net.client("203.0.113.8", "r1")


async def test_k54_control_without_the_rate_every_copy_is_answered(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HandshakeTurns, "wait_seconds", lambda *_: 0.0)
    async with world(tmp_path, network_id="main") as net:
        await net.start("r1")
        assert (
            await replayed(net.ground, "r1", await recorded(net.ground, "203.0.113.9", "r1"), 60)
            == 60
        )
