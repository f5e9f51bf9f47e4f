"""Audits: what is drawn, what verdicts mean, and when a shard counts as lost."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mesh.test_placement import node
from zentalk.ids import DAY_SECONDS, NodeId
from zentalk.mesh.audit import (
    SAMPLES,
    SILENT_SECONDS,
    KnownShard,
    ShardBook,
    ShardVerdict,
    draw_samples,
    judge_bytes,
    judge_refusal,
)
from zentalk.mesh.placement import ShardNumber
from zentalk.net.runtime import seeded_entropy
from zentalk.wire import rpc_shards
from zentalk.wire.shard import shard_id

WALL = 1_800_000_000.0
ONE, TWO = node(1), node(2)
NUMBERS = [ShardNumber(0, piece) for piece in range(15)]


def book() -> ShardBook:
    made = ShardBook()
    for holder in (ONE, TWO):
        for number in NUMBERS[:3]:
            made.stored(holder, number)
    return made


# --- samples ---------------------------------------------------------------------------------


@given(st.integers(0, 20), st.integers(0, 6), st.binary(min_size=1))
def test_samples_are_different_shards_of_their_holder(many: int, count: int, seed: bytes) -> None:
    held = {ONE: NUMBERS[:many], TWO: [ShardNumber(9, 9)]}
    drawn = draw_samples(held, seeded_entropy(seed), count)
    assert set(drawn[ONE]) <= set(held[ONE])
    assert len(drawn[ONE]) == len(set(drawn[ONE])) == min(len(held[ONE]), count)
    assert len(drawn[TWO]) == min(1, count)


def test_every_shard_is_drawn_as_often() -> None:
    entropy = seeded_entropy(b"fair")
    often = Counter(
        number for _ in range(5000) for number in draw_samples({ONE: NUMBERS}, entropy)[ONE]
    )
    expected = 5000 * SAMPLES / len(NUMBERS)
    assert all(abs(often[number] - expected) < 0.15 * expected for number in NUMBERS)


def test_a_holder_that_dropped_a_tenth_is_found_within_eight_days_in_nine_of_ten_cases() -> None:
    entropy = seeded_entropy(b"dropped")
    held = [ShardNumber(segment, 0) for segment in range(1000)]
    dropped = set(held[::10])
    found = sum(
        any(dropped.intersection(draw_samples({ONE: held}, entropy)[ONE]) for _day in range(8))
        for _case in range(300)
    )
    assert found >= 270


# --- verdicts --------------------------------------------------------------------------------


def test_bytes_are_judged_by_their_id_and_refusals_by_their_word() -> None:
    assert judge_bytes(shard_id(b"shard"), b"shard") is ShardVerdict.RIGHT
    assert judge_bytes(shard_id(b"shard"), b"Shard") is ShardVerdict.CORRUPT
    assert judge_bytes(shard_id(b"shard"), b"") is ShardVerdict.CORRUPT
    assert judge_refusal(rpc_shards.UNKNOWN) is ShardVerdict.MISSING
    assert judge_refusal(rpc_shards.DELETED) is ShardVerdict.MISSING
    for word in (rpc_shards.UNAVAILABLE, rpc_shards.ACCESS, "busy", "rate"):
        assert judge_refusal(word) is ShardVerdict.SILENT


@pytest.mark.parametrize("verdict", [ShardVerdict.MISSING, ShardVerdict.CORRUPT])
def test_a_missing_or_corrupt_shard_is_lost_at_once_and_no_other_with_it(
    verdict: ShardVerdict,
) -> None:
    known = book()
    known.read(ONE, NUMBERS[0], verdict, WALL)
    assert known.is_lost(ONE, NUMBERS[0], WALL)
    assert known.live(WALL) == {ONE: set(NUMBERS[1:3]), TWO: set(NUMBERS[:3])}
    assert known.spoilers == ({ONE} if verdict is ShardVerdict.CORRUPT else set())
    known.read(ONE, NUMBERS[0], ShardVerdict.RIGHT, WALL)
    assert not known.is_lost(ONE, NUMBERS[0], WALL)


def test_shards_of_a_silent_holder_are_lost_after_three_days_of_silence() -> None:
    known = book()
    for day in range(3):
        known.was_silent(ONE, WALL + day * DAY_SECONDS)
        assert ONE in known.live(WALL + day * DAY_SECONDS)
    assert known.live(WALL + SILENT_SECONDS - 1).keys() == {ONE, TWO}
    assert known.live(WALL + SILENT_SECONDS).keys() == {TWO}
    known.read(ONE, NUMBERS[0], ShardVerdict.SILENT, WALL + SILENT_SECONDS)
    assert known.is_lost(ONE, NUMBERS[0], WALL + SILENT_SECONDS)
    known.looked(ONE, {})
    assert known.live(WALL + SILENT_SECONDS).keys() == {ONE, TWO}


def test_an_answer_in_between_begins_the_three_days_anew() -> None:
    known = book()
    known.was_silent(ONE, WALL)
    known.read(ONE, NUMBERS[0], ShardVerdict.RIGHT, WALL + 2 * DAY_SECONDS)
    known.was_silent(ONE, WALL + 2.5 * DAY_SECONDS)
    assert ONE in known.live(WALL + 5 * DAY_SECONDS)
    assert ONE not in known.live(WALL + 5.5 * DAY_SECONDS)


def test_what_a_holder_says_loses_a_shard_and_brings_back_none_that_was_corrupt() -> None:
    known = book()
    known.read(ONE, NUMBERS[1], ShardVerdict.CORRUPT, WALL)
    known.looked(ONE, dict.fromkeys(NUMBERS[:3], 0) | {NUMBERS[1]: 500_000})
    assert known.live(WALL)[ONE] == set()
    known.looked(ONE, dict.fromkeys(NUMBERS[:3], 500_000))
    assert known.live(WALL)[ONE] == {NUMBERS[0], NUMBERS[2]}


def test_silence_takes_nothing_from_what_was_known() -> None:
    known = book()
    known.read(ONE, NUMBERS[0], ShardVerdict.MISSING, WALL)
    known.read(ONE, NUMBERS[0], ShardVerdict.SILENT, WALL)
    assert known.live(WALL)[ONE] == set(NUMBERS[1:3])


def test_what_nobody_put_there_is_not_known_and_counts_as_lost() -> None:
    known = book()
    known.read(ONE, NUMBERS[9], ShardVerdict.RIGHT, WALL)
    known.looked(node(3), {NUMBERS[0]: 500_000})
    assert known.is_lost(ONE, NUMBERS[9], WALL)
    assert known.is_lost(node(3), NUMBERS[0], WALL)
    assert node(3) not in {one.holder for one in known.known}
    known.forget(TWO, NUMBERS[0])
    assert known.is_lost(TWO, NUMBERS[0], WALL)


steps = st.lists(
    st.tuples(
        st.sampled_from(["stored", "looked", "read", "silent", "forget"]),
        st.sampled_from([ONE, TWO]),
        st.sampled_from(NUMBERS[:4]),
        st.sampled_from(ShardVerdict),
        st.integers(0, 2 * DAY_SECONDS),
    ),
    max_size=30,
)


@given(steps)
def test_what_is_stored_is_all_that_is_known(
    todo: list[tuple[str, NodeId, ShardNumber, ShardVerdict, int]],
) -> None:
    known, wall = book(), WALL
    for what, holder, number, verdict, pause in todo:
        match what:
            case "stored":
                known.stored(holder, number)
            case "looked":
                known.looked(holder, {number: int(verdict is ShardVerdict.RIGHT)})
            case "read":
                known.read(holder, number, verdict, wall)
            case "silent":
                known.was_silent(holder, wall)
            case _:
                known.forget(holder, number)
        wall += pause
        kept = list(known.known)
        assert all(one.verdict is not ShardVerdict.SILENT for one in kept)
        again = ShardBook(map(KnownShard._make, kept), known.silent_since)
        assert sorted(again.known) == sorted(kept)
        for one in kept:
            assert again.is_lost(*one[:2], wall) == known.is_lost(*one[:2], wall)
            assert known.is_lost(*one[:2], wall) == (
                one.number not in known.live(wall).get(one.holder, set())
            )
