"""One QUIC connection: bad weather, silence, addresses that change, limits on what is held."""

from __future__ import annotations

import logging
import subprocess
import sys
from random import Random

import pytest
import trio
from trio.testing import MockClock

from tests.net.contract.test_bytes import read_exactly
from tests.net.contract.ways import FAR
from tests.net.quic.support import STORM, Line, opened
from zentalk.errors import ConnectFailedError
from zentalk.net.quic.beside import QUEUE_DATAGRAMS
from zentalk.net.quic.settings import (
    HANDSHAKE_SECONDS,
    IDLE_SECONDS,
    KEEP_ALIVE_SECONDS,
    LINGER_SECONDS,
    WINDOW_BYTES,
)
from zentalk.net.transport import CONNECT_SECONDS

SOME_SECONDS = 300.0


@pytest.mark.parametrize("seed", range(3))
async def test_everything_arrives_though_a_fifth_is_lost_and_the_rest_out_of_order(
    autojump_clock: MockClock, nursery: trio.Nursery, seed: int
) -> None:
    line = await opened(nursery, STORM, seed=seed)
    near, far = await line.pair()
    body = Random(seed).randbytes(60_000)
    nursery.start_soon(near.send_all, body)
    with trio.fail_after(SOME_SECONDS):
        assert await read_exactly(far, len(body)) == body
        await far.send_all(body[:5_000])
        assert await read_exactly(near, 5_000) == body[:5_000]
    nursery.cancel_scope.cancel()


async def test_a_silent_connection_lives_and_one_to_nobody_ends(
    autojump_clock: MockClock, line: Line
) -> None:
    near, far = await line.pair()
    await trio.sleep(20 * IDLE_SECONDS)
    await near.send_all(b"still here")
    assert await far.receive_some(100) == b"still here"
    line.network.on_send = lambda *_: False
    before = trio.current_time()
    for stream in (near, far):
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some(1)
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"x")
    assert trio.current_time() - before <= IDLE_SECONDS + KEEP_ALIVE_SECONDS + 1
    await trio.sleep(1)
    assert line.near.connections == line.end.connections == 0


async def test_a_client_whose_address_changes_goes_on(
    autojump_clock: MockClock, line: Line
) -> None:
    near, far = await line.pair()
    await near.send_all(b"here")
    assert await far.receive_some(100) == b"here"
    for number in range(3):
        line.network.move(line.near_port, "198.51.100.7", 4_000 + number)
        await near.send_all(b"there")
        assert await far.receive_some(100) == b"there"
        body = bytes(20_000)
        await far.send_all(body)
        assert await read_exactly(near, len(body)) == body
    back = [target for source, target, _ in line.seen if source == line.far_port.address]
    assert back[-1] == ("198.51.100.7", 4_002)


async def test_a_pipe_holds_no_more_than_a_window_of_each_direction(
    autojump_clock: MockClock, line: Line
) -> None:
    near, far = await line.pair()
    sent = 0

    async def flood() -> None:
        nonlocal sent
        while True:
            await near.send_all(bytes(1_000))
            sent += 1_000

    async with trio.open_nursery() as nursery:
        nursery.start_soon(flood)
        await trio.sleep(20)
        assert WINDOW_BYTES <= sent <= 2 * WINDOW_BYTES
        await read_exactly(far, 3 * WINDOW_BYTES)
        await trio.sleep(20)
        assert 4 * WINDOW_BYTES <= sent <= 5 * WINDOW_BYTES
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("stream", [0, 6], ids=["both ways", "a second one"])
async def test_a_peer_that_opens_more_streams_than_one_is_cut_off(
    autojump_clock: MockClock, line: Line, stream: int
) -> None:
    near, far = await line.pair()
    near._core._remote_max_streams_bidi = near._core._remote_max_streams_uni = 1_000
    await near.send_all(b"x")
    near._core.send_stream_data(stream, b"more")
    await near.send_all(b"y")
    with pytest.raises(trio.BrokenResourceError):
        await read_exactly(far, 100)


async def test_a_pipe_that_cannot_say_its_last_words_is_given_up(
    autojump_clock: MockClock, line: Line
) -> None:
    near, _ = await line.pair()
    await near.send_all(bytes(1_000))
    line.network.on_send = lambda *_: False
    await near.aclose()
    await trio.sleep(LINGER_SECONDS - 1)
    assert line.near.connections == 1
    await trio.sleep(2)
    assert line.near.connections == 0


