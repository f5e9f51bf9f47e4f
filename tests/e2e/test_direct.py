"""Direct connections between contacts, over ways that this test makes and cuts (D2, B14)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import count

import pytest
import trio
from trio.testing import MemoryReceiveStream, MemorySendStream, MockClock, memory_stream_pair

from tests.e2e.world import World
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import NotFoundError, UnavailableError
from zentalk.net.connection import NoHandlers
from zentalk.net.datagrams import Datagrams
from zentalk.net.multicast import LocalGroup
from zentalk.net.runtime import Runtime
from zentalk.net.serve import serve
from zentalk.net.transport import ByteStream
from zentalk.node.direct.parts import Relays
from zentalk.node.direct.ways import OwnOffer, Use, Ways
from zentalk.wire.direct import DirectOffer, Nat

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


class Crossing:
    """Where all ways meet: the two sides of a session get the two ends of a stream."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.is_open = True
        self.middleman = False
        """Whether streams lead to somebody who answers handshakes with a key of its own."""
        self.caught = 0
        self.streams: list[_End] = []
        self.offers = 0
        self._first: dict[bytes, trio.MemorySendChannel[ByteStream]] = {}
        self._keys = count(1)

    def ways(self, _relays: Relays) -> Ways:
        """Return one node's ways."""
        return CrossingWays(self)

    def cut(self) -> None:
        """Break all streams, and let there be no others."""
        self.is_open = False
        for stream in self.streams:
            stream.cut()

    async def meet(self, session: bytes) -> ByteStream:
        if not self.is_open:
            raise UnavailableError("no-answer")
        if self.middleman:
            return self._to_the_middleman(session)
        waiting = self._first.pop(session, None)
        if waiting is not None:
            one, other = (_End(half) for half in memory_stream_pair())
            self.streams += [one, other]
            waiting.send_nowait(other)
            return one
        send, receive = trio.open_memory_channel[ByteStream](1)
        self._first[session] = send
        with trio.move_on_after(10):
            return await receive.receive()
        self._first.pop(session, None)
        raise UnavailableError("no-answer")

    def _to_the_middleman(self, session: bytes) -> ByteStream:
        self.caught += 1
        one, other = (_End(half) for half in memory_stream_pair())
        network = "direct-" + session.hex()
        self.nursery.start_soon(
            partial(
                serve,
                other,
                network=network,
                identity=self.key(),
                handlers=NoHandlers(),
                runtime=Runtime.virtual(9, 0.0),
            )
        )
        return one

    def key(self) -> SigningKey:
        return SigningKey(next(self._keys).to_bytes(32, "big"))


class _End:
    """One end of a stream that can be cut."""

    def __init__(self, half: trio.StapledStream[MemorySendStream, MemoryReceiveStream]) -> None:
        self._half = half

    async def send_all(self, data: bytes, /) -> None:
        await self._half.send_all(data)

    async def receive_some(self, max_bytes: int, /) -> bytes:
        return bytes(await self._half.receive_some(max_bytes))

    async def aclose(self) -> None:
        await self._half.aclose()

    def cut(self) -> None:
        self._half.send_stream.close()
        self._half.receive_stream.close()


class CrossingWays:
    """One node's ways."""

    def __init__(self, crossing: Crossing) -> None:
        self._crossing = crossing

    async def offer(self, session: bytes) -> OwnOffer:
        """Return an offer without places."""
        await trio.lowlevel.checkpoint()
        self._crossing.offers += 1
        key = self._crossing.key()
        secret = key.public[::-1]
        return OwnOffer(DirectOffer(session, secret, key.public, Nat.UNKNOWN, ()), key)

    async def meet(self, own: OwnOffer, theirs: DirectOffer, use: Use) -> bool:
        """Meet at the crossing."""
        return await use(await self._crossing.meet(theirs.session))

    async def run(self) -> None:
        """Hold nothing."""

    async def beside(self) -> Datagrams:
        """Have no port."""
        await trio.lowlevel.checkpoint()
        raise UnavailableError("there is no port")

    async def join_lan(self) -> Sequence[LocalGroup]:
        """Have no local network."""
        await trio.lowlevel.checkpoint()
        raise OSError("there is no local network")


async def two_people(world: World) -> Crossing:
    crossing = Crossing(world.nursery)
    world.make_ways = crossing.ways
    await world.relay_net(6)
    for name in ("alice", "bob"):
        await world.person(name)
    await world.friends("alice", "bob")
    for pair in (("alice", "bob"), ("bob", "alice")):
        message = await world.send(*pair, "hello")
        await world.until_state(pair[0], message, "delivered")
    return crossing


async def agree(world: World, one: str, other: str) -> None:
    for name, contact in ((one, other), (other, one)):
        await world.nodes[name].direct.allow(world.nodes[contact].address, on=True)
    await until_direct(world, one, other)


async def is_direct(world: World, one: str, other: str) -> bool:
    sides = ((one, other), (other, one))
    found = [await world.nodes[a].direct.state(world.nodes[b].address) for a, b in sides]
    return all(state.is_direct for state in found)


async def until_direct(world: World, one: str, other: str) -> None:
    await world.until(lambda: is_direct(world, one, other))


