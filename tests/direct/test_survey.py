"""Asking relays for the own address: seldom, few of them, and only their answers count."""

from __future__ import annotations

import pytest

from zentalk.direct.survey import (
    MAX_RELAYS,
    PAUSES,
    SURVEY_SECONDS,
    AddressSurvey,
    places_to_ask,
    version_of,
)
from zentalk.net.runtime import seeded_entropy
from zentalk.wire.echo import decode_echo_question, encode_echo_answer, network_tag
from zentalk.wire.ip_address import Place

RELAYS = [("11.77.9.1", 9001), ("11.77.9.2", 9001)]
OWN = ("11.77.1.1", 40_000)
TAG = network_tag("local")


def survey(relays: list[Place] = RELAYS, now: float = 0.0) -> AddressSurvey:
    return AddressSurvey("local", relays, seeded_entropy(b"survey"), now)


def answer(question: bytes, place: Place = OWN) -> bytes:
    return encode_echo_answer(TAG, decode_echo_question(question, TAG), place)


def test_all_are_asked_and_their_answers_are_kept() -> None:
    one = survey()
    questions = one.wake(0.0)
    assert [place for _, place in questions] == RELAYS
    for question, place in questions:
        assert one.receive(answer(question), place)
    assert one.echoed == {"11.77.9.1": OWN, "11.77.9.2": OWN}
    assert one.next_at is None
    assert one.wake(9.0) == []


def test_who_does_not_answer_is_asked_three_times() -> None:
    one = survey(now=5.0)
    times = []
    for _ in range(10):
        if (following := one.next_at) is None:
            break
        if one.wake(following):
            times.append(following)
    assert times == [5.0, 5.0 + PAUSES[0], 5.0 + PAUSES[0] + PAUSES[1]]
    assert one.next_at is None
    assert one.echoed == {}
    assert SURVEY_SECONDS == 3.0


def test_who_answered_is_not_asked_again() -> None:
    one = survey()
    (question, first), _ = one.wake(0.0)
    assert one.receive(answer(question), first)
    assert [place for _, place in one.wake(PAUSES[0])] == RELAYS[1:]


def test_nobody_else_can_answer() -> None:
    one = survey()
    (question, first), (other, second) = one.wake(0.0)
    for data, source in [
        (answer(question), second),
        (answer(question), ("11.77.9.1", 9002)),
        (answer(question)[:-1], first),
        (encode_echo_answer(TAG, b"another one!", OWN), first),
        (encode_echo_answer(network_tag("main"), decode_echo_question(question, TAG), OWN), first),
        (question, first),
        (b"", first),
    ]:
        assert not one.receive(data, source)
    assert one.echoed == {}
    assert one.receive(answer(question), first)
    assert not one.receive(answer(question, ("11.66.6.6", 1)), first)
    assert one.receive(answer(other), second)
    assert set(one.echoed.values()) == {OWN}


def test_few_relays_are_asked_and_each_host_once() -> None:
    many = [(f"11.77.9.{n}", 9001) for n in range(1, 20)]
    places = [place for _, place in survey(many).wake(0.0)]
    assert places == many[:MAX_RELAYS]
    lanes = [("11.77.9.1", 9001 + n) for n in range(5)]
    assert [place for _, place in survey(lanes).wake(0.0)] == lanes[:1]


def test_without_relays_it_is_over_at_once() -> None:
    assert survey([]).next_at is None
    assert survey([]).wake(0.0) == []


V4 = [(f"11.77.9.{number}", 9001) for number in range(1, 9)]
V6 = [(f"2a77:9::{number}", 9001) for number in range(1, 9)]
DUAL = [list(pair) for pair in zip(V4, V6, strict=True)]
FAMILIES = {frozenset({4}): [4] * 4, frozenset({6}): [6] * 4, frozenset({4, 6}): [4, 6, 4, 6]}


@pytest.mark.parametrize(("families", "asked"), FAMILIES.items())
def test_relays_are_asked_over_each_family_that_leads_anywhere(
    families: frozenset[int], asked: list[int]
) -> None:
    """Each relay once: it does not learn which addresses belong together."""
    places = places_to_ask(DUAL, families)
    assert [version_of(place) for place in places] == asked
    assert [place[0][-1] for place in places] == ["1", "2", "3", "4"]


def test_what_there_is_too_little_of_leaves_its_turns_to_the_other() -> None:
    relays = [*([place] for place in V4), [V6[0]]]
    assert places_to_ask(relays, {4, 6}) == [V4[0], V6[0], V4[1], V4[2]]
    assert places_to_ask(relays, {6}) == [V6[0]]
    assert places_to_ask(relays, set()) == []
    assert places_to_ask([], {4, 6}) == []
    assert places_to_ask([[], [V4[0]]], {4}) == [V4[0]]
