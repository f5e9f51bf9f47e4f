"""A connection over the in-memory network, in virtual time: calls, packets, keepalive, the end."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.net.support import SMALL, Relay, World
from zentalk.errors import (
    DeadlineError,
    DecodeError,
    LinkClosedError,
    LocalProtocolError,
    RefusedError,
)
from zentalk.link import outbox as outbox_module
from zentalk.link.geometry import UNIT_SMALL_BYTES
from zentalk.link.outbox import CONTROL, FLOWS_OF_A_LINK
from zentalk.link.rpc import split_message
from zentalk.link.streams import CLIENT_STREAMS, FLOWS_PER_STREAM
from zentalk.link.traffic import CLIENT_PACKET_QUEUE_BYTES
from zentalk.net import connection as connection_module
from zentalk.net.connection import MAX_REQUESTS, Connection, NoHandlers
from zentalk.wire.descriptor import node_id_of
from zentalk.wire.frames import RPC_REQUEST, Frame, Open, encode_frame
from zentalk.wire.rpc import decode_response


class Recorder(NoHandlers):
    """Keeps what a client is told."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self.notes: list[bytes] = []

    def packet_received(self, _connection: Connection, packet: bytes, /) -> None:
        self.packets.append(packet)

    def notify_received(self, _connection: Connection, body: bytes, /) -> None:
        self.notes.append(body)


async def test_calls_notes_and_packets_go_both_ways(
    autojump_clock: MockClock, world: World
) -> None:
    (relay,) = await world.add(1)
    recorder = Recorder()
    client = await world.client(relay, handlers=recorder)
    assert await client.request(b"hello") == b"relay-0: hello"
    (served,) = relay.accepted
    assert served.handshake_hash == client.handshake_hash
    assert served.peer.is_client
    assert client.peer.node_id == node_id_of(relay.key.public)
    client.notify(b"note")
    assert client.send_packet(SMALL)
    served.notify(b"pushed")
    assert served.send_packet(SMALL)
    assert decode_error(await served.request(b"what?")) == "unknown"
    assert (relay.notes, relay.packets) == ([b"note"], [SMALL])
    assert (recorder.notes, recorder.packets) == ([b"pushed"], [SMALL])
    assert "client" in repr(served)
    assert client.unit_sizes == served.unit_sizes == {UNIT_SMALL_BYTES}


def decode_error(body: bytes) -> str:
    with pytest.raises(RefusedError) as caught:
        decode_response(body)
    return caught.value.reason


async def test_two_relays_know_each_other(autojump_clock: MockClock, world: World) -> None:
    first, second = await world.add(2)
    link = await first.link_to(second.node_id)
    assert await link.request(b"x" * 200_000) == b"relay-1: " + b"x" * 200_000
    (served,) = second.accepted
    assert served.peer.node_id == first.node_id
    assert served.peer.descriptor is not None
    assert served.peer.descriptor.uri == first.uri
    assert link.unit_sizes == served.unit_sizes == set()
    assert await served.request(b"back") == b"relay-0: back"


async def test_an_answer_that_does_not_come(autojump_clock: MockClock, world: World) -> None:
    (relay,) = await world.add(1)
    client = await world.client(relay)

    async def slow(_connection: Connection, body: bytes) -> bytes:
        await trio.sleep(15)
        return body

    relay.answer = slow
    before = trio.current_time()
    with pytest.raises(DeadlineError):
        await client.request(b"", timeout_seconds=12)
    assert trio.current_time() == before + 12
    await trio.sleep(10)  # the late answer is dropped
    assert await client.request(b"again", timeout_seconds=20) == b"again"
    assert client._waiting == {}


