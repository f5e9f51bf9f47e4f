"""A conversation as a pure function of what was said in it: the model that the history follows.

The history keeps the same in tables. This form is small enough to be checked for every order, and
the tests hold the tables against it. Order of lines is not part of it: each node gives its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from zentalk.chat.marks import MarkPlace, ShownLine, Signed, WrittenLine, place_of, show, wins
from zentalk.ids import UserAddress
from zentalk.wire.chat import (
    Deletion,
    Edit,
    MessageTarget,
    Pin,
    Poll,
    Reaction,
    Timer,
    Vote,
)
from zentalk.wire.content import TEXT, Content


@dataclass(frozen=True, slots=True)
class ConversationState:
    """Lines, the winning mark of each place, and the timer with who set it."""

    lines: Mapping[MessageTarget, WrittenLine] = field(default_factory=dict, repr=False)
    marks: Mapping[MarkPlace, Signed] = field(default_factory=dict, repr=False)
    timer: tuple[int, UserAddress, int] | None = field(default=None, repr=False)
    """Number, author and seconds of the timer in force."""

    def shown(self, target: MessageTarget) -> ShownLine | None:
        """Return how a message is shown; None if it is not here."""
        line = self.lines.get(target)
        if line is None:
            return None
        return show(line, (mark for place, mark in self.marks.items() if place.target == target))


def apply(state: ConversationState, author: UserAddress, content: Content) -> ConversationState:
    """Return the conversation with one content more; the same content again changes nothing."""
    body = content.body
    match body:
        case Edit() | Deletion() | Reaction() | Pin() | Vote():
            signed = Signed(author, body)
            place = place_of(signed)
            if not wins(signed, state.marks.get(place)):
                return state
            return replace(state, marks={**state.marks, place: signed})
        case Timer(number, seconds):
            return replace(state, timer=newer_timer(state.timer, (number, author, seconds)))
        case Poll():
            options, multiple = len(body.options), body.multiple
            return _with(state, author, content, WrittenLine(author, "", options, multiple))
        case None if content.kind == TEXT:
            return _with(state, author, content, WrittenLine(author, content.text))
        case _:
            return state


def newer_timer(
    old: tuple[int, UserAddress, int] | None, new: tuple[int, UserAddress, int]
) -> tuple[int, UserAddress, int]:
    """Return which of two timers is in force: the one with the higher number."""
    return new if old is None else max(old, new)


def _with(
    state: ConversationState, author: UserAddress, content: Content, line: WrittenLine
) -> ConversationState:
    target = MessageTarget(author, content.message_id)
    if target in state.lines:
        return state
    return replace(state, lines={**state.lines, target: line})
