import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.onion.support import seeded
from zentalk.errors import LocalProtocolError
from zentalk.onion.draw import DELAY_MEAN_MS, below, draw_delay_ms, pick, sample


@given(st.integers(1, 2**64), st.binary(max_size=8))
def test_below_stays_below(bound: int, seed: bytes) -> None:
    assert 0 <= below(bound, seeded(seed)) < bound


def test_below_rejects_what_would_make_it_uneven() -> None:
    # 2^64 - 1 is a multiple of 3: the last word must be drawn again, or 0 would come up oftener.
    words = iter([b"\xff" * 8, (4).to_bytes(8, "big")])
    assert below(3, lambda _: next(words)) == 1


def test_below_is_uniform() -> None:
    entropy = seeded(b"uniform")
    counts = Counter(below(7, entropy) for _ in range(7_000))
    # 6 degrees of freedom: 1 in 1,000 above 22.5.
    assert sum((counts[value] - 1000) ** 2 / 1000 for value in range(7)) < 22.5


@pytest.mark.parametrize("bound", [0, -1, 2**64 + 1])
def test_below_needs_outcomes(bound: int) -> None:
    with pytest.raises(LocalProtocolError):
        below(bound, seeded(b""))


def test_a_stuck_entropy_source_is_noticed() -> None:
    with pytest.raises(LocalProtocolError):
        below(3, lambda length: b"\xff" * length)


@given(
    st.lists(st.integers(), unique=True, max_size=20), st.integers(-2, 25), st.binary(max_size=8)
)
def test_sample_draws_different_items(items: list[int], count: int, seed: bytes) -> None:
    drawn = sample(items, count, seeded(seed))
    assert len(drawn) == len(set(drawn)) == min(len(items), max(count, 0))
    assert set(drawn) <= set(items)


def test_every_order_of_a_sample_is_as_likely() -> None:
    entropy = seeded(b"orders")
    counts = Counter(tuple(sample([1, 2, 3], 2, entropy)) for _ in range(6_000))
    assert len(counts) == 6
    # 5 degrees of freedom: 1 in 1,000 above 20.5.
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 20.5


def test_pick() -> None:
    assert pick(["x"], seeded(b"")) == "x"
    assert {pick([0, 3], seeded(bytes([seed]))) for seed in range(20)} == {0, 3}
    with pytest.raises(LocalProtocolError):
        pick([], seeded(b""))


@pytest.mark.parametrize(("profile", "mean"), [("balanced", 50), ("strong", 1000)])
def test_delays_are_exponential(profile: str, mean: int) -> None:
    entropy = seeded(hashlib.sha256(profile.encode()).digest())
    drawn = [draw_delay_ms(DELAY_MEAN_MS[profile], entropy) for _ in range(5_000)]
    assert abs(sum(drawn) / len(drawn) - mean) < mean * 0.07
    beyond = sum(delay > mean for delay in drawn) / len(drawn)
    assert abs(beyond - 0.368) < 0.035


def test_fast_does_not_delay_and_no_delay_is_above_a_minute() -> None:
    assert draw_delay_ms(DELAY_MEAN_MS["fast"], seeded(b"")) == 0
    assert draw_delay_ms(10_000_000, bytes) == 60_000
