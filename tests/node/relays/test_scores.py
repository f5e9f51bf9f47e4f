"""Local scores of dead relays: what they take to arise, and how they pass."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.ids import NodeId
from zentalk.node.relays.scores import HALF_LIFE_SECONDS, RelayScores


def node(number: int) -> NodeId:
    return NodeId(bytes([number]) * 32)


GUARD, MIDDLE, DELIVERY, ACK_FIRST, ACK_MIDDLE, HOME = map(node, range(6))
HOPS = (GUARD, MIDDLE, DELIVERY)
ACK_HOPS = (ACK_FIRST, ACK_MIDDLE, HOME)


def test_one_loss_is_no_hint_and_two_are() -> None:
    scores = RelayScores()
    scores.lost(HOPS, (), 0.0)
    assert not scores.suspects(0.0)
    scores.lost(HOPS, (), 1.0)
    assert scores.suspects(1.0) == {MIDDLE, DELIVERY}


def test_an_entry_is_never_blamed_for_what_came_after_it() -> None:
    scores = RelayScores()
    for second in range(20):
        scores.lost(HOPS, ACK_HOPS, float(second))
    assert GUARD not in scores.suspects(20.0)
    assert scores.score(GUARD, 20.0) == 0.0


def test_a_relay_that_a_neighbour_cannot_reach_is_suspect_at_once() -> None:
    scores = RelayScores()
    scores.unreachable(MIDDLE, 0.0)
    assert scores.suspects(0.0) == {MIDDLE}


def test_a_relay_is_dead_once_two_neighbours_cannot_reach_it_until_anything_comes_from_it() -> None:
    scores = RelayScores()

    def unreached() -> bool:
        for neighbour in (GUARD, DELIVERY):
            scores.unreachable(MIDDLE, 0.0, by=neighbour)
        return scores.dead(0.0) == {MIDDLE}

    scores.unreachable(MIDDLE, 0.0, by=GUARD)
    assert not scores.dead(0.0)
    assert unreached()
    scores.reached(MIDDLE)
    assert not scores.dead(0.0)
    assert unreached()
    scores.arrived(HOPS, 0.0)
    assert not scores.dead(0.0)
    assert unreached()
    scores.restarted(MIDDLE)
    assert not scores.dead(0.0)


def test_a_relay_is_not_dead_because_packets_over_it_get_lost() -> None:
    scores = RelayScores()
    for second in range(20):
        scores.lost(HOPS, ACK_HOPS, float(second))
    assert not scores.dead(20.0)


def test_a_hint_passes_by_itself() -> None:
    scores = RelayScores()
    for _ in range(100):
        scores.unreachable(MIDDLE, 0.0)
    assert scores.suspects(HALF_LIFE_SECONDS) == {MIDDLE}
    assert not scores.suspects(2.1 * HALF_LIFE_SECONDS)


def test_one_packet_that_arrives_clears_a_relay() -> None:
    scores = RelayScores()
    scores.lost(HOPS, (), 0.0)
    scores.lost(HOPS, (), 0.0)
    scores.arrived(HOPS, 0.0)
    assert not scores.suspects(0.0)


def test_what_flows_keeps_a_shared_relay_clear_while_the_dead_one_is_found() -> None:
    """Half of the packets to one relay go through a dead middle: only that one is suspect."""
    scores = RelayScores()
    other = (GUARD, node(9), DELIVERY)
    for second in range(10):
        scores.lost(HOPS, (), float(second))
        scores.arrived(other, float(second))
    assert scores.suspects(10.0) == {MIDDLE}


def blame_everyone(scores: RelayScores, hops: Sequence[NodeId], now: float) -> None:
    for node_id in hops[1:]:
        scores._add(node_id, 1.0, now)


@pytest.mark.parametrize("guarded", [True, False])
def test_k42_a_mailbox_relay_that_drops_everything_casts_no_suspicion(guarded: bool) -> None:
    """With the rule taken out (control) it makes all sticky second hops suspect."""
    scores = RelayScores()
    middles = [node(number) for number in range(10, 14)]
    for turn in range(40):
        hops = (GUARD, middles[turn % 4], DELIVERY)
        if guarded:
            scores.lost(hops, (), float(turn))
        else:
            blame_everyone(scores, hops, float(turn))
    assert DELIVERY in scores.suspects(40.0)
    assert scores.suspects(40.0).isdisjoint(middles) is guarded


def test_prefer_keeps_to_the_choices_even_if_all_look_dead() -> None:
    scores = RelayScores()
    choices = [node(1), node(2), node(3)]
    assert scores.prefer(choices, 0.0) == choices
    scores.unreachable(node(1), 0.0)
    assert scores.prefer(choices, 0.0) == [node(2), node(3)]
    scores.unreachable(node(2), 1.0)
    scores.unreachable(node(3), 2.0)
    assert scores.prefer(choices, 2.0) == [node(1)]


def test_memory_is_bounded() -> None:
    scores = RelayScores()
    for number in range(5000):
        scores.unreachable(NodeId(number.to_bytes(32, "big")), 0.0)
    assert len(scores.suspects(0.0)) == 1024


def test_a_relay_with_new_keys_begins_with_a_clean_slate() -> None:
    scores = RelayScores()
    for number in (1, 2):
        scores.unreachable(node(number), 0.0)
    scores.restarted(node(1))
    scores.restarted(node(3))
    assert scores.suspects(0.0) == {node(2)}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["lost", "arrived", "unreachable", "restarted"]),
            st.integers(0, 5),
            st.floats(0, 200),
        ),
        max_size=40,
    )
)
def test_the_cached_suspects_are_those_whose_score_says_so(
    events: list[tuple[str, int, float]],
) -> None:
    scores, now = RelayScores(), 0.0
    for kind, number, wait in events:
        now += wait
        if kind == "lost":
            scores.lost((GUARD, node(number), node((number + 1) % 6)), (), now)
        elif kind == "arrived":
            scores.arrived((node(number),), now)
        elif kind == "restarted":
            scores.restarted(node(number))
        else:
            scores.unreachable(node(number), now)
        expected = {n for n in map(node, range(6)) if scores.score(n, now) > 1.5 + 1e-9}
        suspects = scores.suspects(now)
        assert expected <= suspects
        assert all(scores.score(n, now) > 1.5 - 1e-9 for n in suspects)
