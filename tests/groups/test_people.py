"""Who is in: invitations, acceptances, and that nobody comes back by what was signed before."""

from __future__ import annotations

import pytest

from tests.groups.support import AT, Peer, address, card_hash, found, group_of, sign_at
from zentalk.groups.fold import fold
from zentalk.groups.state import GroupMember, GroupRole, MemberStatus
from zentalk.wire.group import ref_of
from zentalk.wire.group_acts import (
    Accept,
    Add,
    AddedAs,
    Demote,
    Grant,
    GroupKind,
    Leave,
    Remove,
)

ANN, BOB, CID = address("Ann"), address("Bob"), address("Cid")


def member(peer: Peer, name: str) -> GroupMember:
    found_member = peer.state.member(address(name))
    assert found_member is not None
    return found_member


def test_the_founder_is_in_and_invites() -> None:
    ann = found()
    assert (member(ann, "Ann").role, member(ann, "Ann").rank) == (GroupRole.ADMIN, 0)
    assert member(ann, "Ann").is_joined
    ann.do(Add(BOB))
    bob = member(ann, "Bob")
    assert (bob.role, bob.status) == (GroupRole.MEMBER, MemberStatus.INVITED)
    assert (bob.invited_by, bob.rank, bob.card_hash) == (ANN, None, b"")
    assert list(ann.state.members) == sorted((ANN, BOB))


def test_who_accepts_has_joined_with_the_card_of_the_newest_acceptance() -> None:
    ann, bob = group_of("Ann", "Bob")
    assert member(ann, "Bob").is_joined
    assert member(ann, "Bob").card_hash == card_hash("Bob")
    later = sign_at(
        bob.log, bob.key, Accept(b"c" * 32), bob.log.heads(), member(bob, "Bob").rests_on
    )
    ann.take([later])
    assert member(ann, "Bob").card_hash == b"c" * 32


def test_a_founder_accepts_to_show_its_card() -> None:
    ann = found()
    ann.do(Accept(b"c" * 32))
    assert member(ann, "Ann").card_hash == b"c" * 32


def test_an_acceptance_belongs_to_one_invitation() -> None:
    ann, bob = group_of("Ann", "Bob")
    ann.do(Remove(BOB))
    assert ann.state.member(BOB) is None
    ann.do(Add(BOB))
    assert member(ann, "Bob").status is MemberStatus.INVITED
    ann.take([bob.do(Accept(b"d" * 32))] if bob.may(Accept(b"d" * 32)) else [])
    assert member(ann, "Bob").status is MemberStatus.INVITED, "it was asked again, and not answered"
    bob.meet(ann)
    bob.join()
    assert member(bob, "Bob").is_joined


def test_an_invitation_that_does_not_know_of_a_removal_brings_nobody_back() -> None:
    ann, _, cid = group_of("Ann", "Bob", "Cid")
    ann.do(Grant(CID))
    cid.meet(ann)
    ann.do(Remove(BOB))
    late = sign_at(cid.log, cid.key, Add(BOB), cid.log.binding_heads(), member(cid, "Cid").rests_on)
    cid.take([late])
    assert member(cid, "Bob").is_joined, "Cid does not know yet"
    ann.meet(cid)
    assert ann.state.member(BOB) is None
    cid.meet(ann)
    cid.do(Add(BOB))
    assert member(cid, "Bob").status is MemberStatus.INVITED


def test_who_left_comes_back_by_a_later_invitation_only() -> None:
    ann, bob = group_of("Ann", "Bob")
    ann.take([bob.do(Leave())])
    assert BOB in ann.state.former
    early = sign_at(ann.log, ann.key, Add(BOB), [ref_of(ann.group)], ref_of(ann.group))
    ann.take([early])
    assert BOB in ann.state.former
    ann.do(Add(BOB))
    assert BOB in ann.state.members
    assert BOB not in ann.state.former


def test_control_if_removals_were_forgotten_an_old_invitation_would_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ann, _ = group_of("Ann", "Bob")
    ann.do(Remove(BOB))
    log = ann.log
    assert BOB not in fold(log).members
    monkeypatch.setattr("zentalk.groups.ranks._target", lambda _: None)
    assert BOB in fold(log).members


def test_who_was_invited_twice_without_each_other_has_the_narrower_role() -> None:
    ann, bob = group_of("Ann", "Bob")
    ann.do(Grant(BOB))
    bob.meet(ann)
    for peer, role in ((ann, AddedAs.MEMBER), (bob, AddedAs.SUBSCRIBER)):
        peer.do(Add(CID, role))
    ann.meet(bob)
    assert member(ann, "Cid").role is GroupRole.MEMBER, "the founder's rank is lower"
    ann.do(Add(CID, AddedAs.SUBSCRIBER))
    assert member(ann, "Cid").role is GroupRole.SUBSCRIBER
    heads, root = ann.log.heads(), ref_of(ann.group)
    ann.take([sign_at(ann.log, ann.key, Add(CID, role), heads, root, at=AT) for role in AddedAs])
    assert member(ann, "Cid").role is GroupRole.SUBSCRIBER


@pytest.mark.parametrize(
    ("kind", "role"),
    [(GroupKind.GROUP, GroupRole.MEMBER), (GroupKind.CHANNEL, GroupRole.SUBSCRIBER)],
)
def test_who_was_only_granted_and_is_demoted_is_what_is_usual(
    kind: GroupKind, role: GroupRole
) -> None:
    ann = found(kind=kind)
    ann.do(Grant(BOB))
    assert member(ann, "Bob").role is GroupRole.ADMIN
    ann.do(Demote(BOB))
    assert member(ann, "Bob").role is role


def test_an_admin_who_steps_down_stays_in_and_says_who_must_end_the_grant() -> None:
    ann, bob = group_of("Ann", "Bob")
    ann.do(Grant(BOB))
    bob.meet(ann)
    ann.take([bob.do(Demote(BOB))])
    assert member(ann, "Bob").role is GroupRole.MEMBER
    assert ann.state.open_grants == {BOB: 1}
    ann.do(Demote(BOB))
    assert ann.state.open_grants == {}
    ann.do(Grant(BOB))
    assert member(ann, "Bob").rank == 1


def test_a_founder_who_was_invited_again_is_a_member() -> None:
    ann, bob = group_of("Ann", "Bob")
    ann.do(Grant(BOB))
    bob.meet(ann)
    bob.take([ann.do(Leave())])
    bob.do(Add(ANN))
    ann.meet(bob)
    ann.join()
    assert (member(ann, "Ann").role, member(ann, "Ann").rank) == (GroupRole.MEMBER, None)
    assert ann.state.is_founderless
    assert ann.state.open_grants == {ANN: 0}
