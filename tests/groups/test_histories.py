"""Whole histories: the same entries give the same group, and nobody who was put out comes back."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.groups.histories import (
    NAMES,
    History,
    founded,
    go_on,
    history,
    late_entries,
)
from tests.groups.other_folds import Roles, by_hash, by_the_book
from tests.groups.support import address
from zentalk.groups import ranks
from zentalk.groups.fold import fold
from zentalk.groups.log import GroupLog
from zentalk.groups.rows import LogRow
from zentalk.groups.state import GroupState
from zentalk.wire.group import GroupEntry

HISTORIES = 1_000
RUNS = 4
"""The number of tests that share the histories: the suite runs the first, `make long` all."""
CONTROLS = 100


def log_in_any_order(entries: Sequence[GroupEntry], chance: random.Random) -> GroupLog:
    """Insert entries in an order that has nothing to do with what they name."""
    founding = founded(entries)
    others = [entry for entry in entries if entry is not founding]
    chance.shuffle(others)
    log = GroupLog(founding)
    for entry in others:
        log.insert(entry)
    return log


def told(state: GroupState) -> GroupState:
    """Return a state without the number of entries that it was made of."""
    return replace(state, entries=0)


def roles(state: GroupState) -> Roles:
    members = state.members.values()
    return Roles(
        frozenset(state.members),
        frozenset(member.address for member in members if member.is_joined),
        {member.address: member.rank for member in members if member.rank is not None},
    )


def came_back(past: History, state: GroupState) -> list[str]:
    """Return who was put out and has a role again."""
    admins = {member.address for member in state.admins}
    return [name for name in past.out if address(name) in state.members] + [
        name for name in past.demoted if address(name) in admins
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "run", [0, *(pytest.param(run, marks=pytest.mark.long) for run in range(1, RUNS))]
)
def test_all_who_hold_the_same_entries_come_to_the_same_group_and_nobody_comes_back(
    run: int,
) -> None:
    put_out = late_total = disagreed = 0
    for seed in range(run, HISTORIES, RUNS):
        past, chance = history(seed), random.Random(seed)
        before = fold(past.log)
        assert told(fold(log_in_any_order(past.entries, chance))) == told(before), seed
        late = late_entries(past, seed)
        for _ in range(2):
            log = log_in_any_order([*past.entries, *late], chance)
            after = fold(log)
            assert len(log) == len(past.entries) + len(late), seed
            assert told(after) == told(before), f"what was signed late changed history {seed}"
        later = fold(go_on(past, late, seed))
        assert not came_back(past, later), f"somebody is back in history {seed}"
        put_out += bool(past.attackers)
        late_total += len(late)
        disagreed += bool(before.conflicts)
    played = HISTORIES // RUNS
    assert put_out > played // 2, "too few histories put anybody out"
    assert late_total > 4 * played, "too few entries were signed late"
    assert disagreed > played // 50, "too few histories have admins who disagree"


@pytest.mark.slow
def test_the_fold_is_what_the_rules_say_word_by_word() -> None:
    for seed in range(CONTROLS):
        past = history(HISTORIES + seed)
        log = log_in_any_order([*past.entries, *late_entries(past, seed)], random.Random(seed))
        assert roles(fold(log)) == by_the_book(log), seed


@pytest.mark.slow
def test_control_with_ties_by_hash_admins_who_were_put_out_are_admins_again() -> None:
    back = tried = 0
    for seed in range(CONTROLS):
        past = history(seed)
        late = late_entries(past, seed)
        before, after = by_hash(past.entries), by_hash([*past.entries, *late])
        put_out = {address(name) for name in past.demoted} - set(before.ranks)
        tried += bool(put_out)
        back += bool(put_out & set(after.ranks))
    assert tried > CONTROLS // 4
    assert back > tried // 4, f"of {tried} groups only {back} had somebody back"


def test_control_without_the_rule_on_what_removals_know_late_acts_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def blind(self: ranks._RankedFold, grant: LogRow) -> None:
        taken_up(self, grant)
        self._safe.pop(grant.index, None)

    taken_up = ranks._RankedFold._take_up
    monkeypatch.setattr(ranks._RankedFold, "_take_up", blind)
    assert _histories_changed_by_late_acts() > 10


def _histories_changed_by_late_acts() -> int:
    changed = 0
    for seed in range(40):
        past = history(seed)
        before = fold(past.log)
        log = GroupLog(past.log.founding)
        for entry in [*past.log.export()[1:], *late_entries(past, seed)]:
            log.insert(entry)
        changed += told(fold(log)) != told(before)
    return changed


def test_histories_are_what_they_claim_to_be() -> None:
    made = [history(seed) for seed in range(20)]
    assert [one.entries for one in made[:3]] == [history(seed).entries for seed in range(3)]
    assert {name for one in made for name in one.attackers} > set(NAMES[1:5])
    assert max(len(one.entries) for one in made) > 30
