import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.onion.support import WALL, Row, flip, seeded
from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.ids import SendId
from zentalk.onion.ack import build_ack, expand_ack, read_ack_token
from zentalk.onion.errors import PacketRefusedError
from zentalk.onion.geometry import ACK_BLOB_BYTES, SMALL
from zentalk.onion.packet import ACK_TOKEN

SEND_ID = SendId(b"an ack's send id")
TOKEN = bytes(range(32))


@given(st.binary(max_size=16), st.lists(st.integers(0, 60_000), min_size=3, max_size=3))
def test_an_ack_peels_hop_by_hop_like_any_packet(seed: bytes, delays: list[int]) -> None:
    row = Row(3, seed)
    ack = build_ack(row.hops(delays=delays), SEND_ID, TOKEN, seeded(seed))
    assert len(ack.blob) == ACK_BLOB_BYTES == 330
    assert (ack.first, ack.lane) == (row.hops()[0].node_id, 0)
    links, arrived = row.walk(expand_ack(ack.blob))
    assert [len(link) for link in links] == [SMALL.packet_bytes] * 3
    assert arrived.service == ACK_TOKEN
    assert arrived.delay_ms == delays[-1]
    assert read_ack_token(arrived.payload) == (SEND_ID, TOKEN)


def test_expanding_twice_gives_one_packet_which_goes_through_once() -> None:
    row = Row(3)
    blob = build_ack(row.hops(), SEND_ID, TOKEN, row.entropy).blob
    assert expand_ack(blob) == expand_ack(blob)
    row.walk(expand_ack(blob))
    with pytest.raises(PacketRefusedError, match="replay"):
        row.walk(expand_ack(blob))


def test_two_acks_share_no_bytes() -> None:
    row = Row(3)
    blobs = [build_ack(row.hops(), SEND_ID, TOKEN, row.entropy).blob for _ in range(2)]
    assert sum(a == b for a, b in zip(*blobs, strict=True)) < 15


def test_two_acks_of_one_seed_have_different_fillers() -> None:
    blob = build_ack(Row(3).hops(), SEND_ID, TOKEN, seeded(b"1")).blob
    other = build_ack(Row(3).hops(), SEND_ID, TOKEN, seeded(b"2")).blob
    mixed = other[:-12] + blob[-12:]
    fillers = [expand_ack(packet)[302:-16] for packet in (blob, mixed)]
    assert sum(a == b for a, b in zip(*fillers, strict=True)) < 40


def test_k2_every_bit_of_a_compact_ack_is_covered() -> None:
    row = Row(3)
    blob = build_ack(row.hops(), SEND_ID, TOKEN, row.entropy).blob
    for bit in range(8 * ACK_BLOB_BYTES):
        with pytest.raises((PacketRefusedError, DecodeError)):
            row.relays[0].peel(expand_ack(flip(blob, bit)), WALL)
    row.walk(expand_ack(blob))


@pytest.mark.parametrize("hops", [1, 2, 4, 5])
def test_an_ack_has_the_default_number_of_hops(hops: int) -> None:
    row = Row(hops)
    with pytest.raises(LocalProtocolError):
        build_ack(row.hops(), SEND_ID, TOKEN, row.entropy)


@pytest.mark.parametrize(("send_id", "token"), [(b"x", TOKEN), (SEND_ID, b"x"), (SEND_ID, b"")])
def test_ids_have_their_lengths(send_id: bytes, token: bytes) -> None:
    row = Row(3)
    with pytest.raises(LocalProtocolError):
        build_ack(row.hops(), SendId(send_id), token, row.entropy)


@given(st.binary(max_size=400))
def test_fuzz_a_blob_is_refused_or_becomes_a_packet(blob: bytes) -> None:
    try:
        packet = expand_ack(blob)
    except DecodeError:
        assert len(blob) != ACK_BLOB_BYTES or blob[0] != 1
    else:
        assert len(packet) == SMALL.packet_bytes


@given(st.binary(min_size=329, max_size=329))
def test_fuzz_expanded_garbage_is_refused_by_its_first_relay(rest: bytes) -> None:
    with pytest.raises(PacketRefusedError):
        Row(1).relays[0].peel(expand_ack(b"\x01" + rest), WALL)


@pytest.mark.parametrize("payload", [b"", bytes(47), bytes(49)])
def test_a_token_of_another_length_is_refused(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        read_ack_token(payload)


def test_nothing_of_an_ack_shows() -> None:
    row = Row(3)
    ack = build_ack(row.hops(), SEND_ID, TOKEN, row.entropy)
    assert "blob" not in repr(ack)
    assert "send" not in repr(read_ack_token(SEND_ID + TOKEN))
