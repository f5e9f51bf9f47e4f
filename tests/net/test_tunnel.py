"""Tunnels through one and two relays: the same core at each depth, constant units outside."""

import pytest
import trio
from trio.testing import MockClock

from tests.net.support import NETWORK, Relay, World
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import LinkClosedError, LocalProtocolError, RefusedError, TransportError
from zentalk.link.geometry import UNIT_SMALL_BYTES, cell_bytes
from zentalk.link.streams import WINDOW_BYTES
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.runtime import seeded_entropy
from zentalk.net.tunnel import open_tunnel
from zentalk.wire.text import RelayUri


async def tunnel(world: World, base: Connection, relays: list[Relay]) -> Connection:
    return await open_tunnel(
        base,
        [relay.uri for relay in relays],
        network=NETWORK,
        handlers=NoHandlers(),
        runtime=world.runtime,
        nursery=world.nursery,
    )


@pytest.mark.parametrize("hops", [1, 2, 3])
async def test_questions_go_through(autojump_clock: MockClock, world: World, hops: int) -> None:
    guard, *others = await world.add(4)
    base = await world.client(guard)
    inner = await tunnel(world, base, others[:hops])
    assert inner.depth == hops
    assert inner.peer.node_id == others[hops - 1].node_id
    for size in (5, 3_000, 200_000):
        body = b"q" * size
        assert await inner.request(body) == f"relay-{hops}: ".encode() + body
    end = others[hops - 1].accepted[-1]
    assert end.peer.is_client
    assert end.handshake_hash == inner.handshake_hash
    assert end.depth == hops


@pytest.mark.parametrize("hops", [1, 2, 3])
async def test_k3_the_wire_of_the_client_shows_one_size(
    autojump_clock: MockClock, world: World, hops: int
) -> None:
    """Opening a tunnel, asking through it, packets and calls outside: all the same units."""
    guard, *others = await world.add(4)
    wire: list[int] = []

    def record(source: str, target: str, data: bytes) -> None:
        if "client" in (source, target):
            wire.append(len(data))

    world.memory.on_wire = record
    base = await world.client(guard)
    inner = await tunnel(world, base, others[:hops])
    await inner.request(bytes(20_000))
    base.send_packet(bytes(2_560))
    await base.request(b"outside")
    inner.close()
    await trio.sleep(1)
    assert {size % UNIT_SMALL_BYTES for size in wire} == {0}
    assert base.unit_sizes == guard.accepted[0].unit_sizes == {UNIT_SMALL_BYTES}
    assert inner.unit_sizes == {cell_bytes(hops)}


