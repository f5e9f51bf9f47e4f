"""Streams: opening and closing on both sides, credit, caps, and what a hostile peer can do."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from zentalk.errors import DecodeError, LocalProtocolError, RefusedError
from zentalk.ids import NodeId
from zentalk.link import streams as streams_module
from zentalk.link.events import (
    StreamAccepted,
    StreamClosed,
    StreamEvent,
    StreamReadable,
    StreamRefused,
    StreamRequested,
    StreamWritable,
)
from zentalk.link.outbox import MAX_FLOWS, FrameQueue
from zentalk.link.streams import CLIENT_STREAMS, GRANT_BYTES, WINDOW_BYTES, StreamTable
from zentalk.wire.frames import (
    Close,
    Credit,
    Data,
    Frame,
    Open,
    Opened,
    Ping,
    Refused,
    parse_frames,
)

NODE = NodeId(b"n" * 32)
CELL = 2_599


class End:
    """A stream table, its outbox, and what it reported."""

    def __init__(
        self,
        *,
        initiator: bool,
        own: int = CLIENT_STREAMS,
        peer: int = CLIENT_STREAMS,
        flows: int = MAX_FLOWS,
    ) -> None:
        self.outbox = FrameQueue(flows)
        self.table = StreamTable(
            self.outbox, initiator=initiator, piece_bytes=CELL, own_limit=own, peer_limit=peer
        )
        self.events: list[StreamEvent] = []

    def sent(self) -> list[Frame]:
        return [frame for each in self.outbox.take(10**9) for frame in parse_frames(each)]

    def receive(self, *frames: Frame) -> list[StreamEvent]:
        events = [event for frame in frames if (event := self.table.receive(frame)) is not None]
        self.events += events
        return events


def ends() -> tuple[End, End]:
    return End(initiator=True), End(initiator=False)


def exchange(left: End, right: End) -> None:
    """Carry frames both ways until nothing is left."""
    while left.outbox or right.outbox:
        right.receive(*left.sent())
        left.receive(*right.sent())


def opened(cell_bytes: int = 0) -> tuple[End, End, int]:
    left, right = ends()
    stream_id = left.table.open(None, cell_bytes)
    exchange(left, right)
    right.table.accept(stream_id)
    exchange(left, right)
    left.events.clear()
    right.events.clear()
    return left, right, stream_id


def test_open_accept_write_read_close() -> None:
    left, right = ends()
    stream_id = left.table.open(NODE, CELL)
    assert not left.table.is_open(stream_id)
    assert left.sent() == [Open(stream_id, NODE, CELL, WINDOW_BYTES)]
    assert right.receive(Open(stream_id, NODE, CELL, WINDOW_BYTES)) == [
        StreamRequested(Open(stream_id, NODE, CELL, WINDOW_BYTES))
    ]
    right.table.accept(stream_id)
    right.table.accept(stream_id)
    assert left.receive(*right.sent()) == [StreamAccepted(stream_id)]
    assert left.table.is_open(stream_id)
    assert left.table.write(stream_id, b"to the right") == 12
    assert right.receive(*left.sent()) == [StreamReadable(stream_id)]
    assert right.table.read(stream_id, 6) == b"to the"
    assert right.table.read(stream_id, 100) == b" right"
    assert right.table.read(stream_id, 100) is None
    right.table.write(stream_id, b"last words")
    right.table.close(stream_id)
    assert left.receive(*right.sent()) == [
        StreamReadable(stream_id),
        StreamClosed(stream_id, "done"),
    ]
    assert left.table.read(stream_id, 100) == b"last words"
    assert left.table.read(stream_id, 100) == b""
    assert not left.table.is_open(stream_id)
    left.table.close(stream_id)
    exchange(left, right)
    assert len(left.table) == len(right.table) == 0
    assert right.table.read(stream_id, 100) == b""


def test_refused() -> None:
    left, right = ends()
    stream_id = left.table.open(NODE, 0)
    exchange(left, right)
    right.table.refuse(stream_id, "unknown")
    right.table.refuse(stream_id, "unknown")
    right.table.accept(stream_id)
    exchange(left, right)
    assert left.events == [StreamRefused(stream_id, "unknown")]
    assert len(left.table) == len(right.table) == 0


@pytest.mark.parametrize("answer", ["accept", "refuse"])
def test_given_up_before_the_answer_came(answer: str) -> None:
    """Answer and giving up cross on the wire: no frame may name a stream that is gone."""
    left, right = ends()
    stream_id = left.table.open(NODE, 0)
    right.receive(*left.sent())
    left.table.close(stream_id, "gone")
    left.table.close(stream_id, "gone")
    assert left.sent() == []
    if answer == "accept":
        right.table.accept(stream_id)
    else:
        right.table.refuse(stream_id, "busy")
    exchange(left, right)
    right.table.close(stream_id)
    exchange(left, right)
    assert len(left.table) == len(right.table) == 0
    assert left.events == []


def test_both_close_at_once() -> None:
    left, right, stream_id = opened()
    left.table.close(stream_id)
    right.table.close(stream_id)
    exchange(left, right)
    assert len(left.table) == len(right.table) == 0
    assert left.events == right.events == []


def test_what_crosses_a_close_is_dropped() -> None:
    left, right, stream_id = opened()
    right.table.write(stream_id, b"x" * GRANT_BYTES)
    left.receive(*right.sent())
    left.table.read(stream_id, GRANT_BYTES)
    right.table.write(stream_id, b"late")
    left.table.close(stream_id)
    to_right, to_left = left.sent(), right.sent()
    assert left.receive(*to_left) == []
    assert left.table.read(stream_id, 10) == b""
    right.receive(*to_right)
    right.table.close(stream_id)
    exchange(left, right)
    assert len(left.table) == len(right.table) == 0


def test_credit_stops_the_sender_and_reading_lets_it_go_on() -> None:
    left, right, stream_id = opened()
    assert left.table.write(stream_id, bytes(2 * WINDOW_BYTES)) == WINDOW_BYTES
    assert left.table.write(stream_id, b"x") == 0
    exchange(left, right)
    assert right.table.read(stream_id, GRANT_BYTES - 1) == bytes(GRANT_BYTES - 1)
    assert right.sent() == []
    right.table.read(stream_id, 1)
    assert left.receive(*right.sent()) == [StreamWritable(stream_id)]
    assert left.table.write(stream_id, bytes(2 * WINDOW_BYTES)) == GRANT_BYTES


def test_k41_a_stream_that_never_reads_holds_one_window_and_the_others_go_on() -> None:
    left, right, stuck = opened()
    other = left.table.open(None, 0)
    exchange(left, right)
    right.table.accept(other)
    exchange(left, right)
    for _ in range(10):
        left.table.write(stuck, bytes(WINDOW_BYTES))
        assert left.table.write(other, bytes(WINDOW_BYTES)) == WINDOW_BYTES
        exchange(left, right)
        while right.table.read(other, WINDOW_BYTES):
            pass
        exchange(left, right)
        assert len(right.table._streams[stuck].received) == WINDOW_BYTES
        assert left.outbox.queued_bytes(stuck) == 0


def test_k41_data_beyond_the_credit_closes_that_stream_only() -> None:
    left, right, stream_id = opened()
    other = left.table.open(None, 0)
    exchange(left, right)
    right.table.accept(other)
    exchange(left, right)
    left.table.write(stream_id, bytes(WINDOW_BYTES))
    right.table.write(stream_id, b"queued")
    right.receive(*left.sent())
    right.events.clear()
    assert right.receive(Data(stream_id, b"x")) == [StreamClosed(stream_id, "credit")]
    assert right.sent() == [Close(stream_id, "credit")]
    assert right.receive(Data(stream_id, bytes(9_999)), Credit(stream_id, 1)) == []
    assert right.table.read(stream_id, 1) == b""
    left.table.write(other, b"fine")
    right.receive(*left.sent())
    assert right.table.read(other, 10) == b"fine"


def test_k41_control_without_the_check_the_peer_fills_our_memory() -> None:
    left, right, stream_id = opened()
    right.table._streams[stream_id].granted = 10**9
    for _ in range(100):
        right.receive(Data(stream_id, bytes(WINDOW_BYTES)))
    assert len(right.table._streams[stream_id].received) == 100 * WINDOW_BYTES
    assert left.events == []


@pytest.mark.parametrize("initiator", [True, False])
def test_caps_refuse_busy(initiator: bool) -> None:
    right = End(initiator=not initiator, peer=3)
    ids = [(1 if initiator else 2) + 2 * number for number in range(4)]
    right.receive(*(Open(stream_id, NODE, 0, 0) for stream_id in ids))
    assert len(right.table) == 3
    assert right.sent() == [Refused(ids[3], "busy")]
    # One that its owner let go makes room; one the peer closed but nobody let go does not.
    right.table.accept(ids[0])
    right.receive(Close(ids[0], "done"))
    right.sent()
    right.receive(Open(ids[3] + 2, NODE, 0, 0))
    assert right.sent() == [Refused(ids[3] + 2, "busy")]
    right.table.close(ids[0])
    assert right.receive(Open(ids[3] + 4, NODE, 0, 0)) != []


def test_our_own_cap_refuses_before_anything_is_sent() -> None:
    left = End(initiator=True, own=2)
    left.table.open(None, 0)
    left.table.open(None, 0)
    left.sent()
    with pytest.raises(RefusedError, match="as many"):
        left.table.open(None, 0)
    assert left.sent() == []


def test_ids_are_never_used_twice() -> None:
    left, _ = ends()
    left.table._next_id = 2**32 + 1
    with pytest.raises(RefusedError, match="used up"):
        left.table.open(None, 0)


@pytest.mark.parametrize(
    "frame",
    [
        Data(1, b"x"),
        Data(7, b"x"),
        Credit(7, 1),
        Close(7, "done"),
        Opened(7, 1),
        Refused(7, "busy"),
        Open(3, None, 0, 0),
        Open(2, None, 0, WINDOW_BYTES + 1),
        Opened(1, WINDOW_BYTES + 1),
        Close(1, "done"),
        Credit(1, 1),
    ],
)
def test_frames_out_of_place_end_the_link(frame: Frame) -> None:
    left, _ = ends()
    left.table.open(None, 0)  # stream 1, not answered
    with pytest.raises(DecodeError):
        left.receive(frame)


def test_frames_for_an_open_stream_that_break_the_rules() -> None:
    for frame in (
        Credit(1, 0),
        Credit(1, 1),
        Opened(1, 0),
        Refused(1, "busy"),
        Open(1, None, 0, 0),
    ):
        left, _, stream_id = opened()
        assert stream_id == 1
        with pytest.raises(DecodeError):
            left.receive(frame)


def test_an_id_that_was_used_is_not_new() -> None:
    _, right, stream_id = opened()
    right.receive(Close(stream_id, "done"))
    with pytest.raises(DecodeError):
        right.receive(Open(stream_id, None, 0, 0))
    with pytest.raises(DecodeError):
        right.receive(Close(stream_id, "done"))
    with pytest.raises(DecodeError):
        right.receive(Data(stream_id, b"x"))


def test_our_own_mistakes_are_local_errors() -> None:
    left, _, _ = opened()
    with pytest.raises(LocalProtocolError):
        left.table.write(99, b"x")
    with pytest.raises(LocalProtocolError):
        left.table.receive(Ping(1))


def test_cells_travel_and_are_read_whole() -> None:
    left, right, stream_id = opened(CELL)
    cells = bytes(CELL) * 30
    written = left.table.write(stream_id, cells)
    assert written == WINDOW_BYTES // CELL * CELL
    sent = left.sent()
    assert {len(frame.data) for frame in sent if isinstance(frame, Data)} == {CELL}
    right.receive(*sent)
    assert len(right.table.read(stream_id, 2 * CELL + 1) or b"") == 2 * CELL
    assert len(right.table.read(stream_id, 10**6) or b"") == written - 2 * CELL
    exchange(left, right)
    assert left.table.write(stream_id, cells) % CELL == 0


def test_a_peer_that_does_not_take_its_frames_away_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams_module, "_QUEUE_BYTES", 100)
    left, _, stream_id = opened()
    left.table.write(stream_id, bytes(90))
    left.table.close(stream_id)  # whoever lets go is not told off for what the peer does
    with pytest.raises(DecodeError, match="takes away"):
        left.receive(Data(stream_id, b"more"))


def opens_and_never_reads(flows: int, count: int) -> End:
    """A peer opens one stream after the other, is refused each time, and reads no answer."""
    end = End(initiator=False, flows=flows)
    for number in range(count):
        end.receive(Open(2 * number + 1, None, 0, 0))
        end.table.close(2 * number + 1, "unknown")
    return end


def test_streams_opened_by_a_peer_that_never_reads_are_bounded() -> None:
    with pytest.raises(DecodeError, match="takes away"):
        opens_and_never_reads(flows=100, count=102)


def test_control_without_a_bound_on_flows_they_are_not() -> None:
    end = opens_and_never_reads(flows=10**9, count=5_000)
    assert len(end.sent()) == 5_000


class TwoEnds(RuleBasedStateMachine):
    """Any order of opening, answering, writing, reading, closing and delivery, on both sides."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = {
            True: End(initiator=True, own=3, peer=3),
            False: End(initiator=False, own=3, peer=3),
        }
        self.wire: dict[bool, list[Frame]] = {True: [], False: []}
        self.written: dict[tuple[bool, int], bytes] = {}
        self.got: dict[tuple[bool, int], bytes] = {}
        self.counter = 0

    @rule(side=st.booleans(), cell=st.sampled_from([0, 100]))
    def open(self, side: bool, cell: int) -> None:
        try:
            self.ends[side].table.open(None, cell)
        except RefusedError:
            assert len(self.ends[side].table) >= 3

    @rule(side=st.booleans(), data=st.data())
    @precondition(lambda self: any(len(end.table) for end in self.ends.values()))
    def act(self, side: bool, data: st.DataObject) -> None:
        table = self.ends[side].table
        if not len(table):
            return
        stream_id = data.draw(st.sampled_from(sorted(table._streams)))
        action = data.draw(st.sampled_from(["accept", "refuse", "write", "write", "read", "close"]))
        if action == "accept":
            table.accept(stream_id)
        elif action == "refuse":
            table.refuse(stream_id, "busy")
        elif action == "close":
            table.close(stream_id)
        elif action == "read":
            size = data.draw(st.integers(1, 100_000))
            key = (not side, stream_id)
            self.got[key] = self.got.get(key, b"") + (table.read(stream_id, size) or b"")
        elif table.is_open(stream_id):
            self.counter += 1
            size = data.draw(st.integers(1, 90_000))
            content = self.counter.to_bytes(4, "big") * (size // 4 + 1)
            key = (side, stream_id)
            count = table.write(stream_id, content)
            self.written[key] = self.written.get(key, b"") + content[:count]

    @rule(side=st.booleans(), enough=st.integers(1, 100_000))
    def drain(self, side: bool, enough: int) -> None:
        for each in self.ends[side].outbox.take(enough):
            self.wire[side] += parse_frames(each)

    @rule(side=st.booleans(), count=st.integers(1, 30))
    def deliver(self, side: bool, count: int) -> None:
        for frame in self.wire[side][:count]:
            self.ends[not side].table.receive(frame)
        del self.wire[side][:count]

    @invariant()
    def in_order_and_bounded(self) -> None:
        for key, got in self.got.items():
            assert self.written.get(key, b"").startswith(got)
        for end in self.ends.values():
            assert len(end.table) <= 6
            for stream_id, stream in end.table._streams.items():
                assert len(stream.received) <= WINDOW_BYTES
                assert end.outbox.queued_bytes(stream_id) < 2 * WINDOW_BYTES

    def teardown(self) -> None:
        """Let everything go: both sides must end with nothing left."""
        for end in self.ends.values():
            for stream_id in list(end.table._streams):
                end.table.close(stream_id)
        for _ in range(4):
            for side in (True, False):
                self.drain(side, 10**9)
                self.deliver(side, 10**9)
            for end in self.ends.values():
                for stream_id in list(end.table._streams):
                    end.table.close(stream_id)
        assert len(self.ends[True].table) == len(self.ends[False].table) == 0


TestTwoEnds = TwoEnds.TestCase
