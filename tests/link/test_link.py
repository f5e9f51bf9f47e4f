"""Two whole links in memory: everything goes through whatever the pieces, garbage ends them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.link.support import (
    RELAY,
    credentials,
    drain,
    feed,
    initiator,
    open_pair,
    responder,
    seeded,
)
from zentalk.errors import DecodeError, LocalProtocolError, RefusedError, RemoteProtocolError
from zentalk.link.events import (
    Event,
    LinkOpened,
    NotifyReceived,
    RequestReceived,
    ResponseReceived,
    StreamAccepted,
    StreamReadable,
    StreamRequested,
)
from zentalk.link.geometry import UNIT_LARGE_BYTES, UNIT_SMALL_BYTES, cell_bytes
from zentalk.link.handshake import LinkSettings
from zentalk.link.hello import RelayCredentials
from zentalk.link.link import Link, LinkState
from zentalk.link.outbox import CONTROL, PACKETS
from zentalk.link.traffic import CLIENT_PACKET_QUEUE_BYTES, RELAY_PACKET_QUEUE_BYTES
from zentalk.wire.frames import PACKET_LARGE_BYTES, PACKET_SMALL_BYTES, Packet, Ping, encode_frame

SMALL = b"s" * PACKET_SMALL_BYTES
LARGE = b"l" * PACKET_LARGE_BYTES
RELAY_HELLO = credentials()
SIZES = st.lists(st.integers(1, 4_000), max_size=30)


@pytest.mark.parametrize("hello", [None, RELAY_HELLO], ids=["client", "relay"])
@given(to_right=SIZES, to_left=SIZES)
def test_everything_arrives_in_any_pieces(
    hello: RelayCredentials | None, to_right: list[int], to_left: list[int]
) -> None:
    left, right = initiator(hello), responder()
    feed(right, drain(left), to_right)
    feed(left, drain(right), to_left)
    traffic = left.traffic
    traffic.send_packet(SMALL)
    traffic.send_packet(LARGE)
    asked = traffic.request(b"q" * 10_000)
    traffic.notify(b"n")
    stream_id = traffic.streams.open(None, 0)
    events = feed(right, drain(left), to_right)
    assert isinstance(events[0], LinkOpened)
    expected: list[Event] = [
        Packet(SMALL),
        Packet(LARGE),
        RequestReceived(asked, b"q" * 10_000),
        NotifyReceived(b"n"),
    ]
    assert [event for event in events[1:] if not isinstance(event, StreamRequested)] == expected
    assert len(events) == 6
    right.traffic.respond(asked, b"a" * 10_000)
    right.traffic.streams.accept(stream_id)
    right.traffic.streams.write(stream_id, b"bytes")
    right.traffic.send_packet(SMALL)
    answers = feed(left, drain(right), to_left)
    for event in (
        ResponseReceived(asked, b"a" * 10_000),
        StreamAccepted(stream_id),
        StreamReadable(stream_id),
        Packet(SMALL),
    ):
        assert event in answers
    assert len(answers) == 4
    assert left.traffic.streams.read(stream_id, 100) == b"bytes"


def test_handshake_and_traffic_may_arrive_in_one_piece() -> None:
    left, right = initiator(), responder()
    right.receive(drain(left))
    left.receive(drain(right))
    left.traffic.send_packet(SMALL)
    events = right.receive(drain(left))
    assert [type(event) for event in events] == [LinkOpened, Packet]


def test_k3_all_units_of_a_client_link_have_two_sizes() -> None:
    """Packets, calls, streams, pings and what the relay sends back: one size per class."""
    left, right = open_pair()
    for link in (left, right):
        link.traffic.send_packet(SMALL)
        link.traffic.send_packet(LARGE)
        link.traffic.notify(bytes(5_000))
        link.traffic.ping(1)
    stream_id = left.traffic.streams.open(None, 0)
    right.receive(drain(left))
    right.traffic.streams.accept(stream_id)
    right.traffic.streams.write(stream_id, bytes(50_001))
    left.receive(drain(right))
    left.traffic.request(b"")
    right.receive(drain(left))
    assert left.unit_sizes == right.unit_sizes == {UNIT_SMALL_BYTES, UNIT_LARGE_BYTES}


def test_k3_packet_call_and_cell_take_one_small_unit_each() -> None:
    for send in ("send_packet", "notify", "request"):
        left, _ = open_pair()
        getattr(left.traffic, send)(SMALL if send == "send_packet" else b"short")
        assert len(drain(left)) == UNIT_SMALL_BYTES
    left, right = open_pair()
    stream_id = left.traffic.streams.open(None, cell_bytes(1))
    wire = drain(left)
    assert len(wire) == UNIT_SMALL_BYTES
    right.receive(wire)
    right.traffic.streams.accept(stream_id)
    left.receive(drain(right))
    left.traffic.streams.write(stream_id, bytes(3 * cell_bytes(1)))
    assert len(drain(left)) == 3 * UNIT_SMALL_BYTES


@pytest.mark.parametrize(
    ("size", "large"), [(41_000, 0), (42_000, 4), (130_000, 4), (210_000, 8), (262_144, 8)]
)
def test_a_long_call_takes_large_units_of_which_the_number_says_little(
    size: int, large: int
) -> None:
    left, right = open_pair()
    left.traffic.request(bytes(size))
    wire = drain(left)
    assert len(wire) == (large * UNIT_LARGE_BYTES or 16 * UNIT_SMALL_BYTES)
    [event] = right.receive(wire)
    assert event == RequestReceived(0, bytes(size))


def test_a_link_in_a_link_has_no_large_units() -> None:
    left = initiator(settings=LinkSettings("local", depth=1))
    right = responder(LinkSettings("local", depth=1))
    right.receive(drain(left))
    left.receive(drain(right))
    right.receive(drain(left))
    left.traffic.request(bytes(100_000))
    wire = drain(left)
    assert len(wire) == 64 * cell_bytes(1)
    assert [type(event) for event in right.receive(wire)] == [RequestReceived]


def test_a_relay_link_puts_a_drain_into_one_record() -> None:
    left, right = open_pair(RELAY_HELLO)
    for _ in range(30):
        left.traffic.send_packet(SMALL)
    wire = left.data_to_send()
    assert len(wire) == 3 + 30 * (4 + PACKET_SMALL_BYTES) + 16
    assert left.data_to_send() == b""
    assert len(right.receive(wire)) == 30
    assert left.unit_sizes == right.unit_sizes == set()


@pytest.mark.parametrize(
    ("hello", "limit"),
    [(None, CLIENT_PACKET_QUEUE_BYTES), (RELAY_HELLO, RELAY_PACKET_QUEUE_BYTES)],
)
def test_a_full_queue_refuses_packets(hello: RelayCredentials | None, limit: int) -> None:
    left, _ = open_pair(hello)
    taken = 0
    while left.traffic.send_packet(SMALL):
        taken += 1
        assert taken < 10_000
    assert taken == limit // (4 + PACKET_SMALL_BYTES)
    assert left.traffic.has_data
    left.data_to_send()
    assert left.traffic.send_packet(SMALL)


@pytest.mark.parametrize("packet", [b"", SMALL[1:], LARGE + b"x"])
def test_only_packets_of_a_class_are_sent(packet: bytes) -> None:
    left, _ = open_pair()
    with pytest.raises(LocalProtocolError):
        left.traffic.send_packet(packet)


def test_packets_do_not_travel_in_tunnels() -> None:
    left, right = open_pair(settings=LinkSettings("local", 1))
    with pytest.raises(LocalProtocolError):
        left.traffic.send_packet(SMALL)
    left.traffic._outbox.put(CONTROL, encode_frame(Packet(SMALL)), 10_000)
    with pytest.raises(DecodeError):
        right.receive(drain(left))


def test_a_relay_does_not_open_streams_to_a_client() -> None:
    left, right = open_pair()
    right.traffic._outbox.put(CONTROL, b"\x03\0\0\x0a\0\0\0\2\0\0\0\0\0\0", 100)
    left.receive(drain(right))
    assert len(left.traffic.streams) == 0
    assert b"busy" in b"".join(left.traffic._outbox.take(1_000))


def test_pings_are_answered_and_floods_are_not() -> None:
    left, right = open_pair(RELAY_HELLO)
    left.traffic.ping(7)
    right.receive(drain(left))
    assert left.receive(drain(right)) == []
    for number in range(600):
        left.traffic._outbox.put(PACKETS, encode_frame(Ping(number)), 10**6)
    with pytest.raises(DecodeError, match="pings"):
        right.receive(drain(left))
    assert right.state is LinkState.CLOSED


def test_too_many_calls_are_our_own_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zentalk.link.traffic.CALL_QUEUE_BYTES", 10_000)
    left, _ = open_pair()
    with pytest.raises(LocalProtocolError):
        left.traffic.notify(bytes(100_000))


def reach(state: LinkState) -> Link:
    left, right = initiator(), responder()
    if state is LinkState.AWAITS_SECOND:
        return left
    if state is LinkState.AWAITS_FIRST:
        return right
    right.receive(drain(left))
    if state is LinkState.AWAITS_HELLO:
        return right
    left.receive(drain(right))
    right.receive(drain(left))
    return right


@pytest.mark.parametrize("state", [state for state in LinkState if state is not LinkState.CLOSED])
@given(data=st.binary(max_size=200), repeat=st.integers(1, 60))
def test_k24_any_bytes_in_any_state_end_in_a_remote_error_or_in_nothing(
    state: LinkState, data: bytes, repeat: int
) -> None:
    link = reach(state)
    assert link.state is state
    with contextlib.suppress(RemoteProtocolError):
        assert link.receive(data * repeat) == []
        assert link.state is state
        return
    assert link.state is LinkState.CLOSED
    with pytest.raises(LocalProtocolError):
        link.receive(b"")


@given(st.binary(max_size=2_600))
def test_k24_any_authenticated_frames_give_events_or_a_remote_error(plaintext: bytes) -> None:
    """What a client with proper keys can send is as harmless as noise."""
    left, right = open_pair()
    wire = left.traffic._sealer.seal([plaintext]) if plaintext else b""
    with contextlib.suppress(RemoteProtocolError):
        right.receive(wire)
    drain(right)


def test_links_are_repeatable_up_to_ml_kem() -> None:
    first = drain(Link.initiate(LinkSettings("local"), RELAY.public, None, seeded(b"same")))
    again = drain(Link.initiate(LinkSettings("local"), RELAY.public, None, seeded(b"same")))
    other = drain(Link.initiate(LinkSettings("local"), RELAY.public, None, seeded(b"other")))
    assert first == again != other


def test_k43_a_link_carries_as_many_streams_as_the_spec_says() -> None:
    for hello, most in ((credentials(), 4_096), (None, 8)):
        left, _ = open_pair(hello)
        for _ in range(most):
            left.traffic.streams.open(None, 0)
        with pytest.raises(RefusedError):
            left.traffic.streams.open(None, 0)
