"""K3: neither the size of a packet nor its bytes say where on a path it is, or how long that is."""

import math
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from tests.onion.support import WALL, Row, seeded
from zentalk.ids import SendId
from zentalk.onion import layers, peel
from zentalk.onion.ack import build_ack, expand_ack
from zentalk.onion.geometry import LARGE, SMALL, Geometry
from zentalk.onion.layers import HopKeys
from zentalk.onion.packet import DEPOSIT, Deliver, DeliveryPlaintext, NextHop, read_plaintext
from zentalk.onion.wrap import wrap

POSITIONS = 3
PER_CLASS = 120
SAMPLED = range(34, 2560, 5)
"""Offsets the classifier looks at; suite, epoch and ct are alike in kind at every hop."""

Sample = tuple[int, bytes]


@pytest.mark.parametrize("geometry", [SMALL, LARGE], ids=lambda g: g.packet_class.letter)
@pytest.mark.parametrize("hops", range(1, 6))
@pytest.mark.parametrize("payload", [0, 1, 2000])
def test_k3_sizes_are_one_per_class(geometry: Geometry, hops: int, payload: int) -> None:
    row = Row(hops)
    packet = wrap(geometry, row.hops(), DeliveryPlaintext(DEPOSIT, bytes(payload)), row.entropy)
    links, _ = row.walk(packet)
    assert {len(link) for link in links} == {geometry.packet_bytes}


def classify(samples: Sequence[Sample], offsets: Sequence[int]) -> float:
    """Train nearest-centroid on one half, return its hit rate on the other.

    Besides single bytes it gets the number of zero bytes in quarters and at both ends, which is
    what careless padding shows.
    """

    def features(data: bytes) -> list[float]:
        quarter = len(data) // 4
        parts = [data[at : at + quarter] for at in range(0, 4 * quarter, quarter)]
        zeros = [part.count(0) * 8.0 for part in [*parts, data[:200], data[-200:-16]]]
        return [*zeros, *(float(data[offset]) for offset in offsets)]

    train, test = samples[::2], samples[1::2]
    centroids = {}
    for label in {label for label, _ in samples}:
        rows = [features(data) for found, data in train if found == label]
        centroids[label] = [sum(column) / len(rows) for column in zip(*rows, strict=True)]

    def guess(data: bytes) -> int:
        point = features(data)
        distance = {
            label: sum((a - b) ** 2 for a, b in zip(point, centroid, strict=True))
            for label, centroid in centroids.items()
        }
        return min(distance, key=lambda label: distance[label])

    return sum(guess(data) == label for label, data in test) / len(test)


def at_chance(rate: float, classes: int, trials: int) -> bool:
    """Within four standard deviations of guessing."""
    chance = 1 / classes
    return abs(rate - chance) <= 4 * math.sqrt(chance * (1 - chance) / trials)


def packets_by_position(seed: bytes, make: Callable[[Row], bytes]) -> list[Sample]:
    row = Row(POSITIONS, seed)
    samples: list[Sample] = []
    for _ in range(PER_CLASS):
        links, _ = row.walk(make(row))
        samples += enumerate(links)
    # Two of each position in turn, so that both halves have all of them.
    return sorted(samples, key=lambda sample: sample[1][40])


def message(row: Row) -> bytes:
    return wrap(SMALL, row.hops(), DeliveryPlaintext(DEPOSIT, b"always the same" * 20), row.entropy)


def ack(row: Row) -> bytes:
    return expand_ack(build_ack(row.hops(), SendId(bytes(16)), bytes(32), row.entropy).blob)


@pytest.mark.parametrize("make", [message, ack])
def test_k3_a_classifier_of_positions_is_at_chance(make: Callable[[Row], bytes]) -> None:
    samples = packets_by_position(b"position", make)
    rate = classify(samples, SAMPLED)
    assert at_chance(rate, POSITIONS, len(samples) // 2), rate


def test_k3_control_a_pad_of_zeros_shows_the_position(monkeypatch: pytest.MonkeyPatch) -> None:
    real = layers.hop_keys

    def zero_pad(*parts: bytes) -> HopKeys:
        return real(*parts)._replace(pad=bytes(88))

    monkeypatch.setattr(layers, "hop_keys", zero_pad)
    monkeypatch.setattr(peel, "hop_keys", zero_pad)
    samples = packets_by_position(b"position", message)
    rate = classify(samples, SAMPLED)
    assert rate > 0.6
    assert not at_chance(rate, POSITIONS, len(samples) // 2)


def test_k3_acks_and_messages_look_alike_on_every_link() -> None:
    samples: list[Sample] = []
    for label, make in enumerate((message, ack)):
        samples += [(label, data) for _, data in packets_by_position(b"kind", make)]
    samples.sort(key=lambda sample: sample[1][40])
    rate = classify(samples, SAMPLED)
    assert at_chance(rate, 2, len(samples) // 2), rate


# What the delivery relay sees: the plaintext after the payload.


def ends(hops: int, monkeypatch: pytest.MonkeyPatch, *, zero_fill: bool) -> list[Sample]:
    """Plaintexts of the last hop, from paths of that length."""
    seen: list[bytes] = []

    def spy(plaintext: bytes) -> NextHop | Deliver:
        seen.append(plaintext)
        return read_plaintext(plaintext)

    monkeypatch.setattr(peel, "read_plaintext", spy)
    row = Row(hops, b"length")
    samples = []
    for _ in range(PER_CLASS):
        draws = seeded(row.entropy(16))

        def entropy(length: int, draws: Callable[[int], bytes] = draws) -> bytes:
            return bytes(length) if zero_fill and length != 32 else draws(length)

        packet = wrap(SMALL, row.hops(), DeliveryPlaintext(DEPOSIT, b"hello"), entropy)
        row.walk(packet, WALL)
        samples.append((hops, seen[-1][49:]))
    return samples


@pytest.mark.parametrize("zero_fill", [False, True], ids=["random fill", "control: zero fill"])
def test_k3_the_delivery_relay_cannot_tell_the_length_of_the_path(
    monkeypatch: pytest.MonkeyPatch, zero_fill: bool
) -> None:
    samples = ends(3, monkeypatch, zero_fill=zero_fill) + ends(5, monkeypatch, zero_fill=zero_fill)
    samples.sort(key=lambda sample: sample[1][-20])
    rate = classify(samples, range(0, 2461, 9))
    if zero_fill:
        assert rate > 0.99
    else:
        assert at_chance(rate, 2, len(samples) // 2), rate


def test_k3_the_bytes_of_all_positions_are_evenly_spread() -> None:
    # One count per value and position; a biased pad or filler would stand out.
    samples = packets_by_position(b"spread", message)
    for position in range(POSITIONS):
        counts = Counter[int]()
        for label, data in samples:
            if label == position:
                counts.update(data[34:])
        expected = counts.total() / 256
        chi_square = sum((counts[value] - expected) ** 2 / expected for value in range(256))
        # 255 degrees of freedom: mean 255, standard deviation 22.6.
        assert chi_square < 255 + 5 * 22.6
