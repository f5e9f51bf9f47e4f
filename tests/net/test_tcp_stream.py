"""A TCP stream that tries first: what it does besides what every transport does (`contract`)."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import trio
import trio.testing

from zentalk.net.tcp_stream import TcpStream

MUCH = bytes(range(256)) * 32_768
"""8 MiB: more than any kernel's buffers take at once."""


@pytest.fixture
def pair() -> Iterator[tuple[TcpStream, TcpStream]]:
    left, right = socket.socketpair()
    with left, right:
        yield TcpStream(left), TcpStream(right)


async def _read_all(stream: TcpStream, size: int, piece: int = 65_536) -> bytes:
    data = bytearray()
    while len(data) < size and (more := await stream.receive_some(piece)):
        data += more
    return bytes(data)


async def test_what_is_sent_now_is_what_the_kernel_takes(
    pair: tuple[TcpStream, TcpStream],
) -> None:
    left, right = pair
    sent = left.send_now(MUCH)
    assert 0 < sent < len(MUCH)
    assert left.send_now(MUCH) == 0  # the kernel's buffer is full
    assert await _read_all(right, sent) == MUCH[:sent]


class Elsewhere(socket.socket):
    """A socket whose address this machine does not have (RFC 5737 and 3849: nobody has it)."""

    def getsockname(self) -> tuple[object, ...]:
        is_v6 = self.family == socket.AF_INET6
        return ("2001:db8::1", 9001, 0, 0) if is_v6 else ("192.0.2.1", 9001)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
async def test_it_is_known_whether_the_own_address_is_still_there(
    family: socket.AddressFamily,
) -> None:
    with socket.socket(family) as here, Elsewhere(family) as gone:
        assert TcpStream(here).has_own_address()
        assert not TcpStream(gone).has_own_address()


async def test_what_has_no_address_cannot_lose_it(pair: tuple[TcpStream, TcpStream]) -> None:
    assert pair[0].has_own_address()


async def test_small_reads_lose_nothing(pair: tuple[TcpStream, TcpStream]) -> None:
    """A read that fills what was asked for may have left more in the kernel's buffer."""
    left, right = pair
    left.send_now(b"abcdef")
    assert [await right.receive_some(2) for _ in range(3)] == [b"ab", b"cd", b"ef"]


async def test_closing_ends_the_waits_of_both_directions(
    pair: tuple[TcpStream, TcpStream],
) -> None:
    left, _ = pair
    ended: list[str] = []

    async def expect_closed(name: str) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await (left.receive_some(1) if name == "read" else left.send_all(MUCH))
        ended.append(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(expect_closed, "read")
        nursery.start_soon(expect_closed, "write")
        await trio.testing.wait_all_tasks_blocked()
        await left.aclose()
    assert sorted(ended) == ["read", "write"]
    await left.aclose()  # a second time is harmless
    for use in (left.receive_some(1), left.send_all(b"x")):
        with pytest.raises(trio.ClosedResourceError):
            await use
    with pytest.raises(trio.ClosedResourceError):
        left.send_now(b"x")


async def test_a_cancelled_sender_sends_nothing_more(pair: tuple[TcpStream, TcpStream]) -> None:
    left, right = pair
    with trio.CancelScope() as scope:
        scope.cancel()
        await left.send_all(b"x")
    left.send_now(b"y")
    assert await right.receive_some(10) == b"y"


async def test_one_that_always_has_bytes_to_read_lets_others_run(
    pair: tuple[TcpStream, TcpStream],
) -> None:
    left, right = pair
    left.send_now(b"x" * 1000)
    others = 0

    async def other() -> None:
        nonlocal others
        while True:
            others += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        for _ in range(1000):
            await right.receive_some(1)
        nursery.cancel_scope.cancel()
    assert others > 500
