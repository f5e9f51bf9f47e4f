"""Which mark wins, and how a line is shown under its marks.

A mark has a place: the line it names, its kind and, but for pins, its author. Of two marks in one
place the one with the higher number wins; with equal numbers, which only a faulty or dishonest
author makes, the greater encoding. So any order and any repetition of marks gives the same.
Nobody is asked for permission when a mark comes, for its line may come later: what an author may
not do has no effect when the line is shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from zentalk.ids import UserAddress
from zentalk.wire.chat import (
    Deletion,
    Edit,
    Mark,
    MessageTarget,
    Pin,
    Reaction,
    Vote,
    encode_body,
    kind_of,
)
from zentalk.wire.codec import pack


class Signed(NamedTuple):
    """A mark and who made it, as the ratchet has proved."""

    author: UserAddress
    mark: Mark

    def __repr__(self) -> str:
        return f"<{kind_of(self.mark)}>"


class MarkPlace(NamedTuple):
    """Where marks compete: only one of each place counts."""

    target: MessageTarget
    kind: str
    author: UserAddress | None


@dataclass(frozen=True, slots=True)
class WrittenLine:
    """A message as it was written; `options` is the number of a poll's options, else 0."""

    author: UserAddress = field(repr=False)
    text: str = field(repr=False)
    options: int = 0
    multiple: bool = False


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A message as it is to be shown; of a deleted one nothing is left but its place."""

    text: str = field(repr=False)
    edited: bool = False
    deleted: bool = False
    pinned: bool = False
    reactions: tuple[tuple[UserAddress, str], ...] = field(default=(), repr=False)
    """Who reacted, and how; by address."""
    votes: tuple[tuple[UserAddress, tuple[int, ...]], ...] = field(default=(), repr=False)
    """Who chose which options of a poll; by address."""


def place_of(signed: Signed) -> MarkPlace:
    """Return where a mark competes: a pin with those of everybody, others with their author's."""
    mark = signed.mark
    author = None if isinstance(mark, Pin) else signed.author
    return MarkPlace(mark.target, kind_of(mark), author)


def wins(new: Signed, old: Signed | None) -> bool:
    """Tell whether a mark replaces another of its place."""
    return old is None or _rank(new) > _rank(old)


def show(line: WrittenLine, marks: Iterable[Signed]) -> ShownLine:
    """Return a line under its marks, of each place the one that won.

    A message is changed and taken back by its author only, in groups too.
    """
    text, edited, deleted, pinned = line.text, False, False, False
    reactions: list[tuple[UserAddress, str]] = []
    votes: list[tuple[UserAddress, tuple[int, ...]]] = []
    for author, mark in sorted(marks, key=lambda signed: signed.author):
        match mark:
            case Edit() if author == line.author:
                text, edited = mark.text, True
            case Deletion() if author == line.author:
                deleted = True
            case Pin():
                pinned = mark.pinned
            case Reaction(emoji=emoji) if emoji:
                reactions.append((author, emoji))
            case Vote() if _is_vote(line, mark):
                votes.append((author, mark.options))
            case _:
                pass
    if deleted:
        return ShownLine("", deleted=True)
    return ShownLine(text, edited, False, pinned, tuple(reactions), tuple(votes))


def _is_vote(line: WrittenLine, vote: Vote) -> bool:
    if not vote.options or vote.options[-1] >= line.options:
        return False
    return line.multiple or len(vote.options) == 1


def _rank(signed: Signed) -> tuple[int, bytes, bytes]:
    return signed.mark.number, signed.author, pack(encode_body(signed.mark))
