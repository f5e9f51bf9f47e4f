"""Signing the next entry: on top of all that is known, however many heads there are."""

from __future__ import annotations

import pytest

from tests.groups.support import AT, Peer, address, found, group_of, held, key, sign_at
from tests.session.support import Seeded
from zentalk.errors import LocalProtocolError
from zentalk.groups import authoring
from zentalk.groups.authoring import compose, line_heads, needs_merge
from zentalk.groups.fold import fold
from zentalk.groups.log import GroupLog
from zentalk.groups.permission import Denial, GroupDeniedError
from zentalk.ids import GroupId
from zentalk.wire.group import MAX_PARENTS, GroupEntry, ref_of
from zentalk.wire.group_acts import (
    Accept,
    Add,
    Create,
    Describe,
    Grant,
    GroupKind,
    Leave,
    Merge,
    Remove,
    Rename,
)

BOB = address("Bob")


def many_heads(count: int) -> Peer:
    """Return a founder whose group so many have left at once."""
    names = [f"p{number}" for number in range(count)]
    ann, *others = group_of("Ann", *names)
    for other in others:
        ann.take([other.do(Leave())])
    return ann


def covers_all(peer: Peer, entry: GroupEntry) -> bool:
    """Whether an entry knows of all that decides anything."""
    log = GroupLog(peer.log.founding)
    for one in peer.log.export()[1:]:
        log.insert(one)
    row = held(log, entry.ref)
    others = [one for one in log.rows if not isinstance(one.entry.act, Accept)]
    return all(row.ancestors & one.bit or one is row for one in others)


def test_a_group_is_founded_with_a_nonce_of_its_own() -> None:
    first, second = (
        authoring.found(key("Ann"), "Walks", GroupKind.GROUP, at=AT, entropy=Seeded(name))
        for name in ("one", "two")
    )
    assert first.group != second.group
    after = authoring.found(
        key("Ann"), "W", GroupKind.CHANNEL, at=AT, entropy=Seeded("x"), continues=first.group
    )
    assert isinstance(after.founding.act, Create)
    assert fold(after).continues == first.group
    with pytest.raises(LocalProtocolError):
        authoring.found(key("Ann"), "", GroupKind.GROUP, at=AT, entropy=Seeded("x"))


def test_an_entry_knows_of_all_that_decides_anything() -> None:
    ann, _, cid = group_of("Ann", "Bob", "Cid")
    ann.do(Grant(BOB))
    ann.take([cid.do(Merge())])
    entry = ann.do(Remove(cid.address))
    assert covers_all(ann, entry)
    assert entry.place.sequence == ann.log.next_sequence(ann.address) - 1
    assert entry.at == AT


def test_who_may_not_do_something_signs_nothing() -> None:
    _, bob = group_of("Ann", "Bob")
    with pytest.raises(GroupDeniedError) as caught:
        bob.do(Rename("mine"))
    assert caught.value.denial is Denial.NOT_AN_ADMIN


def test_a_state_of_another_log_is_not_acted_on() -> None:
    ann, other = group_of("Ann", "Bob")[0], found()
    ann.do(Rename("x"))
    bob = next(member for member in ann.state.members.values() if member.rank is None)
    assert bob.rests_on not in other.log
    with pytest.raises(LocalProtocolError):
        compose(other.log, ann.state, key("Bob"), Leave(), AT)


@pytest.mark.parametrize("count", [3, 15, 16, 17, 40])
def test_more_heads_than_one_entry_names_are_merged_first(count: int) -> None:
    ann = many_heads(count)
    assert len(ann.log.binding_heads()) == count
    signed = compose(ann.log, ann.state, ann.key, Add(BOB), AT)
    assert all(isinstance(entry.act, Merge) for entry in signed[:-1])
    assert (len(signed) > 1) == (count > MAX_PARENTS)
    ann.take(signed)
    assert ann.log.binding_heads() == (signed[-1].ref,)
    assert covers_all(ann, signed[-1])


def test_a_long_act_has_room_for_fewer_parents_and_merges_sooner() -> None:
    ann = many_heads(4)
    signed = compose(ann.log, ann.state, ann.key, Describe(bytes(32), "x" * 256), AT)
    assert [type(entry.act) for entry in signed] == [Merge, Describe]
    ann.take(signed)
    assert covers_all(ann, signed[-1])


def test_a_merge_rests_on_what_its_author_may_do_also_when_that_is_new() -> None:
    """The first merge names the head that knows of the grant, wherever its name stands."""
    ann = many_heads(40)
    ann.do(Add(BOB))
    for number in range(40):
        parents, root = [ref_of(ann.group)], ref_of(ann.group)
        ann.take([sign_at(ann.log, ann.key, Rename(str(number)), parents, root, at=number)])
    bob = Peer("Bob", ann.log.founding)
    bob.take(ann.log.export()[1:])
    assert len(bob.log.binding_heads()) > MAX_PARENTS
    bob.join()
    assert bob.state.members[BOB].is_joined


def test_acceptances_are_named_only_as_far_as_there_is_room() -> None:
    ann, *others = group_of("Ann", *(f"p{number}" for number in range(30)))
    entry = ann.do(Rename("x" * 128))
    assert len(entry.place.parents) == 13
    assert len(ann.log.heads()) > 15
    assert ann.log.binding_heads() == (entry.ref,)
    assert all(peer.state.members[peer.address].is_joined for peer in others)


def test_a_message_names_its_authors_last_entry_and_the_heads() -> None:
    ann, bob, cid = group_of("Ann", "Bob", "Cid")
    assert line_heads(bob.log, BOB) == bob.log.last_of(BOB)
    rename = ann.do(Rename("x"))
    assert line_heads(ann.log, ann.address) == (rename.ref,)
    cid.meet(ann)
    assert line_heads(cid.log, cid.address) == (rename.ref,)
    assert not needs_merge(cid.log, cid.address)


def test_a_message_that_cannot_name_all_is_preceded_by_a_merge() -> None:
    ann = many_heads(20)
    assert needs_merge(ann.log, ann.address)
    assert len(line_heads(ann.log, ann.address)) == 8
    ann.do(Merge())
    assert not needs_merge(ann.log, ann.address)
    assert len(line_heads(ann.log, ann.address)) == 1


def test_what_has_no_room_in_an_entry_is_a_mistake_of_the_caller() -> None:
    ann = found()
    with pytest.raises(LocalProtocolError):
        ann.do(Rename("x" * 129))


def test_a_successor_names_what_it_continues() -> None:
    old = found()
    new = authoring.found(
        key("Ann"), "Walks", GroupKind.GROUP, at=AT, entropy=Seeded("n"), continues=old.group
    )
    assert fold(new).continues == old.group
    assert fold(old.log).continues == GroupId(b"")
