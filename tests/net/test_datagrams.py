"""Ports for datagrams: over UDP on loopback, and in memory with every fault of a network."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from zentalk.net.datagrams import DATAGRAM_BYTES, Datagrams, UdpDatagrams, from_socket
from zentalk.net.memory_datagrams import QUEUE_DATAGRAMS, DatagramNetwork, Weather

V4, V6 = "127.0.0.1", "::1"


async def memory_pair(_host: str) -> tuple[Datagrams, Datagrams]:
    network = DatagramNetwork()
    return network.bind(V4), network.bind(V4)


async def udp_pair(host: str) -> tuple[Datagrams, Datagrams]:
    return await UdpDatagrams.bind(host, 0), await UdpDatagrams.bind(host, 0)


Pair = Callable[[str], Awaitable[tuple[Datagrams, Datagrams]]]


@pytest.mark.parametrize(("pair", "host"), [(memory_pair, V4), (udp_pair, V4), (udp_pair, V6)])
async def test_datagrams_go_both_ways_and_keep_their_borders(pair: Pair, host: str) -> None:
    near, far = await pair(host)
    for data in (b"", b"x", bytes(DATAGRAM_BYTES)):
        await near.send(data, (host, far.local_port))
        assert await far.receive() == (data, (host, near.local_port))
        await far.send(data, (host, near.local_port))
        assert await near.receive() == (data, (host, far.local_port))
    await near.aclose()
    await far.aclose()


@pytest.mark.parametrize("pair", [memory_pair, udp_pair])
async def test_what_is_too_long_or_leads_nowhere_is_lost(pair: Pair) -> None:
    near, far = await pair(V4)
    await near.send(bytes(DATAGRAM_BYTES + 1), (V4, far.local_port))
    for nowhere in (("relay.invalid", 9), ("", 9), (V6, 9), (V4, 0), (V4, 70_000), (V4, -1)):
        await near.send(b"lost", nowhere)
    await near.send(b"kept", (V4, far.local_port))
    assert (await far.receive())[0] == b"kept"
    await near.aclose()
    await far.aclose()


@pytest.mark.parametrize("pair", [memory_pair, udp_pair])
async def test_closing_wakes_who_waits(pair: Pair, nursery: trio.Nursery) -> None:
    near, far = await pair(V4)
    ended = trio.Event()

    async def wait() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await near.receive()
        ended.set()

    nursery.start_soon(wait)
    await wait_all_tasks_blocked()
    await near.aclose()
    await ended.wait()
    await near.aclose()  # a second time is harmless
    with pytest.raises(trio.ClosedResourceError):
        await near.send(b"", (V4, far.local_port))
    with pytest.raises(trio.ClosedResourceError):
        await near.receive()
    await far.aclose()


async def test_what_a_stranger_sends_too_long_is_dropped_before_it_is_read() -> None:
    port = await UdpDatagrams.bind(V4, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((V4, 0))
        stranger.sendto(bytes(DATAGRAM_BYTES + 1), (V4, port.local_port))
        stranger.sendto(b"short", (V4, port.local_port))
        assert await port.receive() == (b"short", stranger.getsockname())
    await port.aclose()


async def test_a_port_that_nobody_has_ends_nothing() -> None:
    """The kernel tells us of the ICMP message only where the socket asked for errors."""
    port = await UdpDatagrams.bind(V4, 0)
    port._socket.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind((V4, 0))
        nobody = gone.getsockname()
    await port.send(b"is anybody there?", nobody)
    await port.send(b"eaten by the error of the first", (V4, port.local_port))
    await port.send(b"and here?", nobody)  # whose error the receiver gets
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((V4, 0))
        other.sendto(b"here", (V4, port.local_port))
        assert await port.receive() == (b"here", other.getsockname())
    await port.aclose()


async def test_the_kernel_holds_a_burst() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        default = plain.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    port = await UdpDatagrams.bind(V4, 0)
    assert port._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) > default
    await port.aclose()


async def test_one_port_of_both_families() -> None:
    both, old = await UdpDatagrams.bind("::", 0), await UdpDatagrams.bind(V4, 0)
    await old.send(b"there", (V4, both.local_port))
    assert await both.receive() == (b"there", (V4, old.local_port))
    await both.send(b"back", (V4, old.local_port))
    assert await old.receive() == (b"back", (V4, both.local_port))
    await both.aclose()
    await old.aclose()


async def test_a_port_that_is_taken_is_an_os_error() -> None:
    first = await UdpDatagrams.bind(V4, 0)
    with pytest.raises(OSError, match="in use"):
        await UdpDatagrams.bind(V4, first.local_port)
    await first.aclose()
    network = DatagramNetwork()
    port = network.bind("a").local_port
    with pytest.raises(OSError, match="in use"):
        network.bind("a", port)


async def through(weather: Weather, seed: int = 1, count: int = 1_000) -> list[int]:
    """Return the numbers that arrive of those that were sent, as they arrive."""
    network = DatagramNetwork(weather, seed)
    near, far = network.bind("a"), network.bind("b")
    for number in range(count):
        await near.send(number.to_bytes(2), far.address)
    found: list[int] = []

    async def read() -> None:
        for _ in range(3 * count):
            found.append(int.from_bytes((await far.receive())[0]))  # noqa: PERF401 - it is cut off

    with trio.move_on_after(100):
        await read()
    return found


async def test_bad_weather_loses_repeats_and_reorders(autojump_clock: MockClock) -> None:
    assert await through(Weather()) == list(range(1_000))
    lossy = await through(Weather(lost=0.2))
    assert 750 < len(lossy) < 850
    assert lossy == sorted(set(lossy))
    twice = await through(Weather(repeated=0.1), count=900)
    assert sorted(set(twice)) == list(range(900))
    assert 960 < len(twice) < 1_020
    mixed = await through(Weather(jitter_seconds=0.05))
    assert mixed != sorted(mixed)
    assert sorted(mixed) == list(range(1_000))


async def test_the_same_seed_is_the_same_weather(autojump_clock: MockClock) -> None:
    storm = Weather(jitter_seconds=0.1, lost=0.3, repeated=0.1)
    assert await through(storm, 7) == await through(storm, 7) != await through(storm, 8)


async def test_a_full_queue_loses_and_an_address_can_change(autojump_clock: MockClock) -> None:
    network = DatagramNetwork()
    near, far = network.bind("a"), network.bind("b")
    # Who waits is given one at once.
    assert len(await through(Weather(), count=QUEUE_DATAGRAMS + 9)) == QUEUE_DATAGRAMS + 1
    network.move(near, "elsewhere", 5)
    await near.send(b"x", far.address)
    assert await far.receive() == (b"x", ("elsewhere", 5))
    network.on_send = lambda _source, target, _data: target == ("elsewhere", 5)
    await near.send(b"forbidden", far.address)
    await far.send(b"back", ("elsewhere", 5))
    assert await near.receive() == (b"back", far.address)
    assert near.local_port == 5


def test_an_address_of_a_link_is_nothing_without_its_interface() -> None:
    assert from_socket(("fe80::1%eth0", 9, 0, 4)) == ("fe80::1%4", 9)
    assert from_socket(("fe80::1", 9, 0, 4)) == ("fe80::1%4", 9)
    assert from_socket(("2001:db8::1", 9, 0, 0)) == ("2001:db8::1", 9)
    assert from_socket(("::ffff:192.0.2.1", 9, 0, 0)) == ("192.0.2.1", 9)
    assert from_socket(("192.0.2.1", 9)) == ("192.0.2.1", 9)
