"""The account of a run: each kind of fault is seen, and only it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.sim.ledger import Ledger, Shown, Verdict
from zentalk.store.history.models import Direction, MessageState

ALICE, BOB = 0, 1


def written(count: int) -> tuple[Ledger, list[Shown]]:
    """Return a ledger of messages from Alice to Bob that all were accepted and announced."""
    ledger = Ledger(text_bytes=10)
    lines = []
    for number in range(count):
        entry = ledger.write(number, ALICE, BOB, float(number), "calm")
        ledger.accepted(number, f"id-{number}")
        ledger.noticed(BOB, f"id-{number}", entry.text, number + 0.5)
        lines.append(Shown(f"id-{number}", Direction.IN, entry.text, MessageState.RECEIVED))
    return ledger, lines


def judged(ledger: Ledger, lines: list[Shown]) -> Verdict:
    return ledger.judge([(BOB, ALICE, lines)])


def test_a_good_run_has_no_faults() -> None:
    ledger, lines = written(5)
    assert judged(ledger, lines) == Verdict(5, 5, 0, 0, 0, 0, 0, 0)
    assert ledger.sent == ledger.arrived == 5
    assert ledger.latencies("calm") == [0.5] * 5
    assert ledger.latencies("disturbed") == []


def test_a_missing_message_is_lost_even_if_it_was_announced() -> None:
    ledger, lines = written(5)
    del lines[2]
    verdict = judged(ledger, lines)
    assert (verdict.delivered, verdict.lost, verdict.out_of_order) == (4, 1, 0)


@pytest.mark.parametrize("copy_id", ["id-1", "other"])
def test_a_copy_is_a_duplicate_under_whatever_id(copy_id: str) -> None:
    ledger, lines = written(3)
    lines.append(replace(lines[1], id=copy_id))
    verdict = judged(ledger, lines)
    assert (verdict.delivered, verdict.duplicates, verdict.altered) == (3, 1, 0)


def test_an_id_that_the_sender_does_not_know_is_altered() -> None:
    ledger, lines = written(3)
    lines[1] = replace(lines[1], id="other")
    verdict = judged(ledger, lines)
    assert (verdict.delivered, verdict.duplicates, verdict.altered) == (3, 0, 1)


def test_a_message_announced_twice_and_shown_twice_is_one_duplicate() -> None:
    ledger, lines = written(3)
    ledger.noticed(BOB, "id-1", lines[1].text, 9.0)
    assert judged(ledger, lines).duplicates == 1
    assert judged(ledger, [*lines, lines[1]]).duplicates == 1


def test_an_earlier_message_shown_later_is_out_of_order() -> None:
    ledger, lines = written(4)
    lines[1], lines[2] = lines[2], lines[1]
    assert judged(ledger, lines).out_of_order == 1


def test_order_is_per_direction() -> None:
    ledger, lines = written(3)
    back = ledger.write(3, BOB, ALICE, 3.0, "calm")
    ledger.accepted(3, "id-3")
    ours = Shown("id-3", Direction.OUT, back.text, MessageState.SENT)
    theirs = Shown("id-3", Direction.IN, back.text, MessageState.RECEIVED)
    verdict = ledger.judge([(BOB, ALICE, [ours, *lines]), (ALICE, BOB, [theirs])])
    assert (verdict.delivered, verdict.out_of_order) == (4, 0)


@pytest.mark.parametrize(
    "line",
    [
        Shown("id-1", Direction.IN, "1 xxxxxxxy", MessageState.RECEIVED),
        Shown("id-1", Direction.IN, "7 xxxxxxxx", MessageState.RECEIVED),
        Shown("id-1", Direction.IN, "hello", MessageState.RECEIVED),
        Shown("id-1", Direction.IN, "", MessageState.RECEIVED),
    ],
)
def test_another_text_is_altered_and_the_right_one_is_lost(line: Shown) -> None:
    ledger, lines = written(3)
    lines[1] = line
    verdict = judged(ledger, lines)
    assert (verdict.altered, verdict.lost) == (1, 1)


def test_a_message_in_the_wrong_conversation_is_altered() -> None:
    ledger, lines = written(1)
    assert ledger.judge([(BOB, 2, lines)]).altered == 1


def test_an_announcement_to_the_wrong_person_is_altered() -> None:
    ledger, lines = written(1)
    ledger.noticed(ALICE, "id-0", lines[0].text, 1.0)
    assert judged(ledger, lines).altered == 1


def test_a_confirmation_of_what_is_missing_is_told() -> None:
    ledger, lines = written(2)
    sent = [Shown(line.id, Direction.OUT, line.text, MessageState.DELIVERED) for line in lines]
    verdict = ledger.judge([(BOB, ALICE, lines[:1]), (ALICE, BOB, sent)])
    assert (verdict.confirmed, verdict.confirmed_but_missing) == (2, 1)


def test_what_was_never_accepted_is_not_lost() -> None:
    ledger = Ledger(text_bytes=10)
    ledger.write(0, ALICE, BOB, 0.0, "calm")
    assert judged(ledger, []) == Verdict(0, 0, 0, 0, 0, 0, 0, 0)


@given(st.lists(st.integers(0, 9), max_size=30))
def test_verdict_counts_what_a_plain_count_counts(shown: list[int]) -> None:
    ledger, lines = written(10)
    verdict = judged(ledger, [lines[number] for number in shown])
    firsts = list(dict.fromkeys(shown))
    late = sum(any(other > number for other in firsts[:at]) for at, number in enumerate(firsts))
    assert verdict.delivered == len(firsts)
    assert verdict.lost == 10 - len(firsts)
    assert verdict.duplicates == len(shown) - len(firsts)
    assert verdict.out_of_order == late


def test_a_message_that_is_not_there_once_is_named_with_what_both_ends_say() -> None:
    ledger, lines = written(3)
    sent = [replace(line, direction=Direction.OUT, state=MessageState.DELIVERED) for line in lines]
    assert ledger.faults([(ALICE, BOB, sent), (BOB, ALICE, lines)]) == []
    [lost, doubled] = ledger.faults([(ALICE, BOB, sent), (BOB, ALICE, [*lines[1:], lines[2]])])
    assert lost.startswith("message 0 (id-0) of person 0 to 1, written after 0.0 s: delivered at")
    assert "shown 0 times and announced 1 times" in lost
    assert doubled.startswith("message 2 ")
    assert "shown 2 times" in doubled
