"""A whole group as a pure function of the entries of its log.

Spec: docs/spec/groups.md sections 6 to 8. Who holds the same entries comes to the same group,
whatever order they came in. Nothing here changes a log.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from zentalk.groups.log import GroupLog
from zentalk.groups.people import People, people_of
from zentalk.groups.permission import PostVerdict, may_post
from zentalk.groups.ranks import Judgement, judge
from zentalk.groups.rows import LogRow, indexes
from zentalk.groups.settings import settings_of, tickets_of
from zentalk.groups.state import GroupState, RankConflict
from zentalk.ids import EntryRef, UserAddress
from zentalk.wire.group_acts import Create, Demote, Remove

_MOST_KEPT: Final = 16
"""Folds that `GroupFolds` remembers: one for each set of heads that messages name at a time."""


def fold(log: GroupLog, heads: Iterable[EntryRef] | None = None) -> GroupState:
    """Return the group as whoever holds this log sees it, or who held only these heads and before.

    Heads that are not held are passed over.
    """
    return _fold(log, _all(log) if heads is None else log.known_to(heads) | 1)


class GroupFolds:
    """The folds of one log, each made once: now, and as the authors of messages saw it."""

    def __init__(self, log: GroupLog) -> None:
        self._log = log
        self._states: dict[int, GroupState] = {}

    @property
    def now(self) -> GroupState:
        """The group under all that is held."""
        return self._state(_all(self._log))

    def at(self, heads: Iterable[EntryRef]) -> GroupState:
        """Return the group under these heads; those that are not held are passed over."""
        return self._state(self._log.known_to(heads) | 1)

    def verdict(self, author: UserAddress, heads: Sequence[EntryRef]) -> PostVerdict:
        """Return what becomes of something that a member said when it had these heads."""
        if self._log.unknown(heads):
            return PostVerdict.UNKNOWN_HEADS
        if may_post(self.at(heads), author) is not None:
            return PostVerdict.REFUSED
        return PostVerdict.SHOWN if may_post(self.now, author) is None else PostVerdict.LATE

    def _state(self, within: int) -> GroupState:
        state = self._states.pop(within, None)
        if state is None:
            state = _fold(self._log, within)
            if len(self._states) >= _MOST_KEPT:
                del self._states[next(iter(self._states))]
        self._states[within] = state
        return state


def _all(log: GroupLog) -> int:
    return (1 << len(log)) - 1


def _fold(log: GroupLog, within: int) -> GroupState:
    rows = log.rows
    founding = log.founding.act
    assert isinstance(founding, Create)
    judged = judge(rows, within)
    people = people_of(rows, within, judged)
    counting = [rows[index] for index in indexes(judged.counting)]
    admins = frozenset(m.address for m in people.members.values() if m.rank is not None)
    return GroupState(
        group=log.group,
        kind=founding.kind,
        settings=settings_of(founding, counting),
        members=people.members,
        former=people.former,
        open_grants=people.open_grants,
        conflicts=_conflicts(rows, judged, people),
        tickets=tickets_of(counting, admins),
        continues=founding.continues,
        entries=within.bit_count(),
    )


def _conflicts(
    rows: Sequence[LogRow], judged: Judgement, people: People
) -> tuple[RankConflict, ...]:
    """Return the removals without effect of which both sides still are the admins they were."""
    found: dict[tuple[UserAddress, UserAddress], RankConflict] = {}
    for removal, grant in judged.overruled:
        row, act = rows[removal], rows[removal].entry.act
        if not {row.grant, grant} <= people.standing_grants:
            continue
        assert isinstance(act, Remove | Demote)
        is_equal = rows[grant].confers == row.rank
        conflict = RankConflict(row.entry.ref, row.entry.author, act.member, is_equal)
        known = found.setdefault((conflict.author, conflict.target), conflict)
        if conflict.entry < known.entry:
            found[conflict.author, conflict.target] = conflict
    return tuple(found[pair] for pair in sorted(found))
