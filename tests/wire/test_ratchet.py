"""Session headers and bodies: fixed lengths, strict flags, no leftovers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.wire.ratchet import (
    BLOCK_ROOM_BYTES,
    BODY_FRONT_BYTES,
    INITIAL_HEADER_BYTES,
    MESSAGE_HEADER_BYTES,
    SESSION_SUITE,
    BlockKind,
    InitialHeader,
    MessageHeader,
    PqBlock,
    pack_body,
    pack_header,
    unpack_body,
)

UINT32 = st.integers(0, 2**32 - 1)
INITIAL = st.builds(
    InitialHeader,
    generation=UINT32,
    identity=st.binary(min_size=32, max_size=32),
    ephemeral=st.binary(min_size=32, max_size=32),
    kem_ciphertext=st.just(bytes(range(64)) * 17),
    signed_prekey_id=UINT32,
    pq_prekey_id=UINT32,
    one_time_id=st.none() | UINT32,
    suite=st.just(SESSION_SUITE),
)
BLOCKS = st.none() | st.builds(
    lambda kind, epoch: PqBlock(kind, epoch, b"k" * (BLOCK_ROOM_BYTES[kind] - 4)),
    st.sampled_from([BlockKind.KEM_KEY, BlockKind.KEM_CIPHERTEXT]),
    UINT32,
)
SAMPLE = InitialHeader(3, bytes(32), b"e" * 32, bytes(1_088), 1, 2, 3)


@given(header=INITIAL)
def test_initial_headers_come_back(header: InitialHeader) -> None:
    data = header.to_bytes()
    assert len(data) == INITIAL_HEADER_BYTES == 1_170
    assert InitialHeader.from_bytes(data) == header


@given(data=st.binary(min_size=INITIAL_HEADER_BYTES, max_size=INITIAL_HEADER_BYTES))
def test_an_initial_header_has_one_encoding(data: bytes) -> None:
    data = b"\x01" + data[1:]
    try:
        header = InitialHeader.from_bytes(data)
    except DecodeError:
        return
    assert header.to_bytes() == data


def test_a_missing_one_time_key_is_not_key_zero() -> None:
    drained, zero = SAMPLE._replace(one_time_id=None), SAMPLE._replace(one_time_id=0)
    assert drained.to_bytes() != zero.to_bytes()
    assert InitialHeader.from_bytes(drained.to_bytes()).one_time_id is None


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, 0), (0, 2), (INITIAL_HEADER_BYTES - 5, 2), (INITIAL_HEADER_BYTES - 5, 0)],
)
def test_other_suites_and_flags_are_refused(at: int, value: int) -> None:
    data = bytearray(SAMPLE.to_bytes())
    data[at] = value
    with pytest.raises(DecodeError):
        InitialHeader.from_bytes(bytes(data))


@pytest.mark.parametrize("length", [0, INITIAL_HEADER_BYTES - 1, INITIAL_HEADER_BYTES + 1])
def test_other_lengths_are_refused(length: int) -> None:
    with pytest.raises(DecodeError):
        InitialHeader.from_bytes(bytes(length))


def test_fields_out_of_range_are_the_callers_error() -> None:
    with pytest.raises(LocalProtocolError):
        SAMPLE._replace(generation=2**32).to_bytes()
    with pytest.raises(LocalProtocolError):
        SAMPLE._replace(ephemeral=bytes(31)).to_bytes()


def test_the_replay_key_depends_on_sender_and_ephemeral_alone() -> None:
    assert SAMPLE.replay_key() == SAMPLE._replace(generation=9, one_time_id=None).replay_key()
    assert SAMPLE.replay_key() != SAMPLE._replace(ephemeral=b"f" * 32).replay_key()
    assert SAMPLE.replay_key() != SAMPLE._replace(identity=b"i" * 32).replay_key()


@given(public=st.binary(min_size=32, max_size=32), counts=st.tuples(UINT32, UINT32, UINT32))
def test_message_headers_come_back(public: bytes, counts: tuple[int, int, int]) -> None:
    data = pack_header(public, *counts)
    assert len(data) == MESSAGE_HEADER_BYTES
    assert MessageHeader.from_bytes(data) == MessageHeader(public, *counts)
    with pytest.raises(DecodeError):
        MessageHeader.from_bytes(data + b"\0")


@given(content=st.binary(max_size=300), block=BLOCKS, spare=st.integers(0, 50))
def test_bodies_come_back_at_the_size_asked_for(
    content: bytes, block: PqBlock | None, spare: int
) -> None:
    room = 0 if block is None else BLOCK_ROOM_BYTES[block.kind]
    size = BODY_FRONT_BYTES + len(content) + room + spare
    body = pack_body(content, block, size)
    assert len(body) == size
    assert unpack_body(body) == (content, block)


@given(data=st.binary(max_size=60))
def test_a_body_has_one_encoding(data: bytes) -> None:
    try:
        content, block = unpack_body(data)
    except DecodeError:
        return
    assert pack_body(content, block, len(data)) == data


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0\0\0",
        b"\3\0\0\0",
        b"\0\0\0\1",
        b"\1\0\0\0" + bytes(1_187),
        b"\0\0\0\0\1",
        b"\2\0\0\0" + bytes(1_092) + b"\1",
    ],
)
def test_bad_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(DecodeError):
        unpack_body(body)
