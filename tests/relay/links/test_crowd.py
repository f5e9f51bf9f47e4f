"""K43: strangers who take all streams and connections of a relay, as programs, and who gets in."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.relay.harness import Owner, Running, World, snapshot, world
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import LINK_FAULTS, RefusedError, TransportError
from zentalk.ids import SendId, epoch_at
from zentalk.link.geometry import cell_bytes
from zentalk.link.hello import RelayCredentials
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.serve import connect
from zentalk.relay.forwarding.tunnels import TunnelService
from zentalk.relay.links.handshakes import HandshakeTurns
from zentalk.relay.links.stream_holders import Principal
from zentalk.relay.links.stream_shares import StreamShares
from zentalk.wire.descriptor import ROLE_FORWARD, DescriptorBody, Lane, sign_descriptor

CONTACT = SendId(b"c" * 16)
MEMORY = 16 * 2**20
"""The least that settings allow: half of it is a budget of 256 connections or streams."""


async def relays(net: World) -> tuple[Running, Running, Running]:
    r1, r2, r3 = await net.start_all("r1", "r2", "r3", memory_bytes=MEMORY)
    return r1, r2, r3


async def relay_link(net: World, host: str, target: str, key: SigningKey) -> Connection:
    """Say hello as a relay that nobody has ever heard of."""
    lane = Lane(9001, b"m" * 32, b"n" * 32)
    epoch = epoch_at(net.runtime.wall())
    body = DescriptorBody(
        net.network_id, key.public, host, (lane,), ROLE_FORWARD, b"", 1, "1", epoch, 1
    )
    uri = net.relays[target].uri
    return await connect(
        await net.network.host(host).dial(uri.host, uri.port),
        network=net.network_id,
        relay_identity=uri.identity,
        hello=RelayCredentials(sign_descriptor(key, body).raw, key),
        handlers=NoHandlers(),
        runtime=net.runtime.for_part(host),
        nursery=net.nursery,
    )


async def streams_to_the_relay(link: Connection, count: int) -> int:
    """Open streams that end at the relay, and say nothing on them; returns how many it took."""
    taken = 0
    for _ in range(count):
        try:
            await link.open_stream(None, cell_bytes(1))
        except (RefusedError, TransportError):
            break
        taken += 1
    return taken


async def flood(net: World, target: str, onward: Running, hosts: int, links: int) -> int:
    """Let ordinary clients open all the streams that their links may have."""
    taken = 0
    for number in range(hosts * links):
        try:
            client = await net.client(f"10.{number % hosts}.0.1", target)
            for _ in range(8):
                await client.open_stream(onward.node_id, cell_bytes(1))
                taken += 1
        except (*LINK_FAULTS, RefusedError):
            continue
    return taken


async def claims(net: World, target: str, relays: int) -> None:
    """Say hello as so many relays from one address, and open streams as each of them."""
    keys = [SigningKey(bytes([number]) * 32) for number in range(relays)]
    liars = [await relay_link(net, "192.0.2.1", target, key) for key in keys]
    for liar in liars:
        await streams_to_the_relay(liar, 8)


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
        taken = await flood(net, "r1", r2, hosts=6, links=8)
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
        await flood(net, "r1", r2, hosts=6, links=8)
        assert not await collects(net, "203.0.113.1", "r1", "r2")


async def test_k43_who_says_to_be_a_relay_gets_one_share_wherever_it_opens_streams(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """A network that asks for no work believes the hello; the address still has one share."""
    async with world(tmp_path, network_id="main") as net:
        await relays(net)
        await claims(net, "r1", relays=40)
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
        await claims(net, "r1", relays=40)
        assert not await collects(net, "203.0.113.1", "r1", "r2")


async def test_k43_a_relay_that_the_directory_refuses_has_no_link(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """An identity without work, in a network that asks for it; the control is a client."""
    async with world(tmp_path, network_id="main") as net:
        r1, _, _ = await relays(net)
        assert r1.relay._wiring is not None
        r1.relay._wiring.directory.descriptors._difficulty = 30
        liar = await relay_link(net, "192.0.2.1", "r1", SigningKey(b"l" * 32))
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
        liar = await relay_link(net, "192.0.2.1", "r1", SigningKey(b"l" * 32))
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
        await flood(net, "r1", r2, hosts=2, links=3)
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
        await flood(net, "r1", r2, hosts=2, links=3)
        assert not await collects(net, "203.0.113.1", "r1", "r2")


async def replayed(net: World, first: bytes, copies: int) -> int:
    """Send a recorded first message again and again; returns how often it was answered."""
    uri = net.relays["r1"].uri
    answered = 0
    async with AsyncExitStack() as open_streams:
        for _ in range(copies):
            stream = await net.network.host("192.0.2.1").dial(uri.host, uri.port)
            open_streams.push_async_callback(stream.aclose)
            await stream.send_all(first)
            with trio.move_on_after(0.05):
                answered += bool(await stream.receive_some(4096))
    return answered


async def recorded(net: World) -> bytes:
    """Record what an honest client sends first."""
    seen: list[bytes] = []
    net.network.on_wire = lambda source, _target, data: (
        seen.append(data) if source == "203.0.113.9" else None
    )
    await net.client("203.0.113.9", "r1")
    net.network.on_wire = None
    return seen[0]


async def test_k54_a_handshake_sent_again_costs_no_more_than_its_source_may(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path, network_id="main") as net:
        r1 = await net.start("r1")
        first = await recorded(net)
        assert await replayed(net, first, 60) <= 16 + 60 * 0.05 * 2 + 1
        assert r1.relay.stats().refused["handshake-rate"] > 0
        await net.client("203.0.113.8", "r1")


async def test_k54_control_without_the_rate_every_copy_is_answered(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HandshakeTurns, "wait_seconds", lambda *_: 0.0)
    async with world(tmp_path, network_id="main") as net:
        await net.start("r1")
        assert await replayed(net, await recorded(net), 60) == 60