async def test_more_questions_than_the_relay_works_on_are_refused(
    autojump_clock: MockClock, world: World
) -> None:
    (relay,) = await world.add(1)
    client = await world.client(relay)
    working = 0

    async def slow(_connection: Connection, body: bytes) -> bytes:
        nonlocal working
        working += 1
        assert working <= MAX_REQUESTS
        await trio.sleep(5)
        working -= 1
        return b""

    relay.answer = slow
    answers: list[bytes] = []

    async def ask() -> None:
        answers.append(await client.request(b""))

    async with trio.open_nursery() as nursery:
        for _ in range(MAX_REQUESTS + 10):
            nursery.start_soon(ask)
    assert answers.count(b"") == MAX_REQUESTS
    assert {decode_error(answer) for answer in answers if answer} == {"busy"}


async def opens_more_than_it_may_and_asks(world: World) -> Relay:
    """Opens as many streams as queues bear, to be refused, and asks questions in the same read."""
    (relay,) = await world.add(1)
    relay.stream_opened = _never_accepts  # type: ignore[method-assign]
    relay.request_received = _answers_at_once  # type: ignore[method-assign]
    client = await world.client(relay)
    traffic = client._traffic
    streams = CLIENT_STREAMS + FLOWS_OF_A_LINK + FLOWS_PER_STREAM * CLIENT_STREAMS
    frames: list[Frame] = [Open(2 * number + 1, None, 0, 0) for number in range(streams)]
    for call_id in range(3):
        size = traffic._call_piece_bytes
        frames += split_message(RPC_REQUEST, call_id, b"who?", size, padded=True)
    for frame in frames:
        assert traffic._outbox.put(CONTROL, encode_frame(frame), 10**6)
    client._pump.wake()
    await trio.sleep(5)
    return relay


async def _never_accepts(*_arguments: object) -> None:
    await trio.sleep_forever()


async def _answers_at_once(_connection: Connection, _body: bytes) -> bytes:
    return b"me"


async def test_streams_without_end_leave_room_for_answers(
    autojump_clock: MockClock, world: World
) -> None:
    """Else an answer without a place would be our own error, and a relay ends of those."""
    relay = await opens_more_than_it_may_and_asks(world)
    assert await (await world.client(relay)).request(b"still there?") == b"me"


async def test_streams_without_end_control_without_room_for_answers_a_relay_ends(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "_OF_A_LINK", frozenset())
    monkeypatch.setattr(outbox_module, "FLOWS_OF_A_LINK", 0)
    with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012 - whichever task is the first
        for _ in range(20):
            async with trio.open_nursery() as nursery:
                await opens_more_than_it_may_and_asks(World(nursery))
                nursery.cancel_scope.cancel()
    assert caught.value.split(LocalProtocolError)[0] is not None


@pytest.mark.parametrize("who", ["client", "relay"])
async def test_closing_ends_both_sides_and_what_waits(
    autojump_clock: MockClock, world: World, who: str
) -> None:
    (relay,) = await world.add(1)
    client = await world.client(relay)
    (served,) = relay.accepted

    async def never(_connection: Connection, _body: bytes) -> bytes:
        await trio.sleep_forever()
        return b""

    relay.answer = never

    async def close_later() -> None:
        await trio.sleep(1)
        (client if who == "client" else served).close()

    world.nursery.start_soon(close_later)
    with pytest.raises(LinkClosedError):
        await client.request(b"")
    await client.closed.wait()
    await served.closed.wait()
    assert trio.current_time() < 60
    with pytest.raises(LinkClosedError):
        await client.request(b"")
    with pytest.raises(LinkClosedError):
        client.notify(b"")
    with pytest.raises(LinkClosedError):
        await client.open_stream(None, 0)
    assert not client.send_packet(SMALL)
    assert "closed" in repr(client)
    assert not client.is_open
    client.close()
    client.abort()


