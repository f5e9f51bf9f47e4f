"""What strangers can do to a port: begin and not go on, send garbage, stand in between."""

from __future__ import annotations

from collections import Counter

import pytest
import trio
from aioquic.buffer import Buffer  # type: ignore[attr-defined]  # not in its stub
from aioquic.quic.packet import encode_quic_version_negotiation, pull_quic_header
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.net.contract.test_bytes import read_exactly
from tests.net.contract.ways import FAR, NEAR
from tests.net.quic.support import Line, opened
from tests.net.support import NETWORK, Relay, virtual
from zentalk.errors import ConnectFailedError, HandshakeError, LinkClosedError
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.datagrams import Address
from zentalk.net.memory import MemoryNetwork
from zentalk.net.quic import endpoint
from zentalk.net.quic.core import QuicCore
from zentalk.net.quic.endpoint import QuicEndpoint
from zentalk.net.quic.places import PipePlaces
from zentalk.net.quic.settings import (
    DEFAULT_LIMITS,
    HANDSHAKE_SECONDS,
    QuicLimits,
    client_settings,
)
from zentalk.net.runtime import seeded_entropy
from zentalk.net.serve import connect
from zentalk.net.splice import splice
from zentalk.net.transport import ByteStream

CROWD = [(f"198.51.100.{number}", 5_000) for number in range(200)]


def first_datagrams(target: Address) -> list[bytes]:
    """What somebody sends who begins a handshake."""
    core = QuicCore(client_settings())
    core.connect(target, trio.current_time())
    return [data for data, _ in core.datagrams_to_send(trio.current_time())]


async def works(line: Line) -> None:
    near, far = await line.pair()
    await near.send_all(b"hello")
    assert await read_exactly(far, 5) == b"hello"
    await near.aclose()


async def test_two_hundred_that_begin_a_handshake_get_few_places_and_keep_nobody_out(
    autojump_clock: MockClock, line: Line
) -> None:
    target = line.far_port.address
    for source in CROWD:
        for data in first_datagrams(target):
            line.network.carry(source, target, data)
    await trio.sleep(0.1)
    assert line.end.connections == DEFAULT_LIMITS.half_open_unproven
    sent, answered = Counter[Address](), Counter[Address]()
    for source, at, data in line.seen:
        sent[source] += len(data)
        answered[at] += len(data)
    assert all(answered[source] <= 3 * sent[source] for source in CROWD)
    small = [source for source in CROWD if 0 < answered[source] < 200]
    assert len(small) == 200 - DEFAULT_LIMITS.half_open_unproven, "of the others a proof is wanted"
    before = trio.current_time()
    await works(line)
    assert trio.current_time() - before < 1
    await trio.sleep(HANDSHAKE_SECONDS + 1)
    assert line.end.connections == 0


async def test_control_if_no_proof_were_wanted_two_hundred_would_keep_others_out(
    autojump_clock: MockClock, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PipePlaces, "wants_proof", lambda *_: False)
    target = line.far_port.address
    for source in CROWD:
        for data in first_datagrams(target):
            line.network.carry(source, target, data)
    await trio.sleep(0.1)
    assert line.end.connections == DEFAULT_LIMITS.half_open
    with pytest.raises(trio.TooSlowError), trio.fail_after(1):
        await works(line)


async def test_one_source_has_few_connections_and_a_port_not_many(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    line = await opened(nursery, limits=QuicLimits(connections=4, per_source=3))
    pipes = [(await line.pair())[0] for _ in range(3)]
    with trio.move_on_after(3) as patience:
        await line.pair()
    assert patience.cancelled_caught, "it is one too many of one source"
    others = [QuicEndpoint(line.network.bind(f"203.0.113.{n}"), bytes) for n in range(2)]
    for other in others:
        await nursery.start(other.run)
    await others[0].dial(FAR, line.end.port)
    with pytest.raises(ConnectFailedError):
        await others[1].dial(FAR, line.end.port)
    with pytest.raises(ConnectFailedError, match="too many connections"):
        await line.end.dial(NEAR, 9)
    await pipes[0].aclose()
    await trio.sleep(1)
    await line.pair()
    nursery.cancel_scope.cancel()


async def test_nobody_is_answered_while_nobody_serves(
    autojump_clock: MockClock, line: Line
) -> None:
    target = line.near_port.address
    for data in first_datagrams(target):
        line.network.carry(line.far_port.address, target, data)
    await trio.sleep(1)
    assert not line.sizes(target)
    assert line.near.connections == 0


@pytest.mark.parametrize("wants_proof", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:1] + b"\x6b\x33\x43\xcf" + data[5:],
        lambda data: data[:1] + bytes(4) + data[5:],
        lambda data: data[:1_199],
        lambda data: data[:99] + bytes([data[99] ^ 1]) + data[100:],
        lambda data: bytes([data[0] & 0xBF]) + data[1:],
    ],
    ids=["version 2", "version 0", "too short", "changed", "no fixed bit"],
)
async def test_a_beginning_that_is_wrong_is_not_answered_and_leaves_nothing(
    autojump_clock: MockClock,
    line: Line,
    monkeypatch: pytest.MonkeyPatch,
    change: object,
    wants_proof: bool,
) -> None:
    assert callable(change)
    monkeypatch.setattr(PipePlaces, "wants_proof", lambda *_: wants_proof)
    target = line.far_port.address
    [data] = first_datagrams(target)
    changed = change(data)
    line.network.carry(CROWD[0], target, changed)
    await trio.sleep(1)
    # One whose keys do not fit is asked for a proof like any other: keys are looked at after it.
    has_form = len(changed) == len(data) and changed[:20] == data[:20]
    assert bool(line.sizes(target)) == (wants_proof and has_form)
    assert line.end.connections == 0
    assert not line.end._pipes
    line.seen.clear()
    line.network.carry(CROWD[0], target, data)
    await trio.sleep(1)
    assert line.sizes(target), "unchanged it is answered"