async def test_d2_who_both_agreed_write_directly_and_nobody_else(
    world: World, autojump_clock: MockClock
) -> None:
    crossing = await two_people(world)
    alice, bob = world.nodes["alice"], world.nodes["bob"]
    await alice.direct.allow(bob.address, on=True)
    await trio.sleep(300)
    assert crossing.offers == 0, "one alone shows nobody an address"
    state = await bob.direct.state(alice.address)
    assert (state.allowed, state.allowed_by_them, state.is_direct) == (False, True, False)
    await bob.direct.allow(alice.address, on=True)
    await until_direct(world, "alice", "bob")
    before = {name: relay.stats().deposited for name, relay in world.relays.items()}
    message = await world.send("alice", "bob", "directly")
    await world.until_state("alice", message, "delivered")
    await world.until_inbox("bob", "alice", ["hello", "directly"])
    assert {name: relay.stats().deposited for name, relay in world.relays.items()} == before


async def test_d1_the_way_to_a_contact_is_shown_and_told_when_it_changes(
    world: World, autojump_clock: MockClock
) -> None:
    crossing = await two_people(world)
    alice, bob = world.nodes["alice"], world.nodes["bob"]
    assert not (await alice.direct.state(bob.address)).is_direct
    await agree(world, "alice", "bob")
    crossing.cut()

    async def is_relayed() -> bool:
        state = await alice.direct.state(bob.address)
        return not state.is_direct and bool(state.why_not)

    await world.until(is_relayed, 300)
    told = [event.data for event in await alice.events(0) if event.type == "contact.path"]
    assert [data["path"] for data in told] == ["direct", "relay"]
    assert {data["address"] for data in told} == {bob.address_text}


async def written(world: World, texts: list[str]) -> None:
    for text in texts:
        await world.send("alice", "bob", text)
        await world.send("bob", "alice", text)
        await trio.sleep(0.1)


async def test_d2_a_path_that_breaks_in_mid_conversation_loses_and_doubles_nothing(
    world: World, autojump_clock: MockClock
) -> None:
    crossing = await two_people(world)
    await agree(world, "alice", "bob")
    texts = [f"{number}" for number in range(60)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(written, world, texts)
        await trio.sleep(2)
        crossing.cut()
        await trio.sleep(2)
        crossing.is_open = True
    await world.until_inbox("bob", "alice", ["hello", *texts])
    await world.until_inbox("alice", "bob", ["hello", *texts])
    await until_direct(world, "alice", "bob")


async def test_d2_who_comes_back_is_written_to_over_relays_and_then_directly(
    world: World, autojump_clock: MockClock
) -> None:
    await two_people(world)
    await agree(world, "alice", "bob")
    await world.crash("bob")
    message = await world.send("alice", "bob", "are you there?")
    await world.until_state("alice", message, "sent")
    await world.person("bob")
    await world.until_inbox("bob", "alice", ["hello", "are you there?"])
    await until_direct(world, "alice", "bob")


async def test_consent_that_is_withdrawn_ends_the_connection_and_relays_go_on(
    world: World, autojump_clock: MockClock
) -> None:
    crossing = await two_people(world)
    await agree(world, "alice", "bob")
    alice, bob = world.nodes["alice"], world.nodes["bob"]
    await bob.direct.allow(alice.address, on=False)

    async def is_over() -> bool:
        sides = [await alice.direct.state(bob.address), await bob.direct.state(alice.address)]
        return not any(state.is_direct for state in sides)

    await world.until(is_over, 60)
    before = crossing.offers
    message = await world.send("alice", "bob", "over relays")
    await world.until_state("alice", message, "delivered")
    await trio.sleep(3600)
    assert crossing.offers == before, "nobody shows an address any more"
    assert not (await alice.direct.state(bob.address)).allowed_by_them


async def test_who_is_blocked_is_not_connected_to(world: World, autojump_clock: MockClock) -> None:
    crossing = await two_people(world)
    await agree(world, "alice", "bob")
    alice, bob = world.nodes["alice"], world.nodes["bob"]
    await alice.block(bob.address)
    await trio.sleep(2)
    before = crossing.offers
    assert not (await bob.direct.state(alice.address)).is_direct
    await trio.sleep(3600)
    assert crossing.offers - before <= 9, "only bob asks, ever less often"
    with pytest.raises(NotFoundError):
        await alice.direct.state(bob.address)


async def test_a_stream_to_somebody_else_is_no_line_and_the_message_is_relayed(
    world: World, autojump_clock: MockClock
) -> None:
    """A middleman has the stream, and neither key nor secret: the link's handshake fails."""
    crossing = await two_people(world)
    alice, bob = world.nodes["alice"], world.nodes["bob"]
    crossing.middleman = True
    await alice.direct.allow(bob.address, on=True)
    await bob.direct.allow(alice.address, on=True)
    await world.until(lambda: crossing.caught > 1)
    assert not await is_direct(world, "alice", "bob")
    message = await world.send("alice", "bob", "kept")
    await world.until_state("alice", message, "delivered")
    crossing.middleman = False
    await until_direct(world, "alice", "bob")
