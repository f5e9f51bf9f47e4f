"""Which roles explain losses: counts that follow outcomes as they come and go."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.ids import NodeId
from zentalk.node.relays.loss_statistics import (
    CHANCE,
    HONEST_LOSS,
    LEAST_LOST,
    MIN_PROBES,
    Finding,
    PacketOutcome,
    Role,
    Tally,
    find_lossy,
    tail,
)

IDS = [NodeId(bytes([number]) * 32) for number in range(6)]
OUTCOMES = st.builds(
    PacketOutcome,
    st.frozensets(st.builds(Role, st.sampled_from(IDS), st.booleans()), min_size=1, max_size=4),
    st.booleans(),
    st.just(0.0),
)


def tally_of(outcomes: list[PacketOutcome]) -> Tally:
    tally = Tally()
    for outcome in outcomes:
        tally.add(outcome)
    return tally


def over(relay: int, *, arrived: bool, count: int) -> list[PacketOutcome]:
    return [PacketOutcome(frozenset({Role(IDS[relay], True)}), arrived, 0.0)] * count


@given(st.lists(OUTCOMES, max_size=120), st.integers(0, 120))
def test_what_was_taken_out_counts_no_longer(outcomes: list[PacketOutcome], gone: int) -> None:
    tally = tally_of(outcomes)
    for outcome in outcomes[:gone]:
        tally.take(outcome)
    left = outcomes[gone:]
    assert find_lossy(left, tally) == find_lossy(left, tally_of(left))
    assert tally.worst() == tally_of(left).worst()


def test_a_relay_that_loses_is_named_with_its_numbers_and_then_the_next() -> None:
    outcomes = [
        *over(0, arrived=False, count=30),
        *over(1, arrived=False, count=20),
        *over(1, arrived=True, count=4),
        *over(2, arrived=True, count=200),
    ]
    tally = tally_of(outcomes)
    assert find_lossy(outcomes, tally) == [
        Finding(IDS[0], True, 30, 30),
        Finding(IDS[1], True, 20, 24),
    ]
    assert tally.worst() == tally_of(outcomes).worst(), "looking leaves the counts as they are"


def test_while_little_is_lost_a_look_goes_through_no_outcomes() -> None:
    def outcomes() -> Iterator[PacketOutcome]:
        pytest.fail("a look must cost nothing while no relay can be named")
        yield  # makes this a generator

    honest = [*over(0, arrived=False, count=LEAST_LOST - 1), *over(1, arrived=True, count=400)]
    assert find_lossy(outcomes(), tally_of(honest)) == []


def test_fewer_losses_than_the_least_are_always_chance() -> None:
    assert tail(MIN_PROBES, LEAST_LOST - 1, HONEST_LOSS) >= CHANCE
    assert tail(MIN_PROBES, LEAST_LOST, HONEST_LOSS) < CHANCE


def test_the_tail_is_that_of_a_binomial() -> None:
    assert tail(2, 2, 0.5) == 0.25
    assert tail(10, 1, 0.5) == 1.0
    assert tail(3, 3, 1.0) == 1.0
    assert tail(32, 12, 0.05) == pytest.approx(2.15e-8, rel=0.01)
