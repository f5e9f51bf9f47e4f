"""K18, K24 at a relay's door for links: changed bytes and silence, on real sockets.

A whole relay serves its door on loopback, in virtual time. Whatever one client does there, an
honest one beside it is answered, nothing counts as a bug, and all that was held is given back.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trio.testing import MockClock

from tests.relay.harness import Running, World, snapshot, world
from tests.relay_http.harness import open_door
from tests.web.served import served
from zentalk.errors import REQUEST_FAULTS
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.serve import connect
from zentalk.net.tcp import TcpNetwork
from zentalk.net.transport import ByteStream
from zentalk.net.ways.websocket import open_websocket
from zentalk.relay_http.link_socket import LINK_PATH
from zentalk.relay_http.server import LIMITS
from zentalk.wire.rpc_mailbox import encode_price_request
from zentalk.wire.text import RelayUri, Scheme

LOOPBACK = "127.0.0.1"
CUT_OFF_SECONDS = 75
"""What a relay grants whoever says nothing; spec/link.md sections 9 and 11."""
PATIENCE_SECONDS = 12
"""More than a handshake may take; then a client whose bytes say that more will come hangs up."""
CLIENT_BYTES = 11_000
"""What an honest client sends in `everything`: the upgrade, and four units in messages."""
FAULTS = (*REQUEST_FAULTS, trio.BrokenResourceError, trio.ClosedResourceError, OSError)


@dataclass
class Door:
    """A relay's door on a socket, and an honest client who has come in by it."""

    net: World
    relay: Running
    uri: RelayUri
    nursery: trio.Nursery
    honest: Connection | None = None
    dialled: list[ByteStream] = field(default_factory=list)

    async def link(self, stream: ByteStream) -> Connection:
        return await connect(
            stream,
            network=self.net.network_id,
            relay_identity=self.relay.uri.identity,
            handlers=NoHandlers(),
            runtime=self.net.runtime.for_part("client"),
            nursery=self.nursery,
        )

    async def dial(self) -> ByteStream:
        self.dialled.append(await TcpNetwork().dial(LOOPBACK, self.uri.port))
        return self.dialled[-1]

    async def websocket(self) -> ByteStream:
        return await open_websocket(await self.dial(), self.uri)

    async def goes_on(self) -> None:
        """Check that the honest client is answered, and that nobody has met a bug."""
        assert self.honest is not None
        assert len(await snapshot(self.honest)) == 1
        assert "bug" not in self.relay.relay.stats().refused

    def held(self) -> tuple[int, int]:
        stats = self.relay.relay.stats()
        return stats.connections, stats.memory_bytes


@asynccontextmanager
async def door_on_a_socket(folder: Path) -> AsyncIterator[Door]:
    with capture_logs() as said:
        async with world(folder) as net:
            relay = await net.start("r1")
            app = (await open_door(net, relay)).app
            async with served(app, LIMITS) as server, trio.open_nursery() as nursery:
                uri = RelayUri(relay.uri.identity, LOOPBACK, server.port, Scheme.WS, LINK_PATH)
                door = Door(net, relay, uri, nursery)
                door.honest = await door.link(await door.websocket())
                await door.goes_on()
                yield door
                nursery.cancel_scope.cancel()
            for stream in door.dialled:
                await stream.aclose()
    assert not [line for line in said if "bug" in line["event"] or "exc_info" in line]


# --- changed bytes -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """What becomes of a client's bytes: some are replaced at one place, where it may hang up."""

    below_websocket: bool
    at: int
    remove: int
    insert: bytes
    hangs_up: bool


class Changed:
    """A stream that changes what is sent once."""

    def __init__(self, below: ByteStream, change: Change) -> None:
        self._below = below
        self._change = change
        self._sent = 0

    async def send_all(self, data: bytes, /) -> None:
        at = self._change.at - self._sent
        self._sent += len(data)
        if not 0 <= at < len(data):
            await self._below.send_all(data)
            return
        changed = data[:at] + self._change.insert + data[at + self._change.remove :]
        if changed:
            await self._below.send_all(changed)
        if self._change.hangs_up:
            await self._below.aclose()

    async def receive_some(self, max_bytes: int, /) -> bytes:
        return await self._below.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._below.aclose()


CHANGES = st.builds(
    Change,
    below_websocket=st.booleans(),
    at=st.one_of(st.integers(0, 400), st.integers(0, CLIENT_BYTES)),
    remove=st.integers(0, 12),
    insert=st.binary(max_size=12),
    hangs_up=st.booleans(),
)


