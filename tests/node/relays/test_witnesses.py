"""Relays that several others could not reach: whose word it takes, and for how long."""

from zentalk.ids import NodeId
from zentalk.node.relays.witnesses import MAX_RELAYS, WITNESSED_SECONDS, Witnesses


def node(number: int) -> NodeId:
    return NodeId(number.to_bytes(32, "big"))


DEAD, OTHER, FIRST, SECOND, THIRD = map(node, range(5))


def test_it_takes_two_who_could_not_reach_a_relay() -> None:
    said = Witnesses()
    for second in range(100):
        said.not_reached(DEAD, FIRST, float(second))
    assert not said.dead(100.0)
    said.not_reached(OTHER, SECOND, 100.0)
    assert not said.dead(100.0)
    said.not_reached(DEAD, SECOND, 100.0)
    assert said.dead(100.0) == {DEAD}


def test_both_must_have_said_so_lately() -> None:
    said = Witnesses()
    said.not_reached(DEAD, FIRST, 0.0)
    said.not_reached(DEAD, SECOND, 10.0)
    assert said.dead(WITNESSED_SECONDS - 1.0) == {DEAD}
    assert not said.dead(WITNESSED_SECONDS)
    said.not_reached(DEAD, THIRD, WITNESSED_SECONDS)
    assert said.dead(WITNESSED_SECONDS) == {DEAD}


def test_one_who_reached_it_outweighs_all_who_did_not() -> None:
    said = Witnesses()
    said.not_reached(DEAD, FIRST, 0.0)
    said.not_reached(DEAD, SECOND, 0.0)
    said.reached(DEAD)
    said.not_reached(DEAD, FIRST, 1.0)
    assert not said.dead(1.0)


def test_the_relays_that_were_spoken_of_least_lately_are_forgotten() -> None:
    said = Witnesses()
    for number in range(MAX_RELAYS + 1):
        for witness in (FIRST, SECOND):
            said.not_reached(node(100 + number), witness, 0.0)
    assert said.dead(0.0) == {node(100 + number) for number in range(1, MAX_RELAYS + 1)}
