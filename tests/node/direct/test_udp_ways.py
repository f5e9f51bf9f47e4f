"""Ways over UDP: one port, opened late, on which strangers get nothing."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from tests.node.direct.support import offer
from zentalk.direct.reasons import WhyNot
from zentalk.direct.survey import MAX_RELAYS, version_of
from zentalk.errors import UnavailableError
from zentalk.ids import NodeId
from zentalk.net import punching
from zentalk.net.datagrams import Datagrams, UdpDatagrams
from zentalk.net.memory_datagrams import DatagramNetwork
from zentalk.net.multicast import LocalGroup
from zentalk.net.path_session import PathSession
from zentalk.net.punching import PathFinder
from zentalk.net.quic.endpoint import QuicEndpoint
from zentalk.net.runtime import Runtime
from zentalk.net.transport import PEER_FAULTS, ByteStream
from zentalk.node.direct import udp_ways as module
from zentalk.node.direct.udp_ways import PORT_SECONDS, TAG_SECONDS, UdpWays
from zentalk.node.direct.ways import OwnOffer
from zentalk.wire.beacon import NEAR_OFFER
from zentalk.wire.direct import TAG_BYTES, DirectOffer
from zentalk.wire.text import RelayUri

pytest.importorskip("aioquic")

SESSION = b"session of tests"
HOSTS = ("11.77.1.1", "11.77.1.2")
STRANGER = "11.77.1.3"


@dataclass
class Internet:
    """A network in memory, and how often each host has bound a port."""

    net: DatagramNetwork = field(default_factory=DatagramNetwork)
    bound: list[str] = field(default_factory=list)
    fault: OSError | None = None

    def binds(self, host: str) -> Callable[[], Awaitable[Datagrams]]:
        async def bind() -> Datagrams:
            await trio.lowlevel.checkpoint()
            if self.fault is not None:
                raise self.fault
            self.bound.append(host)
            return self.net.bind(host)

        return bind


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    addresses(monkeypatch, *HOSTS)
    return Internet()


def addresses(monkeypatch: pytest.MonkeyPatch, *own: str) -> None:
    """Let these be the addresses of all nodes: nobody here has an interface."""

    async def found(_targets: object) -> tuple[str, ...]:
        await trio.lowlevel.checkpoint()
        return own

    for user in (punching, module):
        monkeypatch.setattr(user, "own_addresses", found)


def ways_of(bind: Callable[[], Awaitable[Datagrams]], runtime: Runtime | None = None) -> UdpWays:
    return UdpWays("test", runtime or Runtime.virtual(1, 0.0), dict, bind)


async def both(internet: Internet, nursery: trio.Nursery) -> tuple[UdpWays, UdpWays]:
    """Two nodes that run."""
    made = []
    for number, host in enumerate(HOSTS):
        ways = ways_of(internet.binds(host), Runtime.virtual(number, 0.0))
        nursery.start_soon(ways.run)
        made.append(ways)
    return made[0], made[1]


class Talk:
    """What two say who have met, and what became of it; each waits for the other's words."""

    def __init__(self, *, lasts: bool = False) -> None:
        self.heard: list[bytes] = []
        self.results: list[bool] = []
        self.why: list[str] = []
        self._lasts = lasts

    async def use(self, stream: ByteStream) -> bool:
        await stream.send_all(b"hello")
        said = b""
        while len(said) < 5:
            data = await stream.receive_some(5 - len(said))
            assert data, "it ended"
            said += data
        self.heard.append(said)
        if self._lasts:
            while await stream.receive_some(100):
                pass
        else:
            await trio.sleep(0.2)  # what was sent may still be on its way
        return True

    async def meet(self, ways: UdpWays, own: OwnOffer, theirs: DirectOffer) -> None:
        async def use(stream: ByteStream) -> bool:
            try:
                return await self.use(stream)
            except PEER_FAULTS:
                return True

        try:
            self.results.append(await ways.meet(own, theirs, use))
        except UnavailableError as error:
            self.why.append(str(error))


async def meet(talk: Talk, one: UdpWays, other: UdpWays) -> None:
    offers = [await ways.offer(SESSION) for ways in (one, other)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk.meet, one, offers[0], offers[1].offer)
        nursery.start_soon(talk.meet, other, offers[1], offers[0].offer)


