"""Local hints of dead relays: what they take to arise, and how they pass."""

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
    hints = RelayScores()
    hints.lost(HOPS, (), 0.0)
    assert not hints.suspects(0.0)
    hints.lost(HOPS, (), 1.0)
    assert hints.suspects(1.0) == {MIDDLE, DELIVERY}


def test_an_entry_is_never_blamed_for_what_came_after_it() -> None:
    hints = RelayScores()
    for second in range(20):
        hints.lost(HOPS, ACK_HOPS, float(second))
    assert GUARD not in hints.suspects(20.0)
    assert hints.score(GUARD, 20.0) == 0.0


def test_a_relay_that_a_neighbour_cannot_reach_is_suspect_at_once() -> None:
    hints = RelayScores()
    hints.unreachable(MIDDLE, 0.0)
    assert hints.suspects(0.0) == {MIDDLE}


def test_a_hint_passes_by_itself() -> None:
    hints = RelayScores()
    for _ in range(100):
        hints.unreachable(MIDDLE, 0.0)
    assert hints.suspects(HALF_LIFE_SECONDS) == {MIDDLE}
    assert not hints.suspects(2.1 * HALF_LIFE_SECONDS)


def test_one_packet_that_arrives_clears_a_relay() -> None:
    hints = RelayScores()
    hints.lost(HOPS, (), 0.0)
    hints.lost(HOPS, (), 0.0)
    hints.arrived(HOPS, 0.0)
    assert not hints.suspects(0.0)


def test_what_flows_keeps_a_shared_relay_clear_while_the_dead_one_is_found() -> None:
    """Half of the packets to one relay go through a dead middle: only that one is suspect."""
    hints = RelayScores()
    other = (GUARD, node(9), DELIVERY)
    for second in range(10):
        hints.lost(HOPS, (), float(second))
        hints.arrived(other, float(second))
    assert hints.suspects(10.0) == {MIDDLE}


def blame_everyone(hints: RelayScores, hops: Sequence[NodeId], now: float) -> None:
    for node_id in hops[1:]:
        hints._add(node_id, 1.0, now)


@pytest.mark.parametrize("guarded", [True, False])
def test_k42_a_mailbox_relay_that_drops_everything_casts_no_suspicion(guarded: bool) -> None:
    """With the rule taken out (control) it makes all sticky second hops suspect."""
    hints = RelayScores()
    middles = [node(number) for number in range(10, 14)]
    for turn in range(40):
        hops = (GUARD, middles[turn % 4], DELIVERY)
        if guarded:
            hints.lost(hops, (), float(turn))
        else:
            blame_everyone(hints, hops, float(turn))
    assert DELIVERY in hints.suspects(40.0)
    assert hints.suspects(40.0).isdisjoint(middles) is guarded


def test_prefer_keeps_to_the_choices_even_if_all_look_dead() -> None:
    hints = RelayScores()
    choices = [node(1), node(2), node(3)]
    assert hints.prefer(choices, 0.0) == choices
    hints.unreachable(node(1), 0.0)
    assert hints.prefer(choices, 0.0) == [node(2), node(3)]
    hints.unreachable(node(2), 1.0)
    hints.unreachable(node(3), 2.0)
    assert hints.prefer(choices, 2.0) == [node(1)]


def test_memory_is_bounded() -> None:
    hints = RelayScores()
    for number in range(5000):
        hints.unreachable(NodeId(number.to_bytes(32, "big")), 0.0)
    assert len(hints.suspects(0.0)) == 1024


def test_a_relay_with_new_keys_begins_with_a_clean_slate() -> None:
    hints = RelayScores()
    for number in (1, 2):
        hints.unreachable(node(number), 0.0)
    hints.restarted(node(1))
    hints.restarted(node(3))
    assert hints.suspects(0.0) == {node(2)}


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
    hints, now = RelayScores(), 0.0
    for kind, number, wait in events:
        now += wait
        if kind == "lost":
            hints.lost((GUARD, node(number), node((number + 1) % 6)), (), now)
        elif kind == "arrived":
            hints.arrived((node(number),), now)
        elif kind == "restarted":
            hints.restarted(node(number))
        else:
            hints.unreachable(node(number), now)
        expected = {n for n in map(node, range(6)) if hints.score(n, now) > 1.5 + 1e-9}
        suspects = hints.suspects(now)
        assert expected <= suspects
        assert all(hints.score(n, now) > 1.5 - 1e-9 for n in suspects)
