"""Frames: one encoding each, and nothing but a value or a DecodeError for any bytes."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.ids import NodeId
from zentalk.wire.frames import (
    PACKET_LARGE_BYTES,
    PACKET_SMALL_BYTES,
    Bye,
    Close,
    Credit,
    Data,
    Frame,
    Hello,
    Open,
    Opened,
    Packet,
    Ping,
    Pong,
    Refused,
    Rpc,
    encode_frame,
    parse_frames,
)

U32 = st.integers(0, 2**32 - 1)
REASONS = st.from_regex(r"[a-z][a-z-]{0,31}", fullmatch=True)
FRAMES: st.SearchStrategy[Frame] = st.one_of(
    st.just(Hello()),
    st.builds(Hello, proof=st.binary(min_size=32, max_size=32)),
    st.builds(
        Hello,
        descriptor=st.binary(min_size=1, max_size=2048),
        signature=st.binary(min_size=64, max_size=64),
    ),
    st.sampled_from([Packet(b"s" * PACKET_SMALL_BYTES), Packet(b"l" * PACKET_LARGE_BYTES)]),
    st.builds(
        Open,
        stream_id=U32,
        node_id=st.none() | st.binary(min_size=32, max_size=32).map(NodeId),
        cell_bytes=st.integers(0, 65535),
        credit_bytes=U32,
    ),
    st.builds(Opened, stream_id=U32, credit_bytes=U32),
    st.builds(Refused, stream_id=U32, reason=REASONS),
    st.builds(Data, stream_id=U32, data=st.binary(min_size=1, max_size=3000)),
    st.builds(Credit, stream_id=U32, credit_bytes=U32),
    st.builds(Close, stream_id=U32, reason=REASONS),
    st.builds(Bye, reason=REASONS),
    st.builds(Ping, number=U32),
    st.builds(Pong, number=U32),
    st.builds(
        Rpc,
        kind=st.integers(0, 2),
        call_id=U32,
        last=st.booleans(),
        data=st.binary(min_size=1, max_size=3000),
    ),
)


@given(st.lists(FRAMES, max_size=6), st.integers(0, 50))
def test_what_was_encoded_is_parsed(frames: list[Frame], padding: int) -> None:
    record = b"".join(encode_frame(frame) for frame in frames) + bytes(padding)
    assert parse_frames(record) == frames


@given(
    st.binary(max_size=200)
    | st.lists(FRAMES, max_size=3)
    .map(lambda frames: b"".join(map(encode_frame, frames)))
    .flatmap(
        lambda good: st.tuples(st.integers(0, len(good)), st.binary(max_size=3)).map(
            lambda change: good[: change[0]] + change[1] + good[change[0] + len(change[1]) :]
        )
    )
)
def test_k24_any_bytes_parse_to_their_own_encoding_or_a_decode_error(record: bytes) -> None:
    try:
        frames = parse_frames(record)
    except DecodeError:
        return
    assert b"".join(map(encode_frame, frames)).ljust(len(record), b"\0") == record


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        (b"\x0d\0\0\0", "does not know"),
        (b"\x0c\0\0\0", "reason"),
        (b"\x0c\0\0\x21" + b"a" * 33, "reason"),
        (b"\x01\0\0\x20\x02" + bytes(31), "hello"),
        (b"\x01\0\0\x22\x02" + bytes(33), "hello"),
        (b"\x01\0\0\x21\x03" + bytes(32), "hello"),
        (b"\x09\0\0\x04\0\0", "longer than its record"),
        (b"\x09\0", "longer than its record"),
        (b"\x09\0\0\x03\0\0\0", "wrong length"),
        (b"\0\0\0\x01", "not zero"),
        (b"\x02\0\0\x01x", "size of a class"),
        (b"\x01\0\0\x01\x02", "hello"),
        (b"\x01\0\0\x41\x01" + bytes(64), "hello"),
        (b"\x01\0\x08\x42\x01" + bytes(64 + 2049), "hello"),
        (b"\x03\0\0\x0b" + bytes(11), "open"),
        (b"\x05\0\0\x05\0\0\0\1B", "reason"),
        (b"\x08\0\0\x04\0\0\0\1", "reason"),
        (b"\x06\0\0\x04\0\0\0\1", "carries nothing"),
        (b"\x0b\0\0\x06\x03\0\0\0\0x", "rpc"),
        (b"\x0b\0\0\x05\x00\0\0\0\0", "rpc"),
    ],
)
def test_malformed(record: bytes, complaint: str) -> None:
    with pytest.raises(DecodeError, match=complaint):
        parse_frames(record)


@pytest.mark.parametrize(
    "frame",
    [Ping(2**32), Ping(-1), Open(1, None, 65536, 0), Refused(1, "Not a word"), Close(1, "\u00e9")],
)
def test_our_own_mistakes_are_local_errors(frame: Frame) -> None:
    with pytest.raises(LocalProtocolError):
        encode_frame(frame)


def test_frames_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Ping(1).number = 2  # type: ignore[misc]  # that it is read-only is what is tested