async def test_two_who_know_each_others_offers_meet_and_bytes_pass(
    internet: Internet, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    one, other = await both(internet, nursery)
    for _ in range(3):
        talk = Talk()
        with trio.fail_after(60):
            await meet(talk, one, other)
        assert (talk.heard, talk.results, talk.why) == ([b"hello"] * 2, [True] * 2, [])
    assert sorted(internet.bound) == sorted(HOSTS), "one port each, for all sessions"
    nursery.cancel_scope.cancel()


async def test_it_is_so_over_real_udp(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses(monkeypatch, "127.0.0.1")

    async def bind() -> Datagrams:
        return await UdpDatagrams.bind("127.0.0.1", 0)

    one, other = ways_of(bind, Runtime.real()), ways_of(bind, Runtime.real())
    for ways in (one, other):
        nursery.start_soon(ways.run)
    talk = Talk()
    with trio.fail_after(120):
        await meet(talk, one, other)
    assert (talk.heard, talk.results, talk.why) == ([b"hello"] * 2, [True] * 2, [])
    nursery.cancel_scope.cancel()


async def test_no_port_is_open_before_the_first_offer(
    internet: Internet, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    one, _ = await both(internet, nursery)
    await trio.sleep(3_600)
    assert internet.bound == []
    await one.offer(SESSION)
    assert internet.bound == [HOSTS[0]]
    nursery.cancel_scope.cancel()


async def test_a_port_that_cannot_be_bound_is_told_and_tried_again_at_the_next_offer(
    internet: Internet, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    one, _ = await both(internet, nursery)
    internet.fault = OSError(errno.EADDRINUSE, "Address already in use")
    for _ in range(3):
        began = trio.current_time()
        with pytest.raises(UnavailableError, match=r"address already in use\): choose another"):
            await one.offer(SESSION)
        assert trio.current_time() - began < PORT_SECONDS
    internet.fault = None
    assert (await one.offer(SESSION)).offer.session == SESSION
    nursery.cancel_scope.cancel()


async def test_who_waits_for_the_port_together_gets_it_together(
    internet: Internet, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    one, _ = await both(internet, nursery)
    began, took = trio.current_time(), []

    async def ask() -> None:
        await one.offer(SESSION)
        took.append(trio.current_time() - began)

    async with trio.open_nursery() as asking:
        for _ in range(3):
            asking.start_soon(ask)
    assert max(took) < 1
    assert internet.bound == [HOSTS[0]]
    nursery.cancel_scope.cancel()


async def test_without_its_task_there_is_no_port(
    internet: Internet, autojump_clock: MockClock
) -> None:
    ways = ways_of(internet.binds(HOSTS[0]))
    with pytest.raises(UnavailableError, match="not open"):
        await ways.offer(SESSION)


async def test_a_port_that_was_closed_is_opened_anew(
    internet: Internet, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    one, other = await both(internet, nursery)
    await one.offer(SESSION)
    assert one._port is not None
    await one._port.endpoint.aclose()
    await trio.sleep(1)
    talk = Talk()
    with trio.fail_after(60):
        await meet(talk, one, other)
    assert talk.results == [True, True]
    assert internet.bound.count(HOSTS[0]) == 2
    nursery.cancel_scope.cancel()


async def test_the_real_port_is_one_of_both_families_and_may_be_taken() -> None:
    first = await module.bind_port(0)
    try:
        with pytest.raises(OSError, match="in use"):
            await module.bind_port(first.local_port)
    finally:
        await first.aclose()


@asynccontextmanager
async def stranger(internet: Internet, nursery: trio.Nursery) -> AsyncIterator[QuicEndpoint]:
    """Somebody with a port and QUIC, and nothing else."""
    endpoint = QuicEndpoint(internet.net.bind(STRANGER), Runtime.virtual(9, 0.0).entropy)
    await nursery.start(endpoint.run)
    yield endpoint
    await endpoint.aclose()


async def until_closed(stream: ByteStream, seconds: float) -> tuple[bytes, float | None]:
    """Return what a stranger is sent, and when it was over; None if not in this time."""
    got, began = b"", trio.current_time()
    with trio.move_on_after(seconds):
        try:
            while data := await stream.receive_some(100):
                got += data
        except PEER_FAULTS:
            pass
        return got, trio.current_time() - began
    return got, None


async def to_nobody(
    internet: Internet, nursery: trio.Nursery, said: bytes
) -> tuple[bytes, float | None]:
    """Connect to a node that expects somebody, and say this; return what came of it."""
    one, _ = await both(internet, nursery)
    own = await one.offer(SESSION)
    assert one._port is not None
    place = (HOSTS[0], one._port.endpoint.port)
    theirs = offer(SESSION)
    talk = Talk()
    nursery.start_soon(talk.meet, one, own, theirs)
    async with stranger(internet, nursery) as endpoint:
        stream = await endpoint.dial(*place)
        if said:
            await stream.send_all(said)
        found = await until_closed(stream, 60)
    assert talk.heard == []
    return found


@pytest.mark.parametrize("said", [b"", b"short", b"x" * TAG_BYTES, b"x" * 1_000])
async def test_k_a_stranger_who_names_no_session_gets_nothing_and_is_sent_away(
    internet: Internet, nursery: trio.Nursery, autojump_clock: MockClock, said: bytes
) -> None:
    got, seconds = await to_nobody(internet, nursery, said)
    assert got == b""
    assert seconds is not None
    assert seconds < TAG_SECONDS + 1
    nursery.cancel_scope.cancel()


async def test_control_without_a_time_for_the_tag_a_stranger_stays(
    internet: Internet,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "TAG_SECONDS", 3_600.0)
    _, seconds = await to_nobody(internet, nursery, b"")
    assert seconds is None or seconds > 2 * TAG_SECONDS
    nursery.cancel_scope.cancel()


async def test_a_tag_lets_one_in_once_and_nobody_after_the_session(
    internet: Internet,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever sees a tag on the wire gets no second stream of that session by it."""
    one, other = await both(internet, nursery)
    tags: list[bytes] = []
    guest = UdpWays._guest

    def seen(ways: UdpWays, session: PathSession) -> Any:
        tags.append(session.tag)
        return guest(ways, session)

    monkeypatch.setattr(UdpWays, "_guest", seen)
    talk = Talk(lasts=True)
    nursery.start_soon(meet, talk, one, other)
    await trio.sleep(10)
    assert talk.heard == [b"hello"] * 2
    async with stranger(internet, nursery) as endpoint:
        for host, ways in zip(HOSTS, (one, other), strict=True):
            assert ways._port is not None
            stream = await endpoint.dial(host, ways._port.endpoint.port)
            await stream.send_all(tags[0])
            got, seconds = await until_closed(stream, 60)
            assert got == b""
            assert seconds is not None
    assert talk.results == [], "who met goes on"
    assert one._expected == other._expected == {}
    nursery.cancel_scope.cancel()


async def test_a_path_that_breaks_ends_what_runs_over_it(
    internet: Internet, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    one, other = await both(internet, nursery)
    talk = Talk(lasts=True)
    nursery.start_soon(meet, talk, one, other)
    await trio.sleep(10)
    assert talk.heard == [b"hello"] * 2
    internet.net.on_send = lambda *_: False
    await trio.sleep(180)
    assert talk.results == [True, True]
    for ways in (one, other):
        assert ways._port is not None
        assert ways._port.endpoint.connections == 0
        assert ways._port.finder._sessions == {}
    internet.net.on_send = None
    again = Talk()
    with trio.fail_after(60):
        await meet(again, one, other)
    assert again.results == [True, True]
    nursery.cancel_scope.cancel()


async def no_use(_stream: ByteStream) -> bool:
    raise AssertionError("nobody came")


async def test_without_a_path_one_is_told_why(
    internet: Internet, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    one, other = await both(internet, nursery)
    own = await one.offer(SESSION)
    with pytest.raises(UnavailableError, match="name no address"):
        await one.meet(own, offer(SESSION), no_use)
    theirs = (await other.offer(SESSION)).offer
    internet.net.on_send = lambda *_: False
    with pytest.raises(UnavailableError, match="nothing came from them"):
        await one.meet(own, theirs, no_use)
    with pytest.raises(UnavailableError):
        await one.meet(own, own.offer, no_use)  # they have sent ours back
    nursery.cancel_scope.cancel()


def test_every_reason_is_a_sentence() -> None:
    assert set(module.WHY_NOT) == set(WhyNot)
    assert all(len(why) > 20 for why in module.WHY_NOT.values())


@pytest.mark.parametrize("own", [("11.77.1.1",), ("2a77:1::1",), ("11.77.1.1", "2a77:1::1")])
async def test_some_relays_are_asked_that_have_an_address_and_not_always_the_same(
    monkeypatch: pytest.MonkeyPatch, own: tuple[str, ...]
) -> None:
    """They have addresses of both families, and are asked over those that lead there from here."""

    def relay(*hosts: str) -> Any:
        uris = tuple(RelayUri(b"k" * 32, host, 9001) for host in hosts)
        return SimpleNamespace(uris=lambda: uris)

    addresses(monkeypatch, *own)
    hosts = [(f"11.0.0.{number}", f"[2a77:9::{number}]") for number in range(1, 9)]
    named = [("relay.example",), ("another.example", "11.0.0.9", "[2a77:9::9]")]
    known = {NodeId(bytes([n]) * 32): relay(*one) for n, one in enumerate([*hosts, *named])}
    runtime = Runtime.virtual(1, 0.0)
    internet = Internet()
    ways = UdpWays("test", runtime, lambda: known, internet.binds(HOSTS[0]))
    asked = [tuple(await ways._some_relays()) for _ in range(20)]
    assert {len(some) for some in asked} == {MAX_RELAYS}
    assert len(set(asked)) > 5
    seen = {place for some in asked for place in some}
    assert {version_of(place) for place in seen} == {version_of((one, 0)) for one in own}
    assert "relay.example" not in {host for host, _ in seen}, "its name would be looked up"
    assert {"11.0.0.9", "2a77:9::9"} & {host for host, _ in seen}


async def test_a_bug_at_the_port_ends_the_port_alone_and_the_next_offer_opens_another(
    internet: Internet,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without containing it, one wrong datagram could end the whole node."""

    async def broken(_finder: PathFinder) -> None:
        await trio.sleep(1)
        raise KeyError("a bug")

    one, _ = await both(internet, nursery)
    with monkeypatch.context() as patched:
        patched.setattr(PathFinder, "_receive", broken)
        await one.offer(SESSION)
        await trio.sleep(2)
    assert (await one.offer(SESSION)).offer.session == SESSION
    assert len(internet.bound) == 2
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("said", "is_let_in"), [(b"t" * TAG_BYTES, True), (b"x" * TAG_BYTES, False)]
)
async def test_only_the_tag_of_a_session_takes_the_place_that_is_kept_for_it(
    internet: Internet,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    said: bytes,
    is_let_in: bool,
) -> None:
    """Else any stranger could come first, and the contact would find the place taken."""
    one, _ = await both(internet, nursery)
    expected: Any = SimpleNamespace(tag=b"t" * TAG_BYTES, is_client=False)
    streams: Any = memory_stream_pair()
    near, far = streams
    with one._guest(expected) as guest:
        nursery.start_soon(one._accepted, near, STRANGER)
        await far.send_all(said)
        await trio.sleep(1)
        assert guest.came.is_set() is is_let_in
    nursery.cancel_scope.cancel()


async def test_offers_of_the_house_share_the_port_and_it_is_opened_for_them(
    internet: Internet, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    one, other = await both(internet, nursery)
    ports = [await ways.beside() for ways in (one, other)]
    assert sorted(internet.bound) == sorted(HOSTS)
    data = bytes((NEAR_OFFER,)).ljust(551, b"x")
    await ports[0].send(data, (HOSTS[1], ports[1].local_port))
    assert await ports[1].receive() == (data, (HOSTS[0], ports[0].local_port))
    talk = Talk()
    with trio.fail_after(60):
        await meet(talk, one, other)
    assert talk.heard == [b"hello"] * 2, "and paths are found there as before"
    assert await one.beside() is ports[0]
    nursery.cancel_scope.cancel()


async def test_when_the_port_ends_so_do_the_offers_of_the_house(
    internet: Internet, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    one, _ = await both(internet, nursery)
    beside = await one.beside()
    port = one._port
    assert port is not None
    await port.endpoint.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await beside.receive()
    assert await one.beside() is not beside
    nursery.cancel_scope.cancel()


async def test_the_groups_of_the_house_are_joined_as_it_was_told() -> None:
    async def join() -> list[LocalGroup]:
        await trio.lowlevel.checkpoint()
        raise OSError(errno.EADDRINUSE, "Address already in use")

    ways = UdpWays("test", Runtime.virtual(1, 0.0), dict, Internet().binds(HOSTS[0]), join)
    with pytest.raises(OSError, match="in use"):
        await ways.join_lan()
