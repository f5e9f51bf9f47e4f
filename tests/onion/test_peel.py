"""The order and the reasons of docs/spec/onion.md section 6, and what garbage does: nothing."""

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.onion.support import EPOCH, WALL, Row, flip, forwarded, seeded
from zentalk.crypto import x25519
from zentalk.crypto.aead import ZERO_NONCE, chacha_seal
from zentalk.errors import LocalProtocolError
from zentalk.onion import packet as packet_module
from zentalk.onion.errors import REASONS, PacketRefusedError
from zentalk.onion.geometry import LARGE, SMALL
from zentalk.onion.packet import DROP, Deliver, DeliveryPlaintext, Forward
from zentalk.onion.peel import Peeler
from zentalk.onion.replay import DEFAULT_CAPACITY, Capacity
from zentalk.onion.wrap import hop_keys, wrap

NOBODY = bytes(32)


def one_relay(filter_capacity: Capacity = DEFAULT_CAPACITY) -> Peeler:
    relay = Peeler(filter_capacity)
    relay.rotate(WALL, seeded(b"one relay"))
    return relay


def sealed_for(relay: Peeler, plaintext: bytes, seed: bytes = b"") -> bytes:
    """What a hostile sender can make: an authentic packet with any plaintext."""
    aad = bytes((1, EPOCH & 255))
    mix_key = relay.keys_for_descriptor(EPOCH)[0]
    pair = x25519.generate(seeded(b"sealed" + seed))
    keys = hop_keys(aad, x25519.exchange(pair.secret, mix_key), pair.public, mix_key)
    return aad + pair.public + chacha_seal(keys.aead_key, ZERO_NONCE, plaintext, aad)


def header(
    command: int,
    *,
    delay_ms: int = 0,
    node_id: bytes = NOBODY,
    flags: bytes = bytes(3),
    length: int = 0,
) -> bytes:
    head = node_id + bytes([command]) + delay_ms.to_bytes(4, "big") + flags
    return (head + length.to_bytes(4, "big")).ljust(SMALL.body_bytes, b"\x77")


def reason_of(relay: Peeler, packet: bytes, wall: float = WALL) -> str:
    with pytest.raises(PacketRefusedError) as caught:
        relay.peel(packet, wall)
    assert caught.value.reason in REASONS
    return caught.value.reason


def held(relay: Peeler) -> int:
    """How many tags the relay remembers."""
    return sum(len(slot.seen) for slot in relay._keys._slots.values())


@pytest.mark.parametrize("packet", [b"", b"\x01", bytes(2560), b"\x02" + bytes(2559), bytes(100)])
def test_size_and_suite(packet: bytes) -> None:
    assert reason_of(one_relay(), packet) == "malformed"


@pytest.mark.parametrize("ahead", [-2, 1, 2, 100, 128])
def test_epochs_that_no_sender_may_use(ahead: int) -> None:
    packet = bytes((1, (EPOCH + ahead) & 255)) + seeded(b"body")(2558)
    assert reason_of(one_relay(), packet) == "epoch"


@pytest.mark.parametrize(
    "ct",
    [
        bytes(32),
        (1).to_bytes(32, "little"),
        (2**255 - 19).to_bytes(32, "little"),
        bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    ],
)
def test_keys_of_low_order(ct: bytes) -> None:
    packet = bytes((1, EPOCH & 255)) + ct + seeded(b"body")(2526)
    assert reason_of(one_relay(), packet) == "key"


@pytest.mark.parametrize(
    ("plaintext", "reason"),
    [
        (header(4), "command"),
        (header(255), "command"),
        (header(0, delay_ms=60_001), "delay"),
        (header(1, delay_ms=2**32 - 1), "delay"),
        (header(0, flags=b"\0\0\1"), "malformed"),
        (header(1, flags=b"\0\0\1"), "malformed"),
        (header(1, flags=b"\1\0\0"), "malformed"),
        (header(1, node_id=bytes(31) + b"\1"), "malformed"),
        (header(1, length=SMALL.capacity(1) + 1), "malformed"),
        (header(3, length=2**32 - 1), "malformed"),
    ],
)
def test_authentic_nonsense_is_refused_and_not_remembered(plaintext: bytes, reason: str) -> None:
    relay = one_relay()
    assert reason_of(relay, sealed_for(relay, plaintext)) == reason
    assert held(relay) == 0


