"""K2: a packet changed anywhere dies at the next honest relay, without output."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.onion.support import WALL, Row, flip, forwarded
from zentalk.crypto.aead import chacha_xor
from zentalk.onion.errors import PacketRefusedError
from zentalk.onion.geometry import BODY_OFFSET, LARGE, SMALL, TAG_BYTES
from zentalk.onion.packet import DEPOSIT, Deliver, DeliveryPlaintext
from zentalk.onion.wrap import HopKeys, wrap

ROW = Row(3)
SMALL_PACKET = wrap(SMALL, ROW.hops(), DeliveryPlaintext(DEPOSIT, b"secret"), ROW.entropy)
LARGE_PACKET = wrap(LARGE, ROW.hops(), DeliveryPlaintext(DEPOSIT, b"secret"), ROW.entropy)
AFTER_FIRST = forwarded(Row(3).relays[0].peel(SMALL_PACKET, WALL))
AFTER_SECOND = forwarded(Row(3).relays[1].peel(AFTER_FIRST, WALL))


def dies(hop: int, packet: bytes) -> bool:
    try:
        ROW.relays[hop].peel(packet, WALL)
    except PacketRefusedError as error:
        return error.reason in {"undecryptable", "epoch", "malformed"}
    return False


def test_k2_every_single_bit_of_a_packet_is_covered() -> None:
    survivors = [bit for bit in range(2560 * 8) if not dies(0, flip(SMALL_PACKET, bit))]
    assert survivors == []


@pytest.mark.parametrize(("hop", "packet"), [(1, AFTER_FIRST), (2, AFTER_SECOND)])
def test_k2_what_a_hostile_relay_changes_dies_at_the_next(hop: int, packet: bytes) -> None:
    bits = [*range(50 * 8), *range(50 * 8, 2500 * 8, 61), *range(2500 * 8, 2560 * 8)]
    assert all(dies(hop, flip(packet, bit)) for bit in bits)


@pytest.mark.parametrize(("hop", "packet"), [(1, AFTER_FIRST), (2, AFTER_SECOND)])
def test_k2_unchanged_packets_still_go_through(hop: int, packet: bytes) -> None:
    Row(3).relays[hop].peel(packet, WALL)


@settings(max_examples=60)
@given(st.sets(st.integers(0, 33792 * 8 - 1), min_size=1, max_size=20))
def test_k2_any_set_of_bits_of_a_large_packet(bits: set[int]) -> None:
    changed = bytearray(LARGE_PACKET)
    for bit in bits:
        changed[bit // 8] ^= 1 << bit % 8
    assert dies(0, bytes(changed))


@given(st.integers(34, 2543), st.integers(34, 2543))
def test_k2_moving_body_bytes_kills_the_packet(left: int, right: int) -> None:
    changed = bytearray(SMALL_PACKET)
    changed[left], changed[right] = changed[right], changed[left]
    assert bytes(changed) == SMALL_PACKET or dies(0, bytes(changed))


def test_k2_control_without_the_tag_a_mark_travels_to_the_delivery_relay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def open_unchecked(packet: bytes, keys: HopKeys) -> bytes:
        body = packet[BODY_OFFSET:-TAG_BYTES]
        return chacha_xor(keys.aead_key, body)

    monkeypatch.setattr("zentalk.onion.peel._open", open_unchecked)
    row = Row(3)
    bit_of_payload = (BODY_OFFSET + 88 + 88 + 44) * 8
    _, arrived = row.walk(flip(SMALL_PACKET, bit_of_payload))
    assert isinstance(arrived, Deliver)
    assert arrived.payload == flip(b"secret", 0)