async def test_a_sender_is_told_at_once_that_nobody_reads_though_the_end_takes_long(
    autojump_clock: MockClock, line: Line, nursery: trio.Nursery
) -> None:
    near, far = await line.pair()
    ended = trio.Event()

    async def flood() -> None:
        with pytest.raises(trio.BrokenResourceError):
            await near.send_all(bytes(10 * WINDOW_BYTES))
        ended.set()

    nursery.start_soon(flood)
    with trio.move_on_after(20):
        await far.send_all(bytes(10 * WINDOW_BYTES))  # which nobody reads either
    await far.aclose()
    with trio.fail_after(1):
        await ended.wait()


async def test_abort_is_seen_at_once_and_loses_what_was_not_sent(
    autojump_clock: MockClock, line: Line
) -> None:
    near, far = await line.pair()
    await near.send_all(bytes(WINDOW_BYTES))
    near.abort()
    before = trio.current_time()
    with pytest.raises(trio.BrokenResourceError):
        await read_exactly(far, WINDOW_BYTES)
    assert trio.current_time() - before < 1
    with pytest.raises(trio.ClosedResourceError):
        await near.receive_some(1)
    await trio.sleep(1)
    assert line.near.connections == line.end.connections == 0


async def test_an_endpoint_that_closes_tells_everybody_and_can_be_used_no_more(
    autojump_clock: MockClock, line: Line
) -> None:
    near, far = await line.pair()
    await line.end.aclose()
    await line.end.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await near.receive_some(1)
    with pytest.raises((trio.BrokenResourceError, trio.ClosedResourceError)):
        await far.receive_some(1)
    with pytest.raises(ConnectFailedError, match="our own port is closed"):
        await line.end.dial(FAR, 1)
    with pytest.raises(trio.ClosedResourceError):
        await line.end.beside.receive()


async def test_dialling_nobody_takes_as_long_as_dialling_may(
    autojump_clock: MockClock, line: Line
) -> None:
    before = trio.current_time()
    with pytest.raises(ConnectFailedError, match=r"192\.0\.2\.9:5: no answer"):
        await line.near.dial("192.0.2.9", 5)
    assert trio.current_time() - before == pytest.approx(CONNECT_SECONDS, abs=0.1)
    await trio.sleep(1)
    assert line.near.connections == 0
    with pytest.raises(ConnectFailedError, match="not an address"):
        await line.near.dial("a-name.invalid", 5)


async def test_both_sides_may_dial_each_other_on_the_same_ports_at_once(
    autojump_clock: MockClock, line: Line, nursery: trio.Nursery
) -> None:
    async def greet(stream: object, _peer_host: str) -> None:
        assert isinstance(stream, type(near))
        await stream.send_all(b"from the near side")

    nursery.start_soon(line.near.serve, greet)
    near, far = await line.pair()
    other = await line.end.dial(*line.near_port.address)
    assert await read_exactly(other, 18) == b"from the near side"
    await near.send_all(b"x")
    assert await far.receive_some(1) == b"x"


async def test_what_is_not_quic_goes_to_who_uses_the_port_beside_it(
    autojump_clock: MockClock, line: Line
) -> None:
    near, far = await line.pair()
    await line.near.beside.send(b"\x00punch", line.far_port.address)
    assert await line.end.beside.receive() == (b"\x00punch", line.near_port.address)
    assert line.end.beside.local_port == line.end.port
    await near.send_all(b"x")
    assert await far.receive_some(1) == b"x"
    with pytest.raises(Exception, match="below 0x40"):
        await line.near.beside.send(b"\x40", line.far_port.address)
    for _ in range(QUEUE_DATAGRAMS + 9):
        await line.near.beside.send(b"", line.far_port.address)
    await trio.sleep(1)
    assert line.end.beside._unread.statistics().current_buffer_used == QUEUE_DATAGRAMS
    await line.end.beside.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await line.end.beside.receive()
    await line.near.beside.send(b"", line.far_port.address)
    await near.send_all(b"y")
    assert await far.receive_some(1) == b"y"


async def test_a_handshake_that_others_do_not_finish_is_forgotten(
    autojump_clock: MockClock, line: Line
) -> None:
    line.network.on_send = lambda source, _target, _data: source == line.near_port.address
    with trio.move_on_after(0.5):
        await line.near.dial(FAR, line.end.port)
    assert line.end.connections == 1
    line.network.on_send = lambda *_: False
    await trio.sleep(HANDSHAKE_SECONDS)
    assert line.end.connections == 0


def test_importing_net_does_not_import_aioquic() -> None:
    code = "import sys, zentalk.net, zentalk.net.tcp, zentalk.net.serve, zentalk.net.ways.proxy; "
    code += "sys.exit('aioquic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_aioquic_logs_no_addresses(
    autojump_clock: MockClock, line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    near, _ = await line.pair()
    await near.aclose()
    await trio.sleep(1)
    assert not caplog.records
