"""Calls: pieces, padding to buckets, and bounds on what a peer can make us hold."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.link.events import NotifyReceived, RequestReceived, ResponseReceived
from zentalk.link.rpc import LARGE_PIECE_BYTES, Calls, padded_cells, split_message
from zentalk.wire.frames import RPC_NOTIFY, RPC_REQUEST, RPC_RESPONSE, Rpc
from zentalk.wire.rpc import MAX_CALL_BYTES, MAX_RESPONSE_BYTES

PIECE = 2_598


@pytest.mark.parametrize(
    ("cells", "padded"),
    [(1, 1), (2, 4), (4, 4), (5, 16), (16, 16), (17, 64), (64, 64), (65, 128), (129, 192)],
)
def test_buckets(cells: int, padded: int) -> None:
    assert padded_cells(cells) == padded


@given(st.integers(0, 300_000))
def test_a_padded_message_is_one_of_the_buckets(size: int) -> None:
    pieces = split_message(RPC_RESPONSE, 1, bytes(size), PIECE, padded=True)
    assert len(pieces) in (1, 4, 16) or len(pieces) % 64 == 0
    assert {len(piece.data) for piece in pieces} == {PIECE}
    assert [piece.last for piece in pieces].index(True) == len(pieces) - 1


def test_control_a_long_message_that_says_less_than_it_takes_is_refused() -> None:
    first, *others = split_message(RPC_REQUEST, 0, bytes(130_000), LARGE_PIECE_BYTES, padded=True)
    assert len(others) == 3
    calls = Calls(padded=True)
    for piece in (first, others[0]):
        calls.receive(piece)
    with pytest.raises(DecodeError, match="shorter"):
        calls.receive(replace(others[1], last=True))


@given(
    st.binary(max_size=400),
    st.integers(4, 100),
    st.sampled_from([RPC_REQUEST, RPC_RESPONSE, RPC_NOTIFY]),
    st.booleans(),
)
def test_what_was_split_is_joined(body: bytes, piece_bytes: int, kind: int, padded: bool) -> None:
    calls = Calls(padded=padded)
    call_id = calls.new_request() if kind == RPC_RESPONSE else 0
    pieces = split_message(kind, call_id, body, piece_bytes, padded=padded)
    events = [event for piece in pieces if (event := calls.receive(piece)) is not None]
    expected = {
        RPC_REQUEST: RequestReceived(0, body),
        RPC_RESPONSE: ResponseReceived(0, body),
        RPC_NOTIFY: NotifyReceived(body),
    }
    assert events == [expected[kind]]
    assert calls._partial is None


def test_an_answer_comes_once() -> None:
    calls = Calls(padded=False)
    call_id = calls.new_request()
    answer = Rpc(RPC_RESPONSE, call_id, True, bytes(4))
    assert calls.receive(answer) == ResponseReceived(call_id, b"")
    assert calls.receive(answer) is None


def test_a_late_answer_is_dropped_without_being_kept() -> None:
    calls = Calls(padded=False)
    call_id = calls.new_request()
    calls.forget(call_id)
    pieces = split_message(RPC_RESPONSE, call_id, bytes(2_000_000), 100_000, padded=False)
    for piece in pieces[:-1]:
        assert calls.receive(piece) is None
        assert calls._partial is not None
        assert len(calls._partial._body) == 0
    assert calls.receive(pieces[-1]) is None


def test_an_answer_forgotten_while_it_arrives_is_dropped() -> None:
    calls = Calls(padded=False)
    call_id = calls.new_request()
    first, last = split_message(RPC_RESPONSE, call_id, b"12345", 5, padded=False)
    calls.receive(first)
    calls.forget(call_id)
    assert calls.receive(last) is None


def test_an_answer_to_nothing_is_an_error() -> None:
    calls = Calls(padded=False)
    calls.new_request()
    with pytest.raises(DecodeError):
        calls.receive(Rpc(RPC_RESPONSE, 1, True, bytes(4)))


@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        (RPC_REQUEST, MAX_CALL_BYTES),
        (RPC_NOTIFY, MAX_CALL_BYTES),
        (RPC_RESPONSE, MAX_RESPONSE_BYTES),
    ],
)
def test_a_message_that_is_too_long_is_refused_at_its_first_piece(kind: int, limit: int) -> None:
    calls = Calls(padded=False)
    calls.new_request()
    with pytest.raises(DecodeError):
        calls.receive(Rpc(kind, 0, False, (limit + 1).to_bytes(4, "big")))
    with pytest.raises(LocalProtocolError):
        split_message(kind, 0, bytes(limit + 1), 1000, padded=False)


def announced(size: int, data: bytes = b"") -> bytes:
    return size.to_bytes(4, "big") + data


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize(
    "pieces",
    [
        [Rpc(RPC_NOTIFY, 0, True, b"\0\0\0")],
        [Rpc(RPC_NOTIFY, 0, True, announced(100, b"short"))],
        [Rpc(RPC_NOTIFY, 0, True, announced(1, b"xx"))],
        [Rpc(RPC_NOTIFY, 0, False, announced(2, b"x")), Rpc(RPC_NOTIFY, 0, True, b"x" * 30)],
        [Rpc(RPC_NOTIFY, 0, False, announced(9, b"x")), Rpc(RPC_NOTIFY, 1, True, b"x")],
        [Rpc(RPC_NOTIFY, 0, False, announced(9, b"x")), Rpc(RPC_REQUEST, 0, True, b"x")],
        [Rpc(RPC_NOTIFY, 0, False, announced(1, b"x")), Rpc(RPC_NOTIFY, 0, True, bytes(70))],
    ],
)
def test_messages_that_break_the_rules(pieces: list[Rpc], padded: bool) -> None:
    calls = Calls(padded=padded)

    def receive_all() -> None:
        for piece in pieces:
            calls.receive(piece)

    with pytest.raises(DecodeError):
        receive_all()


def test_a_padded_message_must_end_at_its_bucket() -> None:
    pieces = split_message(RPC_NOTIFY, 0, bytes(10), 8, padded=True)
    assert len(pieces) == 4
    calls = Calls(padded=True)
    calls.receive(pieces[0])
    with pytest.raises(DecodeError):
        calls.receive(Rpc(RPC_NOTIFY, 0, True, bytes(8)))


def test_question_ids_end() -> None:
    calls = Calls(padded=False)
    calls._next_id = 2**32
    with pytest.raises(LocalProtocolError):
        calls.new_request()
