"""Dialling and serving: deadlines, wrong keys, and peers that hang up or talk nonsense."""

from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from tests.net.support import NETWORK, Relay, World, virtual
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import (
    ConnectFailedError,
    DeadlineError,
    HandshakeError,
    LinkClosedError,
    RemoteProtocolError,
)
from zentalk.link.geometry import UNIT_SMALL_BYTES
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import seeded_entropy
from zentalk.net.serve import HANDSHAKE_SECONDS, connect
from zentalk.net.transport import ByteStream, run_guarded

Serve = Callable[[ByteStream, str], Awaitable[None]]


async def dial_to(
    handler: Serve, nursery: trio.Nursery, identity: bytes, network: str = NETWORK
) -> Connection:
    """Run the initiator against a listener of any kind."""
    memory = MemoryNetwork(0.01)
    listener = await memory.host("relay").listen("relay", 1)
    nursery.start_soon(listener.serve, handler)
    stream = await memory.host("client").dial("relay", 1)
    return await connect(
        stream,
        network=network,
        relay_identity=identity,
        handlers=NoHandlers(),
        runtime=virtual(),
        nursery=nursery,
    )


OTHER = SigningKey.generate(seeded_entropy(b"other"))


async def test_a_silent_relay_is_given_up_after_five_seconds(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    async def silent(stream: ByteStream, _peer_host: str) -> None:
        await trio.sleep_forever()

    with pytest.raises(DeadlineError):
        await dial_to(silent, nursery, OTHER.public)
    assert trio.current_time() == pytest.approx(HANDSHAKE_SECONDS, abs=0.1)


async def test_a_relay_that_hangs_up_or_talks_nonsense(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    async def hang_up(stream: ByteStream, _peer_host: str) -> None:
        await stream.receive_some(10_000)

    async def nonsense(stream: ByteStream, _peer_host: str) -> None:
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n" * 200)
        await trio.sleep(1)

    with pytest.raises(LinkClosedError):
        await dial_to(hang_up, nursery, OTHER.public)
    with pytest.raises(HandshakeError):
        await dial_to(nonsense, nursery, OTHER.public)


async def test_a_relay_with_another_key_or_network(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    relay = Relay("relay", MemoryNetwork().host("relay"), virtual())
    # The responder hangs up without a word: the initiator learns no more than that.
    with pytest.raises(LinkClosedError):
        await dial_to(relay.take, nursery, OTHER.public)
    with pytest.raises(LinkClosedError):
        await dial_to(relay.take, nursery, relay.key.public, network="main")
    with pytest.raises(HandshakeError):
        await dial_to(relay.take, nursery, bytes(32))
    assert relay.accepted == []


@pytest.mark.parametrize("sent", [b"", b"x", bytes(UNIT_SMALL_BYTES - 1)])
async def test_a_silent_client_is_given_up_after_five_seconds(
    autojump_clock: MockClock, world: World, sent: bytes
) -> None:
    (relay,) = await world.add(1)
    stream = await world.memory.host("slow").dial("relay-0", relay.uri.port)
    before = trio.current_time()
    if sent:
        await stream.send_all(sent)
    assert await stream.receive_some(10_000) == b""
    assert trio.current_time() == pytest.approx(before + HANDSHAKE_SECONDS, abs=0.1)


async def test_one_broken_connection_never_ends_a_listener(
    autojump_clock: MockClock, world: World
) -> None:
    (relay,) = await world.add(1)
    for sent in (b"\0" * 10_000, b"GET / HTTP/1.1\r\n\r\n" * 200, b""):
        stream = await world.memory.host("bad").dial("relay-0", relay.uri.port)
        if sent:
            await stream.send_all(sent)
            assert await stream.receive_some(100_000) == b""
        await stream.aclose()
    client = await world.client(relay)
    await client._stream.aclose()
    assert await (await world.client(relay)).request(b"alive") == b"relay-0: alive"


@pytest.mark.parametrize(
    "fault",
    [
        OSError("gone"),
        trio.BrokenResourceError(),
        trio.ClosedResourceError(),
        RemoteProtocolError("bad"),
        ConnectFailedError("x:1", "refused"),
        ExceptionGroup(
            "several", [OSError("gone"), ExceptionGroup("more", [HandshakeError("no")])]
        ),
    ],
    ids=repr,
)
async def test_peers_faults_end_their_own_connection_only(
    autojump_clock: MockClock, fault: Exception
) -> None:
    closed = []

    class Stream:
        async def aclose(self) -> None:
            closed.append(True)

    async def fail(_stream: ByteStream, _peer_host: str) -> None:
        raise fault

    await run_guarded(fail, Stream(), "")  # type: ignore[arg-type]
    assert closed == [True]


@pytest.mark.parametrize(
    "bug", [KeyError("x"), ExceptionGroup("several", [OSError("gone"), KeyError("x")])], ids=repr
)
async def test_our_own_bugs_are_not_hidden(autojump_clock: MockClock, bug: Exception) -> None:
    class Stream:
        async def aclose(self) -> None:
            pass

    async def fail(_stream: ByteStream, _peer_host: str) -> None:
        raise bug

    with pytest.raises((KeyError, ExceptionGroup)):
        await run_guarded(fail, Stream(), "")  # type: ignore[arg-type]