async def test_k18_a_peer_that_asks_without_reading_is_cut_off(
    autojump_clock: MockClock, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "CALLS_ENOUGH_BYTES", 100_000)
    (relay,) = await world.add(1)
    client = await world.client(relay)
    (served,) = relay.accepted

    async def never(_connection: Connection, _body: bytes) -> bytes:
        await trio.sleep_forever()
        return b""

    relay.answer = never
    # Its writer hangs in a send, as it does when the peer's window is closed.
    monkeypatch.setattr(served._pump, "_send_now", lambda _data: 0)
    monkeypatch.setattr(served._stream, "send_all", hang)
    for _ in range(MAX_REQUESTS + 50):
        client._traffic.request(b"")
        client._pump.wake()
    await served.closed.wait()
    assert served._traffic.calls_queued_bytes < 200_000


async def hang(_data: bytes) -> None:
    await trio.sleep_forever()


async def test_what_was_queued_before_closing_is_sent(
    autojump_clock: MockClock, world: World
) -> None:
    (relay,) = await world.add(1)
    client = await world.client(relay)
    client.notify(b"last words")
    client.close()
    await relay.accepted[0].closed.wait()
    assert relay.notes == [b"last words"]


async def test_closing_does_not_wait_for_a_peer_that_is_gone(
    autojump_clock: MockClock, world: World
) -> None:
    (relay,) = await world.add(1)
    client = await world.client(relay)
    world.memory.cut("client", "relay-0")
    while client.send_packet(SMALL):
        pass
    before = trio.current_time()
    client.close()
    await client.closed.wait()
    assert trio.current_time() <= before + 2


async def test_a_peer_that_breaks_the_protocol_is_cut_off_and_nobody_else(
    autojump_clock: MockClock, world: World
) -> None:
    (relay,) = await world.add(1)
    bad, good = await world.client(relay), await world.client(relay)

    async def check(_connection: Connection, body: bytes) -> bytes:
        await trio.lowlevel.checkpoint()
        if body == b"bad":
            raise DecodeError("a field is not valid")
        return body

    relay.answer = check
    with pytest.raises(LinkClosedError):
        await bad.request(b"bad")
    await bad.closed.wait()
    assert await good.request(b"good") == b"good"
    # Bytes that are no record end a link just as quietly.
    await good._stream.send_all(b"\1" * UNIT_SMALL_BYTES)
    await good.closed.wait()
    assert await (await world.client(relay)).request(b"third") == b"third"


async def test_a_handler_that_fails_on_a_note_or_packet_ends_the_link(
    autojump_clock: MockClock, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: Relay, _connection: Connection, _body: bytes) -> None:
        raise DecodeError("no")

    monkeypatch.setattr(Relay, "notify_received", refuse)
    (relay,) = await world.add(1)
    client = await world.client(relay)
    client.notify(b"")
    await client.closed.wait()


async def test_a_full_queue_refuses_packets_and_drains_again(
    autojump_clock: MockClock, world: World
) -> None:
    (relay,) = await world.add(1)
    client = await world.client(relay)
    world.memory.cut("client", "relay-0")
    taken = 0
    for _ in range(5):
        while client.send_packet(SMALL):
            taken += 1
        await wait_all_tasks_blocked()
    assert taken * len(SMALL) < CLIENT_PACKET_QUEUE_BYTES + 600_000
    assert not client.has_packet_room(len(SMALL))
    assert not client.send_packet(SMALL)
    world.memory.mend("client", "relay-0")
    await trio.sleep(1)
    assert len(relay.packets) == taken
    assert client.has_packet_room(len(SMALL))
    assert client.send_packet(SMALL)


async def test_a_drain_is_one_send(autojump_clock: MockClock, world: World) -> None:
    (relay,) = await world.add(1)
    client = await world.client(relay)
    sends: list[int] = []
    world.memory.on_wire = lambda source, _target, data: sends.append(len(data))
    for _ in range(20):
        client.send_packet(SMALL)
    await trio.sleep(1)
    assert sends == [20 * UNIT_SMALL_BYTES]


