"""Transcripts of WebSocket messages, with wsproto's client as the other side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from tests.web.http1.parts import splits
from zentalk.web.websocket.messages import MAX_MESSAGE_BYTES, TOO_BIG, Closed, MessageAssembler


def sent(*events: Event) -> bytes:
    client = Connection(ConnectionType.CLIENT)
    return b"".join(bytes(client.send(event)) for event in events)


def shown(data: bytes) -> list[Event]:
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(data)
    return list(client.events())


def test_messages_in_several_frames_are_whole_ones() -> None:
    parts = [TextMessage("h\xe9", message_finished=False), Ping(b"x"), TextMessage("llo")]
    found = MessageAssembler().arrived(sent(*parts, BytesMessage(b"\0")))
    assert found.messages == ["h\xe9llo", b"\0"]
    assert shown(found.reply) == [Pong(b"x")]
    assert found.closed is None


def test_messages_of_ours_are_read_by_the_client() -> None:
    messages = MessageAssembler()
    assert shown(messages.message("a") + messages.message(b"b") + messages.ping()) == [
        TextMessage("a"),
        BytesMessage(bytearray(b"b")),
        Ping(b""),
    ]


def test_a_close_is_answered_once_and_ends_everything() -> None:
    messages = MessageAssembler()
    found = messages.arrived(sent(TextMessage("a"), CloseConnection(3000, "why")))
    assert (found.messages, found.closed) == (["a"], Closed(3000, "why"))
    assert shown(found.reply) == [CloseConnection(3000, "why")]
    assert not messages.is_open
    assert messages.message("b") == messages.ping() == messages.close(1000, "") == b""


def test_our_close_waits_for_theirs() -> None:
    messages = MessageAssembler()
    assert shown(messages.close(1000, "bye")) == [CloseConnection(1000, "bye")]
    found = messages.arrived(sent(TextMessage("late"), CloseConnection(1000)))
    assert (found.messages, found.reply) == (["late"], b"")
    assert found.closed == Closed(1000, "")


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_message_is_bounded_in_however_many_frames(pieces: int) -> None:
    part = b"x" * (MAX_MESSAGE_BYTES // pieces)
    most = [BytesMessage(part, message_finished=i == pieces - 1) for i in range(pieces)]
    assert len(MessageAssembler().arrived(sent(*most)).messages) == 1
    more = [BytesMessage(part, message_finished=False)] * pieces
    messages = MessageAssembler()
    found = messages.arrived(sent(*more, BytesMessage(b"xx", message_finished=False)))
    assert found.closed is not None
    assert found.closed.code == TOO_BIG
    assert isinstance(shown(found.reply)[0], CloseConnection)


def test_a_huge_frame_is_refused_before_it_is_there() -> None:
    head = sent(BytesMessage(b"x" * (1 << 20)))[:14]
    messages = MessageAssembler()
    huge = head[:2] + (1 << 40).to_bytes(8, "big") + head[10:]
    assert messages.arrived(huge).closed is None
    found = messages.arrived(bytes(17 << 16))
    assert found.closed is not None
    assert found.closed.code == TOO_BIG


@pytest.mark.parametrize(
    "data",
    [
        b"\x81\x01a",  # not masked
        sent(TextMessage("a"))[:1].replace(b"\x81", b"\xf1") + sent(TextMessage("a"))[1:],
        sent(BytesMessage(b"\xff")).replace(b"\x82", b"\x81", 1),  # not UTF-8
        sent(TextMessage("a", message_finished=False)) * 2,
    ],
    ids=[
        "not masked",
        "reserved bits",
        "not UTF-8",
        "a message within a message",
    ],  # masks are drawn
)
def test_what_breaks_the_protocol_is_the_end(data: bytes) -> None:
    found = MessageAssembler().arrived(data)
    assert found.closed is not None
    assert found.closed.code in {1002, 1007}
    assert isinstance(shown(found.reply)[0], CloseConnection)


@given(st.data(), st.binary(max_size=200))
def test_any_bytes_are_messages_or_the_end(data: st.DataObject, sent_bytes: bytes) -> None:
    messages = MessageAssembler()
    for piece in splits(data, sent_bytes):
        if messages.arrived(piece).closed is not None:
            break
