"""Which acts count: decided rank by rank, from nothing but ranks and what stands before what.

Spec: docs/spec/groups.md section 6. Rank r is decided when all lower ones are, and then never
again: nothing that is signed with a higher rank bears on it. So no two acts can each decide about
the other, and an act that is dated back, by naming old parents, harms nobody of a lower rank.

A removal below is an entry that removes or demotes somebody else; of the rules for one with rank r:

- An act with rank r *counts* if the grant that it rests on counts, and all removals of its author
  that count, have a rank below r and are unknown to that grant, know of the act.
- A removal with rank r counts if its act does, and it is not *overruled*: its target has no grant
  of rank r or below that counts, that does not know of the removal, and of whose end, by a removal
  with a rank below the grant's, the removal does not know either.

Must never compare ids, hashes or times, nor depend on the order in which rows came in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from zentalk.groups.rows import LogRow, indexes
from zentalk.ids import UserAddress
from zentalk.wire.group_acts import MEMBER_ACTS, Create, Demote, Grant, Remove

_MOST_REMEMBERED: Final = 4_096


class Overruled(NamedTuple):
    """A removal without effect, and the grant of lowest rank that protects its target."""

    removal: int
    grant: int


@dataclass(slots=True)
class Judgement:
    """What counts, as bits of rows; `removed` are removals proper, without demotions."""

    counting: int = 1
    removed: defaultdict[UserAddress, int] = field(default_factory=lambda: defaultdict(int))
    ended: dict[int, int] = field(default_factory=dict)
    """By the index of each grant that counts: the removals that end it."""
    grants: defaultdict[UserAddress, list[LogRow]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """The founding entry and all grants that count, by whose they are; lowest ranks first."""
    overruled: list[Overruled] = field(default_factory=list)


def judge(rows: Sequence[LogRow], within: int) -> Judgement:
    """Decide which of the rows `within` count; they must hold all ancestors of their own."""
    return _RankedFold(rows, within).run()


class _RankedFold:
    """One pass over all ranks, from 0 up."""

    def __init__(self, rows: Sequence[LogRow], within: int) -> None:
        self._rows = rows
        self._result = Judgement()
        self._removals: defaultdict[UserAddress, int] = defaultdict(int)
        """Removals and demotions that count, of ranks below the one that is being decided."""
        self._safe: dict[int, int] = {}
        """By grant: the acts that every removal which ends it knows of; absent if nothing does."""
        self._known: dict[int, int] = {}
        """What `_known_to_all` has found, for some sets of removals."""
        self._by_rank: defaultdict[int, list[LogRow]] = defaultdict(list)
        for index in indexes(within & ~1):
            row = rows[index]
            if not isinstance(row.entry.act, MEMBER_ACTS):
                self._by_rank[row.rank].append(row)

    def run(self) -> Judgement:
        founding = self._rows[0]
        conferring = [founding]
        rank = 0
        while conferring:
            for grant in conferring:
                self._take_up(grant)
            acts = [row for row in self._by_rank[rank] if self._counts(row)]
            for row in acts:
                self._result.counting |= row.bit
            self._remove([row for row in acts if _target(row) not in (None, row.entry.author)])
            conferring = [row for row in acts if isinstance(row.entry.act, Grant)]
            rank += 1
        return self._result

    def _take_up(self, grant: LogRow) -> None:
        """Note who has a grant that counts, and what ends it, now that lower ranks are decided."""
        holder = _holder(grant)
        ending = self._removals[holder] & ~grant.ancestors
        self._result.grants[holder].append(grant)
        self._result.ended[grant.index] = ending
        if ending:
            self._safe[grant.index] = self._known_to_all(ending)

    def _known_to_all(self, removals: int) -> int:
        """Return what all of these know of.

        Removals that end an older grant mostly end a newer one of the same person too, but for the
        first of them: so what is known to the later ones is remembered.
        """
        if len(self._known) > _MOST_REMEMBERED:
            self._known.clear()
        passed = []
        while removals and removals not in self._known:
            passed.append(removals)
            removals &= removals - 1
        known = self._known[removals] if removals else -1
        for bits in reversed(passed):
            first = self._rows[(bits & -bits).bit_length() - 1]
            known &= first.ancestors
            self._known[bits] = known
        return known

    def _counts(self, row: LogRow) -> bool:
        if not self._result.counting >> row.grant & 1:
            return False
        return bool(self._safe.get(row.grant, -1) >> row.index & 1)

    def _remove(self, removals: list[LogRow]) -> None:
        """Let the removals of one rank count that are not overruled; they bear on higher ranks."""
        counted: list[tuple[UserAddress, LogRow]] = []
        for row in removals:
            target = _target(row)
            assert target is not None
            grant = self._protecting(target, row)
            if grant is None:
                counted.append((target, row))
            else:
                self._result.overruled.append(Overruled(row.index, grant.index))
        for target, row in counted:
            self._removals[target] |= row.bit
            if isinstance(row.entry.act, Remove):
                self._result.removed[target] |= row.bit

    def _protecting(self, target: UserAddress, removal: LogRow) -> LogRow | None:
        for grant in self._result.grants[target]:
            if grant.confers > removal.rank:
                break
            knows_of_it = grant.ancestors >> removal.index & 1
            is_over = self._result.ended[grant.index] & removal.ancestors
            if not knows_of_it and not is_over:
                return grant
        return None


def _holder(grant: LogRow) -> UserAddress:
    act = grant.entry.act
    if isinstance(act, Grant):
        return act.member
    assert isinstance(act, Create)
    return grant.entry.author


def _target(row: LogRow) -> UserAddress | None:
    act = row.entry.act
    return act.member if isinstance(act, Remove | Demote) else None
