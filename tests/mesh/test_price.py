"""What strangers may store: bounded over any time, within the quota, at last not for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import RefusedError
from zentalk.mesh import price
from zentalk.mesh.price import (
    BURST_SHARE,
    LEAST_BITS,
    MOST_BITS,
    REFILL_DAYS,
    WHOLE,
    BurstTaken,
    Quota,
    check_token_room,
    price_bits,
    take,
)
from zentalk.wire.shard import MAX_SHARD_BYTES

WALL = 1_800_000_000.0
DAY = 86_400
MIB = 2**20
FREE = 100 * MIB
ANY_WORK = 255
EMPTY = BurstTaken(WHOLE, int(WALL))

puts = st.lists(
    st.tuples(
        st.integers(512, MAX_SHARD_BYTES + 512),
        st.integers(0, 200_000),  # seconds until the next
        st.integers(0, 3 * MAX_SHARD_BYTES),  # bytes that leases end meanwhile
    ),
    max_size=80,
)


@given(puts, st.integers(0, 40 * MIB))
def test_no_time_sees_more_than_a_burst_and_what_comes_back_and_the_quota_is_never_exceeded(
    todo: list[tuple[int, int, int]], quota: int
) -> None:
    granted = granted_of(todo, quota)
    assert all(excess <= 0 for excess in excesses(granted, quota))


def granted_of(todo: list[tuple[int, int, int]], quota: int) -> list[tuple[float, int]]:
    """Return when how many bytes were granted; the quota is never exceeded on the way."""
    used, wall, taken = 0, WALL, BurstTaken()
    granted: list[tuple[float, int]] = []
    for size, pause, ended in todo:
        with suppress(RefusedError):
            taken = take(taken, quota - used, size, ANY_WORK, wall)
            used += size
            granted.append((wall, size))
        assert used <= quota
        wall += pause
        used = max(0, used - ended)
    return granted


def excesses(granted: list[tuple[float, int]], quota: int) -> Iterator[float]:
    """Yield for each time between two grants by how much more was granted than may be."""
    for number, (since, _) in enumerate(granted):
        total = 0
        for until, size in granted[number:]:
            total += size
            days = (until - since + 1) / DAY
            yield total - quota / BURST_SHARE - days * quota / REFILL_DAYS


def test_control_with_a_faster_refill_the_bound_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    flood, quota = [(100_000, 3600, 100_000)] * 2000, 10 * MIB
    assert max(excesses(granted_of(flood, quota), quota)) <= 0
    monkeypatch.setattr(price, "_REFILL_PER_SECOND", 2 * price._REFILL_PER_SECOND)
    assert max(excesses(granted_of(flood, quota), quota)) > 0


@given(st.integers(0, WHOLE), st.integers(-(10**9), 10**9))
def test_a_clock_that_is_put_back_gives_nothing_and_stops_nothing(parts: int, by: int) -> None:
    later = BurstTaken(parts, int(WALL)).now(WALL + by)
    assert 0 <= later.parts <= parts
    if by <= 0:
        assert later.parts == parts
    assert later.now(WALL + by + 8 * DAY).parts == 0


def test_nothing_is_asked_before_half_is_taken_and_then_more_and_more() -> None:
    at = int(WALL)
    assert price_bits(BurstTaken(WHOLE // 2 - 1, at), MIB, WALL) == 0
    prices = [
        price_bits(BurstTaken(WHOLE // 2 + WHOLE * step // 200, at), MIB, WALL)
        for step in range(101)
    ]
    assert (prices[0], prices[-1]) == (LEAST_BITS, MOST_BITS)
    assert prices == sorted(prices)
    assert set(prices) == set(range(LEAST_BITS, MOST_BITS + 1))


@given(st.integers(1, MAX_SHARD_BYTES + 512), st.integers(WHOLE // 2, WHOLE))
def test_two_small_shards_are_never_cheaper_than_one_of_their_size(size: int, parts: int) -> None:
    taken = BurstTaken(parts, int(WALL))
    whole, half = (price_bits(taken, part, WALL) for part in (size, -(-size // 2)))
    assert half >= 1
    assert 2 * 2**half >= 2**whole
    assert price_bits(taken, MIB, WALL) >= whole


@pytest.mark.parametrize(("size", "bits"), [(MIB, 22), (MIB // 2, 21), (MIB // 2 + 1, 22), (1, 2)])
def test_the_price_of_a_mib_is_shared_by_its_shards(size: int, bits: int) -> None:
    assert price_bits(EMPTY, size, WALL) == bits


def test_a_flood_gets_less_than_a_quarter_and_the_rest_comes_back_over_days() -> None:
    taken, used = BurstTaken(), 0
    for _ in range(10_000):
        try:
            taken = take(taken, FREE - used, 10_000, ANY_WORK, WALL)
        except RefusedError:
            break
        used += 10_000
    assert FREE / 5 < used <= FREE / BURST_SHARE
    with pytest.raises(RefusedError, match="full"):
        take(taken, FREE - used, 10_000, ANY_WORK, WALL)
    later = WALL + DAY
    assert price_bits(taken, MIB, later) == 21
    taken = take(taken, FREE - used, 10_000, 22, later)
    assert price_bits(taken, MIB, WALL + 10 * DAY) == 0


def test_whoever_shows_less_work_is_refused_and_the_price_is_told_before() -> None:
    taken = BurstTaken(WHOLE * 3 // 4, int(WALL))
    bits = price_bits(taken, 300_000, WALL)
    assert bits > 1
    with pytest.raises(RefusedError, match="work"):
        take(taken, FREE, 300_000, bits - 1, WALL)
    assert take(taken, FREE, 300_000, bits, WALL).parts > taken.parts


@pytest.mark.parametrize("free", [0, -5, 4 * 999])
def test_without_room_nothing_is_taken_whatever_the_work(free: int) -> None:
    with pytest.raises(RefusedError, match="full"):
        take(BurstTaken(), free, 1000, ANY_WORK, WALL)


def test_those_with_a_token_have_a_share_that_strangers_cannot_use_up() -> None:
    quota = Quota(1000, has_tokens=True)
    assert (quota.token_holders, quota.strangers) == (250, 750)
    assert (Quota(1000).token_holders, Quota(1000).strangers) == (0, 1000)
    check_token_room(quota, 150, 100)
    for used, size in ((150, 101), (250, 1), (400, 1)):
        with pytest.raises(RefusedError, match="full"):
            check_token_room(quota, used, size)
    with pytest.raises(RefusedError, match="full"):
        check_token_room(Quota(1000), 0, 1)
