"""One conversation, whatever order its contents come in and however often."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.chat import marks
from zentalk.chat.marks import ShownLine, Signed, WrittenLine, show, wins
from zentalk.chat.state import ConversationState, apply
from zentalk.ids import MessageId, UserAddress
from zentalk.wire.chat import (
    Body,
    Deletion,
    Edit,
    MessageTarget,
    Pin,
    Poll,
    Reaction,
    Timer,
    Vote,
    kind_of,
)
from zentalk.wire.content import TEXT, Content

ALICE, BOB = UserAddress(b"a" * 32), UserAddress(b"b" * 32)
PEOPLE = (ALICE, BOB)
IDS = [MessageId(bytes([number]) * 16) for number in range(4)]
Said = tuple[UserAddress, Content]


def said(author: UserAddress, body: Body | str, message_id: MessageId) -> Said:
    """Return a content of somebody."""
    if isinstance(body, str):
        return author, Content(kind=TEXT, message_id=message_id, text=body)
    return author, Content(kind=kind_of(body), message_id=message_id, body=body)


targets = st.builds(MessageTarget, st.sampled_from(PEOPLE), st.sampled_from(IDS))
numbers = st.integers(0, 3)
bodies: st.SearchStrategy[Body | str] = st.one_of(
    st.builds(Edit, targets, numbers, st.text(min_size=1, max_size=3)),
    st.builds(Deletion, targets, numbers),
    st.builds(Reaction, targets, numbers, st.sampled_from(["", "👍", "🙈"])),
    st.builds(Pin, targets, numbers, st.booleans()),
    st.builds(
        Vote, targets, numbers, st.sets(st.integers(0, 3), max_size=3).map(sorted).map(tuple)
    ),
    st.builds(Timer, numbers, st.sampled_from([0, 60, 3600])),
)
lines = st.builds(
    lambda author, message_id: said(
        author,
        Poll("which?", ("x", "y", "z"), multiple=author == ALICE) if message_id == IDS[0] else "hi",
        message_id,
    ),
    st.sampled_from(PEOPLE),
    st.sampled_from(IDS),
)
contents = st.lists(
    lines
    | st.builds(
        said, st.sampled_from(PEOPLE), bodies, st.binary(min_size=16, max_size=16).map(MessageId)
    ),
    max_size=25,
)


def told(contents: list[Said]) -> tuple[dict[MessageTarget, ShownLine | None], object]:
    """Return what is shown in the end."""
    state = ConversationState()
    for author, content in contents:
        state = apply(state, author, content)
    return {target: state.shown(target) for target in state.lines}, state.timer


@given(contents, st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_give_one_conversation(
    contents: list[Said], chance: random.Random
) -> None:
    again = contents + chance.sample(contents, len(contents) // 2)
    chance.shuffle(again)
    assert told(again) == told(contents)


def test_control_the_last_that_comes_would_win_without_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = said(ALICE, "one", IDS[0])
    edits = [
        said(ALICE, Edit(MessageTarget(ALICE, IDS[0]), n, f"edit {n}"), IDS[n]) for n in (1, 2)
    ]
    assert told([text, *edits]) == told([text, *reversed(edits)])
    monkeypatch.setattr("zentalk.chat.state.wins", lambda _new, _old: True)
    assert told([text, *edits]) != told([text, *reversed(edits)])


@given(contents)
def test_a_contact_changes_only_what_it_may(contents: list[Said]) -> None:
    """What Bob says never changes text or existence of what Alice wrote, nor her reactions."""
    before, _ = told([(author, content) for author, content in contents if author == ALICE])
    after, _ = told(contents)
    for target, shown in before.items():
        now = after[target]
        assert shown is not None
        assert now is not None
        assert (now.text, now.edited, now.deleted) == (shown.text, shown.edited, shown.deleted)
        assert [one for one in now.reactions if one[0] == ALICE] == list(shown.reactions)
        assert [one for one in now.votes if one[0] == ALICE] == list(shown.votes)


def test_a_mark_that_came_before_its_line_counts() -> None:
    target = MessageTarget(ALICE, IDS[0])
    shown, _ = told([said(ALICE, Edit(target, 1, "better"), IDS[1]), said(ALICE, "worse", IDS[0])])
    assert shown[target] == ShownLine("better", edited=True)


def test_nobody_deletes_or_edits_what_another_wrote() -> None:
    line, target = WrittenLine(ALICE, "hi"), MessageTarget(ALICE, IDS[0])
    by_bob = [Signed(BOB, Deletion(target, 1)), Signed(BOB, Edit(target, 1, "ho"))]
    assert show(line, by_bob) == ShownLine("hi")


def test_of_a_poll_one_option_counts_unless_more_are_allowed() -> None:
    target = MessageTarget(ALICE, IDS[0])
    votes = [Signed(ALICE, Vote(target, 1, (0, 1))), Signed(BOB, Vote(target, 1, (1,)))]
    assert show(WrittenLine(ALICE, "", 2), votes).votes == ((BOB, (1,)),)
    assert show(WrittenLine(ALICE, "", 2, multiple=True), votes).votes == (
        (ALICE, (0, 1)),
        (BOB, (1,)),
    )
    assert show(WrittenLine(ALICE, "", 1, multiple=True), votes).votes == ()
    assert show(WrittenLine(ALICE, "no poll"), votes).votes == ()


def test_equal_numbers_are_decided_the_same_everywhere() -> None:
    target = MessageTarget(ALICE, IDS[0])
    one, other = (Signed(ALICE, Edit(target, 1, text)) for text in ("x", "y"))
    assert wins(other, one)
    assert not wins(one, other)
    assert not wins(one, one)
    assert "x" not in repr(one)
    assert marks.place_of(one) == marks.place_of(other)
