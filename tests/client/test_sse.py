"""The parser of event streams: the same events however the bytes are cut."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.client import ApiError, Event, PresenceChanged, TypingChanged
from zentalk.client.sse import MAX_FRAME_BYTES, EventParser

events = st.builds(
    Event,
    seq=st.integers(1, 2**63 - 1),
    type=st.sampled_from(["message.received", "message.state"]),
    at=st.floats(0, 1e10),
    data=st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3),
)


def frame(event: Event) -> bytes:
    data = {"seq": event.seq, "type": event.type, "at": event.at, "data": event.data}
    return f"id: {event.seq}\nevent: {event.type}\ndata: {json.dumps(data)}\n\n".encode()


@given(st.lists(events, max_size=5), st.data())
def test_any_cutting_gives_the_same_events(sent: list[Event], data: st.DataObject) -> None:
    stream = b"retry: 1000\n\n" + b": still here\n\n".join(map(frame, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    parser = EventParser()
    seen = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        seen += parser.feed(stream[start:end])
    assert seen == sent


def line(data: object) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def test_a_signal_has_the_number_of_the_event_before_it() -> None:
    event = Event(seq=7, type="message.state", at=1.0, data={})
    typing = {"type": "conversation.typing", "at": 2.0, "data": {"conversation": "a", "typing": 1}}
    there = {"type": "conversation.presence", "at": 3.0, "data": {"conversation": "b"}}
    parser = EventParser(after=5)
    first, _, second = parser.feed(line(typing) + frame(event) + line(typing))
    assert isinstance(first, TypingChanged)
    assert (first.seq, first.conversation, first.typing, second.seq) == (5, "a", True, 7)
    (present,) = parser.feed(line(there | {"data": {"conversation": "b", "present": False}}))
    assert isinstance(present, PresenceChanged)
    assert (present.seq, present.present) == (7, False)
    unknown: list[dict[str, Any]] = [there, {"type": "conversation.humming"}, {"type": []}]
    for one in unknown:
        assert parser.feed(line(one)) == []


@given(st.binary(max_size=200))
def test_garbage_is_an_event_or_an_error(garbage: bytes) -> None:
    try:
        EventParser().feed(b"data: " + garbage + b"\n\n")
    except ApiError:
        return


@pytest.mark.parametrize("data", [b"{", b"[]", b"{}", b'{"seq":1}', b"null", b"\xff"])
def test_data_that_is_no_event(data: bytes) -> None:
    with pytest.raises(ApiError):
        EventParser().feed(b"data: " + data + b"\n\n")


def test_a_frame_that_never_ends_is_refused() -> None:
    parser = EventParser()
    for _ in range(MAX_FRAME_BYTES // 65536):
        assert parser.feed(b"x" * 65536) == []
    with pytest.raises(ApiError, match="larger"):
        parser.feed(b"x")
