"""How many handshakes strangers can make a relay work off, with the control without a rate."""

from __future__ import annotations

import pytest

from zentalk.relay.links import handshakes as module
from zentalk.relay.links.handshakes import (
    ALL_PER_SECOND,
    BURST,
    MAX_WAIT_SECONDS,
    PER_SECOND,
    HandshakeTurns,
)


def test_k54_a_source_has_sixteen_at_once_and_then_two_a_second() -> None:
    turns = HandshakeTurns()
    waits = [turns.wait_seconds("a", 100.0) for _ in range(BURST + 2)]
    assert waits == [0.0] * BURST + [0.5, 1.0]
    assert turns.wait_seconds("b", 100.0) == 0.0, "others are not held up"
    assert turns.wait_seconds("a", 200.0) == 0.0


def test_k54_who_would_wait_longer_than_its_own_deadline_is_refused_and_not_counted() -> None:
    turns = HandshakeTurns()
    waits = [turns.wait_seconds("a", 0.0) for _ in range(100)]
    taken = [wait for wait in waits if wait is not None]
    assert len(taken) == BURST + MAX_WAIT_SECONDS * PER_SECOND
    assert waits[len(taken) :] == [None] * (100 - len(taken))
    assert turns.wait_seconds("a", 0.5) == MAX_WAIT_SECONDS


def test_k54_a_neighbour_has_more_as_it_brings_the_tunnels_of_many() -> None:
    turns = HandshakeTurns()
    assert [turns.wait_seconds("n", 0.0, weight=8) for _ in range(8)] == [0.0] * 8
    waits = [turns.wait_seconds("n", 0.0, weight=8) for _ in range(8 * BURST)]
    assert waits[-1] == pytest.approx(0.5)


def handled(turns: HandshakeTurns, sources: int, seconds: int, per_second: int) -> int:
    """Count the handshakes that a flood from so many sources gets."""
    return sum(
        turns.wait_seconds(source, second + number / per_second) is not None
        for second in range(seconds)
        for number in range(per_second)
        for source in range(sources)
    )


def test_k54_all_together_cost_half_of_a_core() -> None:
    """Recorded first messages, sent again by a thousand addresses."""
    count = handled(HandshakeTurns(), sources=1000, seconds=20, per_second=5)
    assert count <= ALL_PER_SECOND * (20 + 1 + MAX_WAIT_SECONDS)


def test_k54_control_without_a_rate_every_copy_costs_a_handshake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ALL_PER_SECOND", 1e9)
    monkeypatch.setattr(module, "PER_SECOND", 1e9)
    assert handled(HandshakeTurns(), sources=1000, seconds=20, per_second=5) == 100_000


def test_sources_that_are_gone_are_forgotten() -> None:
    turns = HandshakeTurns()
    for number in range(10_000):
        turns.wait_seconds(number, number * 1.0)
    assert len(turns._until) <= module._FEW + 1
