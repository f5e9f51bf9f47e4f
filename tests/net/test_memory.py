"""The in-memory network: latency, order, cut cables, killed hosts, and repeatability.

What every transport does is in `contract`.
"""

import pytest
import trio
from trio.testing import MockClock

from zentalk.errors import ConnectFailedError
from zentalk.net.memory import MemoryNetwork, MemoryStream
from zentalk.net.transport import CONNECT_SECONDS, ByteStream


@pytest.fixture
def network() -> MemoryNetwork:
    return MemoryNetwork(0.5)


async def joined(network: MemoryNetwork, nursery: trio.Nursery) -> tuple[MemoryStream, ByteStream]:
    """Return the ends of a connection from host `a` to host `b`."""
    listener = await network.host("b").listen("b", 7)
    send, receive = trio.open_memory_channel[ByteStream](1)

    async def keep(stream: ByteStream, peer_host: str) -> None:
        assert peer_host == "a"
        await send.send(stream)
        await trio.sleep_forever()

    nursery.start_soon(listener.serve, keep)
    near = await network.host("a").dial("b", 7)
    return near, await receive.receive()


async def test_bytes_arrive_in_order_after_the_latency(
    autojump_clock: MockClock, network: MemoryNetwork, nursery: trio.Nursery
) -> None:
    near, far = await joined(network, nursery)
    assert trio.current_time() == 1.0  # one round trip
    await near.send_all(b"one")
    await near.send_all(b"two")
    assert await far.receive_some(4) == b"onet"
    assert trio.current_time() == 1.5
    assert await far.receive_some(100) == b"wo"
    network.set_latency("a", "b", 0.1)
    await far.send_all(b"back")
    assert await near.receive_some(100) == b"back"
    assert trio.current_time() == pytest.approx(1.6)


async def test_a_shorter_latency_never_overtakes(
    autojump_clock: MockClock, network: MemoryNetwork, nursery: trio.Nursery
) -> None:
    near, far = await joined(network, nursery)
    await near.send_all(b"slow")
    network.set_latency("a", "b", 0.0)
    await near.send_all(b"fast")
    assert await far.receive_some(100) == b"slowfast"
    assert trio.current_time() == 1.5


async def test_a_closed_connection_is_forgotten(
    autojump_clock: MockClock, network: MemoryNetwork, nursery: trio.Nursery
) -> None:
    near, far = await joined(network, nursery)
    await near.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await near.receive_some(1)
    await far.aclose()
    assert not network._pipes


async def test_a_cut_cable_holds_bytes_and_times_out_new_connections(
    autojump_clock: MockClock, network: MemoryNetwork, nursery: trio.Nursery
) -> None:
    near, far = await joined(network, nursery)
    network.cut("a", "b")
    await near.send_all(b"held")
    with trio.move_on_after(1_000) as scope:
        await far.receive_some(1)
    assert scope.cancelled_caught
    before = trio.current_time()
    with pytest.raises(ConnectFailedError, match="no answer"):
        await network.host("a").dial("b", 7)
    assert trio.current_time() == before + CONNECT_SECONDS
    network.mend("b", "a")
    assert await far.receive_some(100) == b"held"


async def test_mending_wakes_who_waits(
    autojump_clock: MockClock, network: MemoryNetwork, nursery: trio.Nursery
) -> None:
    near, far = await joined(network, nursery)
    network.cut("a", "b")
    await near.send_all(b"held")

    async def mend_later() -> None:
        await trio.sleep(60)
        network.mend("a", "b")

    nursery.start_soon(mend_later)
    assert await far.receive_some(100) == b"held"


async def test_a_killed_host_breaks_everything_it_had(
    autojump_clock: MockClock, network: MemoryNetwork, nursery: trio.Nursery
) -> None:
    near, far = await joined(network, nursery)
    network.kill("b")
    for stream in (near, far):
        # The far one is closed as well: what the listener served has ended.
        with pytest.raises((trio.BrokenResourceError, trio.ClosedResourceError)):
            await stream.receive_some(1)
        with pytest.raises((trio.BrokenResourceError, trio.ClosedResourceError)):
            await stream.send_all(b"x")
    with pytest.raises(ConnectFailedError, match="nobody listens"):
        await network.host("a").dial("b", 7)
    with pytest.raises(ConnectFailedError):
        await network.host("b").dial("a", 7)
    with pytest.raises(OSError, match="killed"):
        await network.host("b").listen("b", 7)
    network.revive("b")
    await network.host("b").listen("b", 7)
    await network.host("a").dial("b", 7)


async def test_ports(autojump_clock: MockClock, network: MemoryNetwork) -> None:
    host = network.host("a")
    first = await host.listen("a", 0)
    second = await host.listen("a", 0)
    assert first.port != second.port
    with pytest.raises(OSError, match="in use"):
        await host.listen("a", first.port)
    await first.aclose()
    again = await host.listen("a", first.port)
    assert again.port == first.port
    assert (await network.host("b").listen("b", 0)).port == first.port
    with pytest.raises(ConnectFailedError):
        await host.dial("nowhere", 1)


async def test_a_closed_listener_ends_what_it_served(
    autojump_clock: MockClock, network: MemoryNetwork, nursery: trio.Nursery
) -> None:
    listener = await network.host("b").listen("b", 7)

    async def forever(stream: ByteStream, _peer_host: str) -> None:
        await trio.sleep_forever()

    async def close_later() -> None:
        await trio.sleep(5)
        await listener.aclose()

    near = None
    async with trio.open_nursery() as inner:
        inner.start_soon(close_later)
        inner.start_soon(listener.serve, forever)
        near = await network.host("a").dial("b", 7)
    assert await near.receive_some(1) == b""


async def test_the_hook_sees_every_send_and_two_runs_are_equal(autojump_clock: MockClock) -> None:
    async def run() -> list[tuple[float, str, str, bytes]]:
        network = MemoryNetwork(0.25)
        seen: list[tuple[float, str, str, bytes]] = []
        start = trio.current_time()
        network.on_wire = lambda source, target, data: seen.append(
            (trio.current_time() - start, source, target, data)
        )

        async def talk(near: ByteStream, far: ByteStream) -> None:
            for number in range(5):
                await near.send_all(b"%d" % number)
                await far.send_all(await far.receive_some(100))
                await near.receive_some(100)

        async with trio.open_nursery() as nursery:
            near, far = await joined(network, nursery)
            await talk(near, far)
            nursery.cancel_scope.cancel()
        return seen

    first = await run()
    assert len(first) == 10
    assert first == await run()