def spoiled(data: bytes) -> bytes:
    """An Initial whose form is right and whose content cannot be read."""
    return data[:99] + bytes([data[99] ^ 1]) + data[100:]


async def test_after_a_beginning_that_was_none_everybody_has_to_prove_its_address(
    autojump_clock: MockClock, line: Line
) -> None:
    target = line.far_port.address

    sources = iter(CROWD)

    async def answers_to(data: bytes) -> list[int]:
        asking = next(sources)
        line.network.carry(asking, target, data)
        await trio.sleep(0.1)
        return [len(data) for _, at, data in line.seen if at == asking]

    assert max(await answers_to(first_datagrams(target)[0])) == 1_200
    assert await answers_to(spoiled(first_datagrams(target)[0])) == []
    assert max(await answers_to(first_datagrams(target)[0])) < 200
    assert line.end.connections == 1
    await works(line)
    await trio.sleep(HANDSHAKE_SECONDS)
    assert max(await answers_to(first_datagrams(target)[0])) == 1_200


async def test_who_has_proven_its_address_has_few_tries(
    autojump_clock: MockClock, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PipePlaces, "wants_proof", lambda *_: True)
    target = line.far_port.address
    for _ in range(3 * DEFAULT_LIMITS.per_source):
        line.network.carry(CROWD[0], target, spoiled(await proven(line, CROWD[0])))
    await trio.sleep(0.1)
    assert line.end.connections == DEFAULT_LIMITS.per_source
    await trio.sleep(HANDSHAKE_SECONDS)
    assert line.end.connections == 0


async def proven(line: Line, source: Address) -> bytes:
    """Return the Initial with which somebody comes again who was asked for a proof."""
    target = line.far_port.address
    core = QuicCore(client_settings())
    core.connect(target, trio.current_time())
    [(first, _)] = core.datagrams_to_send(trio.current_time())
    line.seen.clear()
    line.network.carry(source, target, first)
    await trio.sleep(0.1)
    [retry] = [data for sender, _, data in line.seen if sender == target]
    core.receive_datagram(retry, target, trio.current_time())
    [(second, _)] = core.datagrams_to_send(trio.current_time())
    return second


async def test_who_says_that_we_speak_no_version_in_common_is_not_believed(
    autojump_clock: MockClock, line: Line
) -> None:
    """It is not signed with anything, so that anybody on the line could end every handshake."""

    def lie(source: Address, target: Address, data: bytes) -> bool:
        if source != line.near_port.address or data[0] < 0x80 or data[1:5] == bytes(4):
            return True
        header = pull_quic_header(Buffer(data=data), host_cid_length=8)
        line.network.carry(
            target,
            source,
            encode_quic_version_negotiation(
                source_cid=header.destination_cid,
                destination_cid=header.source_cid,
                supported_versions=[0x6B3343CF],
            ),
        )
        return True

    line.network.on_send = lie
    await works(line)


async def test_a_proof_of_another_address_is_none(
    autojump_clock: MockClock, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PipePlaces, "wants_proof", lambda *_: True)
    target = line.far_port.address
    second = await proven(line, CROWD[0])
    line.network.carry(CROWD[1], target, second)
    await trio.sleep(0.1)
    assert line.end.connections == 0
    line.network.carry(CROWD[0], target, second)
    await trio.sleep(0.1)
    assert line.end.connections == 1


