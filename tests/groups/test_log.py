"""The log: what is let in follows from an entry and its ancestors, in whatever order they come."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.groups.support import AT, Peer, address, found, group_of, held, key, sign_at
from zentalk.errors import LocalProtocolError
from zentalk.groups import log as log_module
from zentalk.groups.log import GroupLog
from zentalk.groups.rows import EntryFault, InsertOutcome, LogRow, indexes
from zentalk.ids import EntryRef
from zentalk.wire.group import EntryPlace, GroupEntry, chain_of, found_group, ref_of, sign_entry
from zentalk.wire.group_acts import (
    Accept,
    Add,
    Create,
    Demote,
    Grant,
    GroupAct,
    GroupKind,
    Leave,
    Merge,
    Remove,
    Rename,
)


@pytest.fixture
def people() -> list[Peer]:
    return group_of("Ann", "Bob", "Cid")


def rests_on(peer: Peer) -> EntryRef:
    member = peer.state.member(peer.address)
    assert member is not None
    return member.rests_on


def outcome(log: GroupLog, entry: GroupEntry) -> Any:
    result = log.insert(entry)
    return result.fault or result.outcome


def test_a_log_begins_with_the_entry_that_founds_its_group() -> None:
    ann = found()
    assert ann.log.heads() == (ref_of(ann.group),) == ann.log.binding_heads()
    assert (len(ann.log), ann.log.founding.act.name) == (1, "Walks")  # type: ignore[union-attr]
    rename = ann.do(Rename("x"))
    with pytest.raises(LocalProtocolError):
        GroupLog(rename)


def test_heads_are_what_is_no_ancestor_and_acceptances_bind_nobody(people: list[Peer]) -> None:
    ann, bob, _ = people
    assert len(ann.log.heads()) == 2, "two acceptances"
    assert len(ann.log.binding_heads()) == 1, "the last invitation"
    entry = ann.do(Rename("new"))
    assert ann.log.heads() == ann.log.binding_heads() == (entry.ref,)
    assert set(entry.place.parents) >= {bob.log.last_of(bob.address)[0]}


@given(st.randoms(use_true_random=False))
def test_any_order_gives_the_same_log(chance: random.Random) -> None:
    entries = HISTORY[1:]
    chance.shuffle(entries)
    log = GroupLog(HISTORY[0])
    added = [entry for one in entries for entry in log.insert(one).added]
    assert sorted(entry.entry_id for entry in added) == sorted(e.entry_id for e in entries)
    assert log.export() == HISTORY_LOG.export()
    assert log.heads() == HISTORY_LOG.heads()
    assert log.binding_heads() == HISTORY_LOG.binding_heads()
    assert log.missing() == ()


@given(st.randoms(use_true_random=False), st.integers(1, 8))
def test_who_has_some_heads_is_told_the_rest(chance: random.Random, count: int) -> None:
    heads = [row.entry.ref for row in chance.sample(HISTORY_LOG.rows, count)]
    lacked = HISTORY_LOG.lacked_by(heads)
    other = GroupLog(HISTORY[0])
    known = HISTORY_LOG.known_to(heads)
    for index in indexes(known):
        other.insert(HISTORY_LOG.rows[index].entry)
    assert len(other) + len(lacked) == len(HISTORY_LOG) + (not known & 1)
    for entry in lacked[not known & 1 :]:
        assert other.insert(entry).outcome is InsertOutcome.ADDED, "ancestors come first"
    assert other.heads() == HISTORY_LOG.heads()


def test_an_entry_waits_for_its_ancestors_and_says_which(people: list[Peer]) -> None:
    ann, bob, _ = people
    first, second = ann.do(Rename("one")), ann.do(Rename("two"))
    assert bob.log.insert(second).outcome is InsertOutcome.WAITING
    assert bob.log.insert(second).outcome is InsertOutcome.WAITING
    assert first.ref in bob.log.missing()
    assert bob.log.unknown([second.ref]) == (second.ref,)
    bob.take(ann.log.lacked_by(bob.log.heads()))
    assert bob.log.insert(second).outcome is InsertOutcome.KNOWN
    assert bob.log.heads() == (second.ref,)


def test_what_belongs_to_another_group_or_founds_one_is_refused(people: list[Peer]) -> None:
    ann, other = people[0], found(title="other")
    assert outcome(ann.log, other.do(Rename("x"))) is EntryFault.OTHER_GROUP
    assert outcome(ann.log, other.log.founding) is EntryFault.OTHER_GROUP
    assert outcome(ann.log, ann.log.founding) is InsertOutcome.KNOWN


@pytest.mark.parametrize(
    "act", [Add(address("Dan")), Grant(address("Bob")), Remove(address("Cid")), Rename("mine")]
)
def test_a_member_has_no_right_to_what_admins_do(people: list[Peer], act: GroupAct) -> None:
    _, bob, _ = people
    entry = sign_at(bob.log, bob.key, act, bob.log.binding_heads(), rests_on(bob), sequence=1)
    assert outcome(bob.log, entry) is EntryFault.GRANT


def test_control_without_a_look_at_what_it_rests_on_a_member_makes_itself_admin(
    people: list[Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bob, _ = people
    monkeypatch.setattr(log_module, "_entitles", lambda *_: True)
    act, heads = Grant(bob.address), bob.log.binding_heads()
    entry = sign_at(bob.log, bob.key, act, heads, ref_of(bob.group), sequence=1)
    assert outcome(bob.log, entry) is InsertOutcome.ADDED
    assert bob.state.rank_of(bob.address) == 1


def test_nobody_rests_on_the_grant_of_another_nor_on_one_not_known(people: list[Peer]) -> None:
    ann, bob, cid = people
    old = ann.log.binding_heads()
    grant = ann.do(Grant(bob.address))
    stolen = sign_at(ann.log, cid.key, Rename("c"), ann.log.heads(), grant.ref)
    assert outcome(ann.log, stolen) is EntryFault.GRANT
    early = sign_at(ann.log, bob.key, Rename("b"), old, grant.ref)
    assert outcome(ann.log, early) is EntryFault.GRANT
    rename = ann.do(Rename("a"))
    not_one = sign_at(ann.log, bob.key, Rename("b"), ann.log.heads(), rename.ref)
    assert outcome(ann.log, not_one) is EntryFault.GRANT


def test_numbers_follow_each_other(people: list[Peer]) -> None:
    _, bob, _ = people
    for number in (1, 3, 4_096):
        entry = sign_at(bob.log, bob.key, Merge(), bob.log.heads(), rests_on(bob), sequence=number)
        assert outcome(bob.log, entry) is EntryFault.SEQUENCE
    assert bob.log.next_sequence(bob.address) == 2
    assert bob.log.next_sequence(address("nobody")) == 1
    assert bob.do(Merge()).place.sequence == 2


def test_a_second_entry_with_a_number_is_let_in_and_its_author_is_named(
    people: list[Peer],
) -> None:
    _, bob, _ = people
    parents = bob.log.last_of(bob.address)
    forks = [
        sign_at(bob.log, bob.key, Merge(), parents, rests_on(bob), at=AT + n) for n in range(2)
    ]
    assert bob.log.forked() == ()
    bob.take(forks)
    assert bob.log.forked() == (bob.address,)
    assert set(bob.log.last_of(bob.address)) == {fork.ref for fork in forks}


def test_a_chain_of_other_ancestors_is_refused(people: list[Peer]) -> None:
    _, bob, _ = people
    row = held(bob.log, bob.log.last_of(bob.address)[0])
    grant = held(bob.log, rests_on(bob))
    chain = chain_of(bob.group, grant.entry.entry_id, [grant.entry.entry_id])
    place = EntryPlace(2, (row.entry.ref,), grant.entry.ref, chain)
    entry = sign_entry(bob.key, bob.group, place, Merge(), AT)
    assert outcome(bob.log, entry) is EntryFault.CHAIN


def test_an_entry_that_shares_a_short_name_with_a_held_one_is_refused(
    people: list[Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob, _ = people
    entry = sign_at(bob.log, bob.key, Merge(), bob.log.heads(), rests_on(bob), sequence=2)
    monkeypatch.setattr(GroupEntry, "ref", property(lambda self: ref_of(ann.group)))
    assert outcome(bob.log, entry) is EntryFault.SAME_NAME


def test_whoever_left_says_nothing_more_under_that_invitation(people: list[Peer]) -> None:
    ann, bob, _ = people
    invitation = rests_on(bob)
    bob.do(Leave())
    for act in (Accept(bytes(32)), Merge(), Leave()):
        entry = sign_at(bob.log, bob.key, act, bob.log.heads(), invitation)
        assert outcome(bob.log, entry) is EntryFault.AFTER_LEAVING
    ann.meet(bob)
    ann.do(Add(bob.address))
    bob.meet(ann)
    bob.join()
    assert bob.state.members[bob.address].is_joined


def test_whoever_stepped_down_rules_no_more_under_that_grant(people: list[Peer]) -> None:
    ann, bob, _ = people
    ann.do(Grant(bob.address))
    bob.meet(ann)
    grant = rests_on(bob)
    bob.do(Demote(bob.address))
    entry = sign_at(bob.log, bob.key, Rename("x"), bob.log.heads(), grant)
    assert outcome(bob.log, entry) is EntryFault.AFTER_LEAVING
    assert bob.do(Merge()).author == bob.address, "it is a member still"


def test_the_founder_cannot_step_down(people: list[Peer]) -> None:
    ann = people[0]
    entry = sign_at(ann.log, ann.key, Demote(ann.address), ann.log.heads(), ref_of(ann.group))
    ann.take([entry])
    assert ann.do(Rename("still")).act == Rename("still")
    assert ann.state.rank_of(ann.address) == 0


def test_a_full_log_takes_nothing_more(people: list[Peer], monkeypatch: pytest.MonkeyPatch) -> None:
    ann, bob, _ = people
    bob.meet(ann)
    first, second = ann.do(Rename("one")), ann.do(Rename("two"))
    monkeypatch.setattr(log_module, "MAX_ENTRIES", len(bob.log) + 1)
    assert outcome(bob.log, second) is InsertOutcome.WAITING
    assert bob.log.insert(first).added == (first,)
    assert outcome(bob.log, second) is EntryFault.FULL
    assert (bob.log.missing(), bob.log.heads()) == ((), (first.ref,))


def test_what_rests_on_a_refused_entry_does_not_wait_for_ever(people: list[Peer]) -> None:
    ann, bob, _ = people
    bad = sign_at(ann.log, bob.key, Rename("x"), ann.log.heads(), rests_on(bob), sequence=2)
    copy = GroupLog(ann.log.founding)
    for entry in ann.log.export()[1:]:
        copy.insert(entry)
    copy._keep(LogRow(bad, len(copy), (1 << len(copy)) - 1, 0, 0, 9))
    after = sign_at(copy, ann.key, Rename("after"), [bad.ref], ref_of(ann.group))
    assert ann.log.insert(after).outcome is InsertOutcome.WAITING
    assert outcome(ann.log, bad) is EntryFault.GRANT
    assert ann.log.missing() == ()


def test_bits_stand_for_rows() -> None:
    assert list(indexes(0b100101)) == [0, 2, 5]
    assert list(indexes(0)) == []


def test_somebody_elses_founding_is_not_taken_for_this_groups() -> None:
    ann = found()
    act = Create("Walks", GroupKind.GROUP, b"n" * 16)
    other = GroupLog(found_group(key("Bob"), act, AT))
    assert other.group != ann.group


def _history() -> GroupLog:
    ann, bob, cid, dan = group_of("Ann", "Bob", "Cid", "Dan")
    ann.do(Grant(bob.address))
    bob.meet(ann)
    bob.do(Rename("b"))
    ann.do(Remove(dan.address))
    cid.do(Leave())
    dan.do(Merge())
    ann.meet(bob, cid, dan)
    bob.meet(ann)
    bob.do(Add(cid.address))
    ann.meet(bob)
    return ann.log


HISTORY_LOG = _history()
HISTORY = HISTORY_LOG.export()