async def test_an_idle_client_link_is_kept_alive(autojump_clock: MockClock, world: World) -> None:
    (relay,) = await world.add(1)
    client = await world.client(relay)
    sends: list[str] = []
    world.memory.on_wire = lambda source, _target, data: sends.append(source)
    await trio.sleep(305)
    assert sends == ["client", "relay-0"] * 10
    assert not client.closed.is_set()


async def test_an_idle_relay_link_is_silent(autojump_clock: MockClock, world: World) -> None:
    first, second = await world.add(2)
    link = await first.link_to(second.node_id)
    await trio.sleep(1)
    sends: list[int] = []
    world.memory.on_wire = lambda _source, _target, data: sends.append(len(data))
    before = link.last_activity
    await trio.sleep(3_600)
    assert sends == []
    assert not link.closed.is_set()
    assert link.last_activity == before
    await link.request(b"")
    assert link.last_activity > before + 3_600


async def test_a_relay_that_sends_into_silence_gives_the_link_up(
    autojump_clock: MockClock, world: World
) -> None:
    first, second = await world.add(2)
    link = await first.link_to(second.node_id)
    await link.request(b"")
    await trio.sleep(500)
    world.memory.cut("relay-0", "relay-1")
    await trio.sleep(500)
    assert link.is_open
    before = trio.current_time()
    assert link.send_packet(SMALL)
    await link.closed.wait()
    assert before + 75 <= trio.current_time() <= before + 110


async def test_one_way_traffic_keeps_a_relay_link(autojump_clock: MockClock, world: World) -> None:
    first, second = await world.add(2)
    link = await first.link_to(second.node_id)
    for _ in range(50):
        assert link.send_packet(SMALL)
        await trio.sleep(20)
    assert len(second.packets) == 50
    # Once both are idle, neither keeps the other awake with pings and their answers.
    await trio.sleep(200)
    sends: list[int] = []
    world.memory.on_wire = lambda _source, _target, data: sends.append(len(data))
    await trio.sleep(1_000)
    assert sends == []


async def test_both_ends_notice_that_the_other_is_gone(
    autojump_clock: MockClock, world: World
) -> None:
    (relay,) = await world.add(1)
    client = await world.client(relay)
    (served,) = relay.accepted
    before = trio.current_time()
    world.memory.cut("client", "relay-0")
    await client.closed.wait()
    assert trio.current_time() == pytest.approx(before + 75, abs=2)
    await served.closed.wait()
    assert trio.current_time() == pytest.approx(before + 75, abs=2)


async def test_a_killed_relay_is_noticed_at_once(autojump_clock: MockClock, world: World) -> None:
    (relay,) = await world.add(1)
    client = await world.client(relay)
    before = trio.current_time()
    world.memory.kill("relay-0")
    await client.closed.wait()
    assert trio.current_time() == before


async def test_a_peer_that_reads_no_notes_is_cut_off(
    autojump_clock: MockClock, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "CALLS_ENOUGH_BYTES", 100_000)
    (relay,) = await world.add(1)
    client = await world.client(relay)
    world.memory.cut("client", "relay-0")

    async def flood() -> None:
        while True:
            client.notify(bytes(50_000))
            await wait_all_tasks_blocked()

    with pytest.raises(LinkClosedError, match="does not read"):
        await flood()
    await client.closed.wait()


async def test_questions_wait_for_room(
    autojump_clock: MockClock, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "CALLS_ENOUGH_BYTES", 100_000)
    (relay,) = await world.add(1)
    client = await world.client(relay)
    world.memory.cut("client", "relay-0")
    late: list[bool] = []

    async def ask() -> None:
        with pytest.raises(DeadlineError):
            await client.request(bytes(50_000))
        late.append(True)

    async with trio.open_nursery() as nursery:
        for _ in range(30):
            nursery.start_soon(ask)
    assert len(late) == 30
    assert client._traffic.calls_queued_bytes < 300_000
    world.memory.mend("client", "relay-0")
    assert await client.request(b"now") == b"relay-0: now"