Change = tuple[int, int, int]
changes = st.tuples(st.integers(0, 200), st.integers(0, 1_471), st.integers(0, 255))


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=1_472), max_size=20), st.lists(changes, max_size=60))
def test_garbage_and_changed_datagrams_end_nothing(
    garbage: list[bytes], changed: list[Change]
) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            line = await opened(nursery)
            nursery.start_soon(line.near.serve, line.far.take)
            near, far = await line.pair()
            await near.send_all(bytes(5_000))
            await read_exactly(far, 5_000)
            real = list(line.seen)
            for index, position, byte in changed:
                source, target, data = real[index % len(real)]
                place = position % len(data)
                line.network.carry(source, target, data[:place] + bytes([byte]) + data[place + 1 :])
            for data in garbage:
                for target in (line.near_port.address, line.far_port.address):
                    line.network.carry(CROWD[0], target, data)
            await trio.sleep(HANDSHAKE_SECONDS + 1)
            await far.send_all(b"well")
            assert await read_exactly(near, 4) == b"well"
            await works(line)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_garbage_with_our_id_keeps_no_sign_of_life_away(
    autojump_clock: MockClock, line: Line
) -> None:
    near, far = await line.pair()
    await near.send_all(b"x")
    await trio.sleep(1)
    seen = {source: (source, target, data) for source, target, data in line.seen}
    for _ in range(100):
        await trio.sleep(1)
        for source, target, data in seen.values():
            line.network.carry(source, target, data[:-1] + bytes([data[-1] ^ 1]))
    await near.send_all(b"y")
    assert await read_exactly(far, 2) == b"xy"


async def _for_ever(*_arguments: object) -> None:
    await trio.sleep_forever()


@pytest.mark.parametrize(
    "seconds", [0.025, 1.0], ids=["in the handshake", "before it is handed over"]
)
async def test_what_nobody_serves_any_more_is_ended(
    autojump_clock: MockClock, line: Line, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(line.near, "_hand_over", _for_ever)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.near.serve, line.far.take)
        nursery.start_soon(line.end.dial, *line.near_port.address)
        await trio.sleep(seconds)
        assert line.near.connections == 1
        nursery.cancel_scope.cancel()
    await trio.sleep(1)
    assert line.near.connections == 0


async def test_a_fault_of_the_library_ends_one_connection_only(
    autojump_clock: MockClock, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_arguments: object) -> None:
        raise KeyError("a bug")

    near, far = await line.pair()
    other, other_far = await line.pair()
    monkeypatch.setattr(near._core, "receive_datagram", fails)
    await far.send_all(b"x")
    with pytest.raises(trio.BrokenResourceError), trio.fail_after(1):
        await near.receive_some(1)
    monkeypatch.setattr(endpoint, "QuicCore", fails)
    for data in first_datagrams(line.far_port.address):
        line.network.carry(CROWD[0], line.far_port.address, data)
    await trio.sleep(1)
    await other_far.send_all(b"y")
    assert await other.receive_some(1) == b"y"


async def linked(line: Line, relay: Relay, nursery: trio.Nursery) -> Connection:
    return await connect(
        await line.near.dial(FAR, line.end.port),
        network=NETWORK,
        relay_identity=relay.key.public,
        handlers=NoHandlers(),
        runtime=virtual(),
        nursery=nursery,
    )


def relay_named(name: str) -> Relay:
    return Relay(name, MemoryNetwork().host(name), virtual())


async def test_whoever_answers_without_the_relays_key_fails_in_the_links_handshake(
    autojump_clock: MockClock, line: Line, nursery: trio.Nursery
) -> None:
    async def pretend(stream: ByteStream, _peer_host: str) -> None:
        await stream.receive_some(10_000)
        await stream.send_all(bytes(10_000))
        await trio.sleep_forever()

    line.far.handler = pretend
    with pytest.raises(HandshakeError):
        await linked(line, relay_named("meant"), nursery)
    line.far.handler = relay_named("another").take
    with pytest.raises(LinkClosedError):  # it cannot even read what it is asked
        await linked(line, relay_named("meant"), nursery)


async def test_one_in_between_with_its_own_certificate_can_only_pass_on_what_it_cannot_read(
    autojump_clock: MockClock, line: Line, nursery: trio.Nursery
) -> None:
    relay = relay_named("meant")
    beyond = QuicEndpoint(line.network.bind("203.0.113.5"), seeded_entropy(b"beyond"))
    await nursery.start(beyond.run)
    nursery.start_soon(beyond.serve, relay.take)

    async def pass_on(stream: ByteStream, _peer_host: str) -> None:
        await splice(stream, await line.end.dial("203.0.113.5", beyond.port))

    line.far.handler = pass_on
    link = await linked(line, relay, nursery)
    assert await link.request(b"hello") == b"meant: hello"
    link.close()
    await link.closed.wait()