async def everything(door: Door, change: Change) -> None:
    """Do what clients do, over a line that changes a few bytes of it."""
    dialled = await door.dial()
    with suppress(*FAULTS), trio.move_on_after(PATIENCE_SECONDS):
        below = Changed(dialled, change) if change.below_websocket else dialled
        stream: ByteStream = await open_websocket(below, door.uri)
        if not change.below_websocket:
            stream = Changed(stream, change)
        link = await door.link(stream)
        try:
            link.send_packet(bytes(2560))
            await link.request(encode_price_request())
        finally:
            link.close()
            await link.closed.wait()
    await dialled.aclose()


async def _changed(changes: Sequence[Change]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with door_on_a_socket(Path(folder)) as door:
            before = door.held()
            async with trio.open_nursery() as nursery:
                for change in changes:
                    nursery.start_soon(everything, door, change)
            await door.goes_on()
            await trio.sleep(1)
            assert door.held() == before


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.lists(CHANGES, min_size=1, max_size=8))
def test_k24_a_client_whose_bytes_are_changed_anywhere_costs_nobody_else(
    changes: list[Change],
) -> None:
    trio.run(_changed, changes, clock=MockClock(autojump_threshold=0.05))


async def test_k24_control_without_a_change_the_client_is_answered(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    """Else nothing would have got as far as what was to be changed."""
    mock_clock.autojump_threshold = 0.05
    unchanged = Change(True, 10**9, 0, b"", False)
    async with door_on_a_socket(tmp_path) as door:
        sent: list[int] = []
        send_all = Changed.send_all

        async def counted(stream: Changed, data: bytes, /) -> None:
            sent.append(len(data))
            await send_all(stream, data)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Changed, "send_all", counted)
            await everything(door, unchanged)
        assert 0.9 * CLIENT_BYTES < sum(sent) < 1.1 * CLIENT_BYTES
        assert door.relay.relay.stats().refused == {"malformed": 1}, "its packet was all zeros"


# --- silence -------------------------------------------------------------------------------------


async def upgrade_in_part(door: Door) -> Any:
    stream = await door.dial()
    await stream.send_all(b"GET /relay/link HTTP/1.1\r\nHost: relay\r\nUpgra")
    return stream


async def frame_in_part(door: Door) -> Any:
    stream = await door.websocket()
    below: ByteStream = stream._below  # type: ignore[attr-defined]
    await below.send_all(b"\x82\xfe\x10")
    return stream


async def handshake_in_part(door: Door) -> Any:
    stream = await door.websocket()
    await stream.send_all(bytes(1000))
    return stream


async def link_that_stops(door: Door) -> Any:
    """Open a link and then neither read nor write: a machine that lost its line."""
    stop = trio.Event()

    async def stopped(stream: ByteStream) -> bytes:
        await trio.sleep_forever()
        return b""

    stream = Stopping(await door.websocket(), stop, stopped)
    link = await door.link(stream)
    await snapshot(link)
    stop.set()
    return link


async def unit_in_part(door: Door) -> Any:
    link = await link_that_stops(door)
    await link._stream._below.send_all(b"\x01" + bytes(100))
    return link


class Stopping:
    """A stream that sends nothing any more once it has stopped, and reads as `then` does."""

    def __init__(
        self, below: ByteStream, stop: trio.Event, then: Callable[[ByteStream], Awaitable[bytes]]
    ) -> None:
        self._below = below
        self._stop = stop
        self._then = then

    async def send_all(self, data: bytes, /) -> None:
        if not self._stop.is_set():
            await self._below.send_all(data)

    async def receive_some(self, max_bytes: int, /) -> bytes:
        if self._stop.is_set():
            return await self._then(self._below)
        return await self._below.receive_some(max_bytes)

    async def aclose(self) -> None:
        if not self._stop.is_set():
            await self._below.aclose()


@pytest.mark.parametrize(
    ("begin", "seconds"),
    [
        (upgrade_in_part, 30),
        (frame_in_part, 5),
        (handshake_in_part, 5),
        (link_that_stops, CUT_OFF_SECONDS),
        (unit_in_part, 2 * CUT_OFF_SECONDS),
    ],
)
async def test_k18_whoever_stops_anywhere_is_cut_off_and_holds_nothing(
    begin: Callable[[Door], Awaitable[Any]],
    seconds: int,
    tmp_path: Path,
    mock_clock: MockClock,
) -> None:
    mock_clock.autojump_threshold = 0.05
    async with door_on_a_socket(tmp_path) as door:
        before = door.held()
        kept = [await begin(door) for _ in range(5)]
        await trio.sleep(1)
        await door.goes_on()
        await trio.sleep(seconds + 5)
        assert door.held() == before
        await door.goes_on()
        assert kept, "they are held on to here"
