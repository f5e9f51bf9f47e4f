"""The record layer: constant sizes on clients' links, one record per drain on relays'."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.crypto.noise import CounterCipher
from zentalk.errors import AuthenticationError, DecodeError, LocalProtocolError, RemoteProtocolError
from zentalk.link.geometry import (
    DRAIN_BYTES,
    MAX_DEPTH,
    MAX_FRAME_BYTES,
    MAX_RECORD_BYTES,
    UNIT_LARGE_BYTES,
    UNIT_OVERHEAD_BYTES,
    UNIT_SMALL_BYTES,
    cell_bytes,
    depth_of,
)
from zentalk.link.records import Opener, RecordOpener, RecordSealer, UnitOpener, UnitSealer
from zentalk.wire.frames import (
    DATA_OVERHEAD_BYTES,
    PACKET_LARGE_BYTES,
    PACKET_SMALL_BYTES,
    Data,
    Packet,
    Ping,
    encode_frame,
    parse_frames,
)

KEY = b"k" * 32
SMALL = encode_frame(Packet(b"s" * PACKET_SMALL_BYTES))
LARGE = encode_frame(Packet(b"l" * PACKET_LARGE_BYTES))
PING = encode_frame(Ping(1))


def units(depth: int = 0) -> tuple[UnitSealer, UnitOpener]:
    return UnitSealer(CounterCipher(KEY), depth), UnitOpener(CounterCipher(KEY), depth)


def records() -> tuple[RecordSealer, RecordOpener]:
    return RecordSealer(CounterCipher(KEY)), RecordOpener(CounterCipher(KEY))


def test_sizes_are_those_of_the_specification() -> None:
    assert (UNIT_SMALL_BYTES, UNIT_LARGE_BYTES) == (2_624, 33_856)
    assert [cell_bytes(depth) for depth in range(MAX_DEPTH + 1)] == [2_624, 2_599, 2_574, 2_549]


@pytest.mark.parametrize("depth", range(1, MAX_DEPTH + 1))
def test_a_cell_fills_exactly_one_unit_of_the_link_outside(depth: int) -> None:
    sealer, _ = units(depth - 1)
    cell = encode_frame(Data(1, bytes(cell_bytes(depth))))
    assert len(cell) == cell_bytes(depth - 1) - UNIT_OVERHEAD_BYTES
    assert len(sealer.seal([cell])) == cell_bytes(depth - 1)
    assert depth_of(cell_bytes(depth)) == depth
    assert DATA_OVERHEAD_BYTES == 8


@pytest.mark.parametrize("size", [0, 1, 2_549 - 25, 2_600, UNIT_SMALL_BYTES, 65_535])
def test_other_cell_sizes_are_refused(size: int) -> None:
    with pytest.raises(DecodeError):
        depth_of(size)


@pytest.mark.parametrize("depth", [-1, MAX_DEPTH + 1])
def test_deeper_links_do_not_exist(depth: int) -> None:
    with pytest.raises(LocalProtocolError):
        cell_bytes(depth)


@given(st.lists(st.sampled_from([SMALL, LARGE, PING, PING * 3, b"\x09\0\0\x04abcd"]), max_size=9))
def test_k3_units_have_two_sizes_whatever_they_carry(frames: list[bytes]) -> None:
    sealer, opener = units()
    wire = sealer.seal(frames)
    plaintexts = opener.feed(wire)
    small = sum(
        len(plaintext) == UNIT_SMALL_BYTES - UNIT_OVERHEAD_BYTES for plaintext in plaintexts
    )
    large = len(plaintexts) - small
    assert large == frames.count(LARGE)
    assert len(wire) == small * UNIT_SMALL_BYTES + large * UNIT_LARGE_BYTES
    assert sealer.sizes == opener.sizes <= {UNIT_SMALL_BYTES, UNIT_LARGE_BYTES}
    sent = [frame for piece in frames for frame in parse_frames(piece)]
    assert [frame for plaintext in plaintexts for frame in parse_frames(plaintext)] == sent


def test_k3_a_packet_and_small_frames_share_a_unit() -> None:
    sealer, _ = units()
    assert len(sealer.seal([PING, SMALL, PING])) == UNIT_SMALL_BYTES
    assert len(sealer.seal([SMALL, SMALL])) == 2 * UNIT_SMALL_BYTES


def test_k3_control_without_padding_sizes_tell_the_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unpadded(UnitSealer):
        def _unit(self, class_byte: bytes, frames: list[bytes], room: int) -> bytes:
            return super()._unit(class_byte, frames, 0)

    sealer = Unpadded(CounterCipher(KEY), 0)
    sealer.seal([PING])
    sealer.seal([SMALL])
    assert len(sealer.sizes) == 2
    assert UNIT_SMALL_BYTES not in sealer.sizes


def test_inner_links_carry_no_large_units() -> None:
    sealer, _ = units(1)
    with pytest.raises(LocalProtocolError):
        sealer.seal([LARGE])
    outer, _ = units(0)
    _, opener = units(1)
    with pytest.raises(DecodeError):
        opener.feed(outer.seal([LARGE]))


def test_a_record_is_bounded_and_a_drain_fits() -> None:
    sealer, opener = records()
    frames = [b"f" * (DRAIN_BYTES - 1), b"g" * MAX_FRAME_BYTES]
    assert opener.feed(sealer.seal(frames)) == [b"".join(frames)]
    with pytest.raises(LocalProtocolError):
        sealer.seal([bytes(MAX_RECORD_BYTES - 15)])
    for size in (0, 15, MAX_RECORD_BYTES + 1, 2**24 - 1):
        with pytest.raises(DecodeError):
            records()[1].feed(size.to_bytes(3, "big"))


def streams() -> list[tuple[bytes, Opener, list[bytes]]]:
    """Wire bytes of several units and records, an opener for each, and what it must return."""
    unit_sealer, unit_opener = units()
    record_sealer, record_opener = records()
    frames = [[SMALL], [PING, PING], [LARGE], [SMALL, PING]]
    unit_wire = b"".join(unit_sealer.seal(drain) for drain in frames)
    record_wire = b"".join(record_sealer.seal(drain) for drain in frames)
    rooms = [UNIT_SMALL_BYTES - 17, UNIT_SMALL_BYTES - 17, UNIT_LARGE_BYTES - 17]
    padded = [
        b"".join(drain).ljust(room, b"\0")
        for drain, room in zip(frames, [*rooms, rooms[0]], strict=True)
    ]
    return [
        (unit_wire, unit_opener, padded),
        (record_wire, record_opener, [b"".join(drain) for drain in frames]),
    ]


@given(st.lists(st.integers(0, 9000), max_size=20), st.integers(0, 1))
def test_pieces_do_not_matter(sizes: list[int], which: int) -> None:
    wire, opener, expected = streams()[which]
    got: list[bytes] = []
    at = 0
    for size in sizes:
        got += opener.feed(wire[at : at + size])
        at += size
    got += opener.feed(wire[at:])
    assert got == expected
    assert not opener._buffer


@pytest.mark.parametrize("which", [0, 1])
def test_byte_by_byte_and_never_more_than_one_is_held(which: int) -> None:
    wire, opener, expected = streams()[which]
    got: list[bytes] = []
    for at in range(len(wire)):
        got += opener.feed(wire[at : at + 1])
        assert len(opener._buffer) < UNIT_LARGE_BYTES + 3
    assert got == expected


@pytest.mark.parametrize("which", [0, 1])
def test_swapped_repeated_dropped_or_changed_records_do_not_open(which: int) -> None:
    sealer = (units()[0], records()[0])[which]
    first, second = sealer.seal([PING]), sealer.seal([SMALL])
    changed = first[:-1] + bytes([first[-1] ^ 1])
    for wire in (second, first + first, changed, second + first):
        opener = (units()[1], records()[1])[which]
        with pytest.raises(AuthenticationError):
            opener.feed(wire)


def test_the_header_of_a_record_is_authenticated() -> None:
    sealer, _ = records()
    first = sealer.seal([PING])
    longer = (int.from_bytes(first[:3], "big") + 1).to_bytes(3, "big") + first[3:] + b"x"
    with pytest.raises(AuthenticationError):
        records()[1].feed(longer)


@given(st.binary(max_size=3000), st.integers(0, 1))
def test_k24_any_bytes_give_nothing_or_a_remote_error(data: bytes, which: int) -> None:
    opener = (units()[1], records()[1])[which]
    with contextlib.suppress(RemoteProtocolError):
        assert opener.feed(data) == []
