"""The pace of care is bounded, and drawn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.net.runtime import seeded_entropy
from zentalk.node.files.care.pace import (
    FILE_PAUSE_SECONDS,
    LOOK_SECONDS,
    READ_BYTES_A_DAY,
    SEGMENT_PAUSE_SECONDS,
    file_pause,
    look_pause,
    reading_chance,
    segment_pause,
)
from zentalk.wire.head import MAX_FILE_BYTES

MIB = 2**20
IDLE_SECONDS = 20.0
"""Of links to holders: none is open for half as long again after it was used."""


@given(st.binary(min_size=1, max_size=8))
def test_pauses_are_within_their_bounds_and_links_end_in_those_between_files(seed: bytes) -> None:
    entropy = seeded_entropy(seed)
    assert 1.5 * IDLE_SECONDS <= file_pause(entropy) < FILE_PAUSE_SECONDS
    assert 0 <= segment_pause(entropy) < SEGMENT_PAUSE_SECONDS
    assert 0 <= look_pause(entropy) < LOOK_SECONDS
    assert len({file_pause(entropy) for _ in range(9)}) == 9


@pytest.mark.parametrize(
    ("sizes", "chance"),
    [([], 1.0), ([70_000] * 1000, 1.0), ([MAX_FILE_BYTES] * 30, 1.0), ([MAX_FILE_BYTES] * 60, 0.9)],
)
def test_few_files_are_read_as_often_as_they_should(sizes: list[int], chance: float) -> None:
    assert (reading_chance(sizes) == 1.0) == (chance == 1.0)
    assert reading_chance(sizes) <= 1.0


@given(st.lists(st.integers(0, MAX_FILE_BYTES), max_size=2000))
def test_a_days_reading_is_bounded(sizes: list[int]) -> None:
    # Of each file 45 shards at most are read, none longer than a tenth of a segment and a little.
    longest = sum(min(45 * 0.21 * MIB, 15 * 0.06 * max(size, 8192)) for size in sizes)
    assert reading_chance(sizes) >= min(1.0, READ_BYTES_A_DAY / max(1.0, 4 * longest))
    assert reading_chance(sizes) * sum(min(size, 1.5 * MIB) for size in sizes) <= READ_BYTES_A_DAY
