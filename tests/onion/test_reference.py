"""The relay of zentalk and the one written from the spec's text agree, byte for byte."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.onion import make_vectors, reference_peel
from tests.onion.support import EPOCH, WALL, flip, seeded
from zentalk.crypto.aead import chacha_seal
from zentalk.crypto.x25519 import exchange, from_secret
from zentalk.onion.ack import expand_ack
from zentalk.onion.errors import PacketRefusedError
from zentalk.onion.geometry import CLASSES, SMALL
from zentalk.onion.layers import hop_keys
from zentalk.onion.packet import Deliver, DeliveryPlaintext
from zentalk.onion.peel import Peeler
from zentalk.onion.wrap import wrap

SECRET = hashlib.sha256(b"the reference's mix key").digest()
VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "onion.json").read_text("utf-8")
)


def ours(relay: Peeler, packet: bytes, wall: float) -> tuple[object, ...]:
    """Our result in the reference's form."""
    try:
        result = relay.peel(packet, wall)
    except PacketRefusedError as error:
        return ("refused", error.reason)
    if isinstance(result, Deliver):
        return ("deliver", result.service, result.payload, result.delay_ms)
    return ("forward", result.next_id, result.lane, result.packet, result.delay_ms)


def one_layer(plaintext: bytes, ephemeral: bytes, epoch_byte: int) -> bytes:
    """A packet for SECRET that holds exactly this plaintext, however little sense it makes."""
    aad = bytes((1, epoch_byte))
    pair, mix = from_secret(ephemeral), from_secret(SECRET)
    keys = hop_keys(aad, exchange(pair.secret, mix.public), pair.public, mix.public)
    return aad + pair.public + chacha_seal(keys.aead_key, bytes(12), plaintext, aad)


def both(packets: list[tuple[bytes, float]]) -> None:
    """Give the same packets to both relays, in order."""
    relay = make_vectors.relay_with(SECRET, 0)
    reference = reference_peel.ReferenceRelay({EPOCH: SECRET, EPOCH + 1: bytes([9]) * 32})
    for packet, wall in packets:
        assert ours(relay, packet, wall) == reference.peel(packet, wall)


@pytest.mark.parametrize("case", VECTORS["packets"] + VECTORS["acks"], ids=lambda c: c["name"])
def test_vectors_peel_the_same_in_both(case: dict[str, Any]) -> None:
    packet = bytes.fromhex(case["blob"]) if "blob" in case else None
    if packet is not None:
        assert expand_ack(packet) == reference_peel.expand_ack(packet)
        packet = expand_ack(packet)
    else:
        delivery = DeliveryPlaintext(case["service"], bytes.fromhex(case["payload"]))
        ahead = case["hops"][0]["epoch"] - EPOCH
        seed = bytes.fromhex(case["entropy_seed"])
        hops = make_vectors.hops_of(seed, len(case["hops"]), ahead)
        packet = wrap(make_vectors.by_name(case["class"]), hops, delivery, seeded(seed))
    result: tuple[object, ...] = ()
    for hop, link in zip(case["hops"], case["links"], strict=True):
        assert hashlib.sha256(packet).hexdigest() == link["sha256"]
        assert packet.hex() == link.get("hex", packet.hex())
        secret = bytes.fromhex(hop["mix_secret"])
        reference = reference_peel.ReferenceRelay({hop["epoch"]: secret})
        result = reference.peel(packet, case["wall"])
        relay = make_vectors.relay_with(secret, hop["epoch"] - EPOCH)
        assert ours(relay, packet, case["wall"]) == result
        if result[0] == "forward":
            assert isinstance(result[3], bytes)
            packet = result[3]
    end = case["delivered"]
    assert result == ("deliver", end["service"], bytes.fromhex(end["payload"]), end["delay_ms"])


def test_vectors_are_what_the_generator_makes() -> None:
    assert make_vectors.everything() == VECTORS


def test_refusals_are_the_same_in_both() -> None:
    hops = [*make_vectors.hops_of(b"", 1, 0)]
    good = wrap(
        SMALL,
        [type(hops[0])(hops[0].node_id, from_secret(SECRET).public, EPOCH)],
        DeliveryPlaintext(1, b"hello"),
        seeded(b"good"),
    )
    early, late = float((EPOCH + 1) * 3600 - 301), float((EPOCH + 2) * 3600)
    both(
        [
            (b"", WALL),
            (good[:-1], WALL),
            (b"\x02" + good[1:], WALL),
            (flip(good, 8), WALL),
            (bytes((1, (EPOCH - 1) & 255)) + good[2:], WALL),
            (bytes((1, (EPOCH + 1) & 255)) + good[2:], early),
            (bytes((1, (EPOCH + 1) & 255)) + good[2:], early + 1),
            (good[:2] + bytes(32) + good[34:], WALL),
            (flip(good, 33 * 8 + 7), WALL),
            (flip(good, 2559 * 8), WALL),
            (good, WALL),
            (good, WALL),
            (good, late - 1),
            (good, late),
        ]
    )


@settings(max_examples=15)
@given(
    head=st.binary(min_size=44, max_size=44),
    command=st.integers(0, 5),
    delay_ms=st.one_of(st.integers(0, 60_000), st.integers(0, 2**32 - 1)),
    length=st.integers(0, 2600),
    reserved=st.sampled_from([bytes(3), b"\x01\x00\x00", b"\x00\x00\x01"]),
    zero=st.booleans(),
)
def test_every_plaintext_is_read_the_same_in_both(
    head: bytes, command: int, delay_ms: int, length: int, reserved: bytes, zero: bool
) -> None:
    fields = bytes([command]) + delay_ms.to_bytes(4, "big") + reserved + length.to_bytes(4, "big")
    plaintext = (bytes(32) if zero else head[:32]) + fields
    plaintext += seeded(head)(SMALL.body_bytes - len(plaintext))
    packet = one_layer(plaintext, hashlib.sha256(head).digest(), EPOCH & 255)
    both([(packet, WALL), (packet, WALL)])


@settings(max_examples=20)
@given(st.sampled_from(sorted(CLASSES)[:1]), st.binary(max_size=80), st.integers(0, 255))
def test_arbitrary_bytes_are_refused_the_same_in_both(
    size: int, start: bytes, epoch_byte: int
) -> None:
    packet = (b"\x01" + bytes([epoch_byte]) + start).ljust(size, b"\xa5")
    both([(packet, WALL)])