@pytest.mark.parametrize("hops", [1, 2])
async def test_k3_each_cell_takes_exactly_one_unit_outside(
    autojump_clock: MockClock, world: World, hops: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question of 4 cells costs the client's link 4 units there and 4 back (and rare credit)."""
    monkeypatch.setattr("zentalk.link.streams.GRANT_BYTES", WINDOW_BYTES - 1)
    guard, *others = await world.add(3)
    base = await world.client(guard)
    inner = await tunnel(world, base, others[:hops])
    await trio.sleep(1)
    sent = {"client": 0, "relay-0": 0}

    def record(source: str, target: str, data: bytes) -> None:
        if {source, target} == {"client", "relay-0"}:
            sent[source] += len(data) // UNIT_SMALL_BYTES

    world.memory.on_wire = record
    await inner.request(bytes(6_000))
    await trio.sleep(1)
    assert sent == {"client": 4, "relay-0": 4}


async def test_the_links_in_between_close_with_the_end_and_the_first_stays(
    autojump_clock: MockClock, world: World
) -> None:
    guard, middle, end = await world.add(3)
    base = await world.client(guard)
    inner = await tunnel(world, base, [middle, end])
    inner.notify(b"last words")
    inner.close()
    await trio.sleep(0.5)
    assert end.notes == [b"last words"]
    await middle.accepted[-1].closed.wait()
    await end.accepted[-1].closed.wait()
    await trio.sleep(2)
    assert base.open_streams == 0
    assert guard.accepted[0].open_streams == 0
    assert await base.request(b"still here") == b"relay-0: still here"
    # The relays keep the links between them: only the tunnel's streams are gone.
    assert guard.links[middle.node_id].open_streams == 0
    assert not guard.links[middle.node_id].closed.is_set()


@pytest.mark.parametrize("dead", [0, 1, 2])
async def test_a_relay_that_dies_ends_the_tunnel(
    autojump_clock: MockClock, world: World, dead: int
) -> None:
    relays = await world.add(3)
    base = await world.client(relays[0])
    inner = await tunnel(world, base, relays[1:])
    before = trio.current_time()
    world.memory.kill(f"relay-{dead}")
    await inner.closed.wait()
    with pytest.raises(LinkClosedError):
        await inner.request(b"")
    await trio.sleep(1)
    assert trio.current_time() < before + 5
    assert base.closed.is_set() == (dead == 0)


async def test_an_idle_tunnel_is_kept_alive_and_a_cut_one_dies(
    autojump_clock: MockClock, world: World
) -> None:
    guard, end = await world.add(2)
    base = await world.client(guard)
    inner = await tunnel(world, base, [end])
    await trio.sleep(1_000)
    assert not inner.closed.is_set()
    before = trio.current_time()
    world.memory.cut("relay-0", "relay-1")
    await inner.closed.wait()
    assert trio.current_time() <= before + 76
    assert not base.closed.is_set()


async def test_k40_a_relay_carries_streams_only_to_relays_it_knows(
    autojump_clock: MockClock, world: World
) -> None:
    (guard,) = await world.add(1)
    base = await world.client(guard)
    stranger = SigningKey.generate(seeded_entropy(b"stranger"))
    dialled: list[str] = []
    world.memory.on_wire = lambda _source, target, _data: dialled.append(target)
    with pytest.raises(RefusedError) as caught:
        await open_tunnel(
            base,
            [RelayUri(stranger.public, "relay-0", 80)],
            network=NETWORK,
            handlers=NoHandlers(),
            runtime=world.runtime,
            nursery=world.nursery,
        )
    assert caught.value.reason == "unknown"
    assert set(dialled) <= {"client", "relay-0"}


async def test_a_guard_that_connects_elsewhere_is_noticed(
    autojump_clock: MockClock, world: World
) -> None:
    """The client asked for one relay and is led to another: the inner handshake fails."""
    guard, wanted, other = await world.add(3)
    guard.known[wanted.node_id] = other.uri
    guard.links[wanted.node_id] = await guard.link_to(other.node_id)
    base = await world.client(guard)
    with pytest.raises(TransportError):
        await tunnel(world, base, [wanted])
    assert other.accepted[1:] == []
    await trio.sleep(1)
    assert base.open_streams == 0


async def test_a_second_hop_that_fails_closes_the_first(
    autojump_clock: MockClock, world: World
) -> None:
    guard, middle, end = await world.add(3)
    middle.known.clear()
    base = await world.client(guard)
    with pytest.raises(RefusedError):
        await tunnel(world, base, [middle, end])
    await trio.sleep(2)
    assert base.open_streams == 0


async def test_a_tunnel_needs_a_hop(autojump_clock: MockClock, world: World) -> None:
    (guard,) = await world.add(1)
    base = await world.client(guard)
    with pytest.raises(LocalProtocolError):
        await tunnel(world, base, [])


async def test_many_tunnels_share_one_link_between_relays(
    autojump_clock: MockClock, world: World
) -> None:
    guard, middle, end = await world.add(3)
    answers: list[bytes] = []

    async def ask(number: int) -> None:
        base = await world.client(guard, host=f"client-{number}")
        inner = await tunnel(world, base, [middle, end])
        answers.append(await inner.request(b"%d" % number + bytes(30_000)))

    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(ask, number)
    assert len(answers) == 10
    assert len(guard.links) == len(middle.links) == 1
    assert guard.links[middle.node_id].open_streams == 10
