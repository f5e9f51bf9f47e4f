"""Binding: at once where it can be, later where the machine's own name comes late."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest
import structlog
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from zentalk.errors import ConfigError, ConnectFailedError
from zentalk.net.memory import FIRST_PORT, MemoryNetwork
from zentalk.net.tcp import TcpNetwork
from zentalk.net.transport import ByteStream, Listener
from zentalk.relay.links.listeners import (
    RETRY_SECONDS,
    UnresolvedHostError,
    bind_lanes,
    bind_when_resolved,
)


class LateNames:
    """A network whose resolver fails for some time."""

    def __init__(self, failures: int, error: OSError | None = None) -> None:
        self.left = failures
        self.error = error or socket.gaierror(socket.EAI_AGAIN, "temporary failure")
        self.inner = MemoryNetwork().host("r")

    async def dial(self, host: str, port: int) -> ByteStream:
        return await self.inner.dial(host, port)

    async def resolve(self, host: str) -> list[str]:
        return await self.inner.resolve(host)

    async def listen(self, host: str, port: int) -> Listener:
        if self.left:
            self.left -= 1
            raise self.error
        return await self.inner.listen(host, port)


async def bound(network: LateNames, stopping: trio.Event | None = None) -> list[Listener]:
    stopping = trio.Event() if stopping is None else stopping
    return await bind_when_resolved(network, ["relay.example"], 9001, 2, stopping)


async def test_a_name_that_comes_late_is_waited_for_and_told_of_once(
    autojump_clock: MockClock,
) -> None:
    structlog.reset_defaults()
    start = trio.current_time()
    with capture_logs() as logs:
        listeners = await bound(LateNames(3))
    assert [listener.port for listener in listeners] == [9001, 9002]
    assert trio.current_time() - start == pytest.approx(3 * RETRY_SECONDS)
    assert [line["event"] for line in logs] == ["own_host_does_not_resolve"]
    assert "relay.example" not in repr(logs)


async def test_control_without_waiting_it_is_an_error() -> None:
    with pytest.raises(UnresolvedHostError, match=r"relay\.example has no address now"):
        await bind_lanes(LateNames(1), ["relay.example"], 9001, 1)


async def test_it_stops_while_it_waits(autojump_clock: MockClock) -> None:
    stopping = trio.Event()
    ended: list[Any] = []

    async def wait() -> None:
        with pytest.raises(ConfigError):
            await bound(LateNames(10**6), stopping)
        ended.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.sleep(100)
        assert not ended
        stopping.set()
    assert ended


async def test_other_errors_end_it_at_once(autojump_clock: MockClock) -> None:
    taken = OSError(errno.EADDRINUSE, "taken")
    with pytest.raises(ConfigError, match="in use"):
        await bound(LateNames(1, taken))


class Taken:
    """A network of which one address has some ports in use."""

    def __init__(self, host: str, first_free: int) -> None:
        self.host, self.first_free = host, first_free
        network = MemoryNetwork()
        network.add_address("r", "::1")
        self.inner = network.host("r")

    async def dial(self, host: str, port: int) -> ByteStream:
        return await self.inner.dial(host, port)

    async def resolve(self, host: str) -> list[str]:
        return await self.inner.resolve(host)

    async def listen(self, host: str, port: int) -> Listener:
        if host == self.host and port < self.first_free:
            raise OSError(errno.EADDRINUSE, "taken")
        return await self.inner.listen(host, port)


async def test_a_free_port_is_free_at_every_address() -> None:
    network = Taken("::1", FIRST_PORT + 2)
    first, second = await bind_lanes(network, ["127.0.0.1", "::1"], 0, 2)
    assert [first.port, second.port] == [FIRST_PORT + 2, FIRST_PORT + 3]
    for host in ("r", "::1"):
        await (await network.dial(host, first.port)).aclose()
    await first.aclose()
    for host in ("r", "::1"):
        with pytest.raises(ConnectFailedError):
            await network.dial(host, first.port)


async def test_an_address_without_a_free_port_is_named_and_nothing_stays_bound() -> None:
    network = Taken("::1", 10**6)
    for port in (0, 9001):
        with pytest.raises(ConfigError, match="on ::1 is in use"):
            await bind_lanes(network, ["127.0.0.1", "::1"], port, 1)
    await network.listen("127.0.0.1", 9001)


async def test_over_tcp_one_port_is_served_at_two_addresses(nursery: trio.Nursery) -> None:
    (listener,) = await bind_lanes(TcpNetwork(), ["127.0.0.1", "127.0.0.2"], 0, 1)

    async def greet(stream: ByteStream, _source: str) -> None:
        await stream.send_all(b"hello")

    nursery.start_soon(listener.serve, greet)
    for host in ("127.0.0.1", "127.0.0.2"):
        stream = await TcpNetwork().dial(host, listener.port)
        assert await stream.receive_some(5) == b"hello"
        await stream.aclose()
    await listener.aclose()