def test_a_delay_of_a_minute_is_the_longest() -> None:
    relay = one_relay()
    result = relay.peel(sealed_for(relay, header(0, delay_ms=60_000)), WALL)
    assert isinstance(result, Forward)
    assert result.delay_ms == 60_000
    result = relay.peel(sealed_for(relay, header(DROP, delay_ms=60_000), b"2"), WALL)
    assert result == Deliver(DROP, b"", 60_000)


@pytest.mark.parametrize(("exact", "digests"), [(2, 0), (1, 1), (0, 2)])
def test_a_full_filter_refuses_and_still_knows_replays(exact: int, digests: int) -> None:
    relay = one_relay(Capacity(exact, digests))
    packets = [sealed_for(relay, header(DROP), bytes([number])) for number in range(3)]
    relay.peel(packets[0], WALL)
    relay.peel(packets[1], WALL)
    assert reason_of(relay, packets[2]) == "full"
    assert [reason_of(relay, packet) for packet in packets] == ["replay", "replay", "full"]


def test_junk_changes_no_state() -> None:
    row = Row(2)
    relay = row.relays[0]
    good = wrap(SMALL, row.hops(), DeliveryPlaintext(DROP, b""), row.entropy)
    for bit in range(8, 2560 * 8, 397):
        reason_of(relay, flip(good, bit))
    assert held(relay) == 0
    relay.peel(good, WALL)
    assert held(relay) == 1


def test_a_lookup_hit_costs_no_aead(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Row(1)
    good = wrap(SMALL, row.hops(), DeliveryPlaintext(DROP, b""), row.entropy)
    row.relays[0].peel(good, WALL)
    monkeypatch.setattr("zentalk.onion.peel.chacha_open", None)
    assert reason_of(row.relays[0], good) == "replay"


def test_rotate_comes_first() -> None:
    relay = Peeler()
    with pytest.raises(LocalProtocolError):
        relay.keys_for_descriptor(EPOCH)
    assert reason_of(relay, bytes((1, EPOCH & 255)) + bytes(2558)) == "undecryptable"


def test_keys_do_not_show() -> None:
    relay = one_relay()
    slot = relay._keys.slot(EPOCH)
    assert slot is not None
    assert repr(bytes(slot.key.pair.secret)) not in repr(slot)
    assert "<" in repr(hop_keys(b"12", bytes(32), bytes(32), bytes(32)))


FUZZED = one_relay()


@given(st.binary(max_size=200))
@example(b"\x01")
def test_fuzz_arbitrary_bytes_are_refused(data: bytes) -> None:
    reason_of(FUZZED, data)


@given(
    size=st.sampled_from([SMALL.packet_bytes, LARGE.packet_bytes]),
    suite=st.sampled_from([0, 1, 2]),
    epoch_byte=st.integers(0, 255),
    start=st.binary(max_size=120),
    fill=st.integers(0, 255),
)
def test_fuzz_arbitrary_packets_are_refused(
    size: int, suite: int, epoch_byte: int, start: bytes, fill: int
) -> None:
    reason_of(FUZZED, (bytes((suite, epoch_byte)) + start).ljust(size, bytes([fill])))


@given(start=st.binary(max_size=100), command=st.integers(0, 255), seed=st.binary(max_size=8))
def test_fuzz_authentic_packets_give_a_result_or_a_refusal(
    start: bytes, command: int, seed: bytes
) -> None:
    relay = one_relay()
    plaintext = bytearray(start.ljust(SMALL.body_bytes, b"\0"))
    plaintext[32] = command
    with contextlib.suppress(PacketRefusedError):
        result = relay.peel(sealed_for(relay, bytes(plaintext), seed), WALL)
        assert isinstance(result, Deliver) or len(result.packet) == SMALL.packet_bytes


def test_the_headers_are_those_of_the_spec() -> None:
    assert packet_module._FORWARD_HEADER.size == 88
    assert packet_module.DELIVERY_HEADER.size == 44
    relay = one_relay()
    head = bytes(range(32)) + b"\0" + (258).to_bytes(4, "big") + b"\x11\x22\0"
    plaintext = head + b"c" * 32 + b"t" * 16 + b"rest".ljust(SMALL.rest_bytes, b"r")
    result = relay.peel(sealed_for(relay, plaintext), WALL)
    assert isinstance(result, Forward)
    assert (result.next_id, result.delay_ms, result.lane) == (bytes(range(32)), 258, 0x22)
    out = forwarded(result)
    assert out[:34] == b"\x01\x11" + b"c" * 32
    assert out[34 : 34 + SMALL.rest_bytes] == plaintext[88:]
    assert out[-16:] == b"t" * 16
