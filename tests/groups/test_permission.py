"""What people may do, and the sentence that they are told if they may not."""

from __future__ import annotations

import dataclasses

import pytest

from tests.groups.support import Peer, address, found, group_of
from zentalk.errors import ConflictError
from zentalk.groups import permission
from zentalk.groups.permission import (
    MAX_MEMBERS,
    Denial,
    GroupDeniedError,
    endings_due,
    may,
    may_post,
)
from zentalk.groups.state import FULL_AT, GroupState
from zentalk.ids import GroupId, UserAddress
from zentalk.wire.group_acts import (
    Accept,
    Add,
    AddedAs,
    CloseTicket,
    Create,
    Demote,
    Describe,
    Grant,
    GroupAct,
    GroupKind,
    Leave,
    Merge,
    OpenTicket,
    PostingRule,
    Remove,
    Rename,
    SetPosting,
    Succeed,
)

ANN, BOB, CID, DAN, EVE = (address(name) for name in ("Ann", "Bob", "Cid", "Dan", "Eve"))
NOBODY = address("nobody")
TICKET = b"t" * 16


@pytest.fixture(scope="module")
def state() -> GroupState:
    """Ann founded; Bob and Cid are admins of rank 1, Dan is a member, Eve only invited."""
    ann, *_ = group_of("Ann", "Bob", "Cid", "Dan")
    for act in (Grant(BOB), Grant(CID), Add(EVE), OpenTicket(TICKET, AddedAs.MEMBER, 1, 0)):
        ann.do(act)
    return ann.state


ALLOWED: list[tuple[UserAddress, GroupAct]] = [
    (ANN, Add(NOBODY)),
    (BOB, Add(NOBODY)),
    (BOB, Add(DAN, AddedAs.SUBSCRIBER)),
    (BOB, Remove(DAN)),
    (BOB, Remove(EVE)),
    (BOB, Grant(DAN)),
    (BOB, Grant(NOBODY)),
    (BOB, Demote(BOB)),
    (ANN, Demote(BOB)),
    (ANN, Remove(BOB)),
    (BOB, Rename("x")),
    (BOB, Describe(b"", "x")),
    (BOB, SetPosting(PostingRule.ADMINS)),
    (BOB, OpenTicket(b"u" * 16, AddedAs.MEMBER, 1, 0)),
    (BOB, CloseTicket(TICKET)),
    (BOB, Succeed(GroupId(b"s" * 32))),
    (EVE, Accept(bytes(32))),
    (ANN, Accept(bytes(32))),
    (EVE, Leave()),
    (ANN, Leave()),
    (DAN, Merge()),
]
DENIED: list[tuple[UserAddress, GroupAct, Denial]] = [
    (NOBODY, Rename("x"), Denial.NOT_A_MEMBER),
    (NOBODY, Leave(), Denial.NOT_A_MEMBER),
    (DAN, Rename("x"), Denial.NOT_AN_ADMIN),
    (DAN, Accept(bytes(32)), Denial.ALREADY_THERE),
    (EVE, Add(NOBODY), Denial.NOT_JOINED),
    (BOB, Add(CID), Denial.ALREADY_THERE),
    (BOB, Add(DAN), Denial.ALREADY_THERE),
    (BOB, Remove(BOB), Denial.IS_SELF),
    (BOB, Remove(CID), Denial.OUTRANKED),
    (BOB, Remove(ANN), Denial.OUTRANKED),
    (BOB, Remove(NOBODY), Denial.NOT_THERE),
    (BOB, Demote(CID), Denial.OUTRANKED),
    (BOB, Demote(DAN), Denial.NOT_THERE),
    (BOB, Demote(NOBODY), Denial.NOT_THERE),
    (BOB, Grant(CID), Denial.ALREADY_THERE),
    (ANN, Grant(BOB), Denial.ALREADY_THERE),
    (ANN, Demote(ANN), Denial.FOUNDER_STAYS),
    (ANN, OpenTicket(TICKET, AddedAs.MEMBER, 1, 0), Denial.ALREADY_THERE),
    (ANN, CloseTicket(b"u" * 16), Denial.NOT_THERE),
    (ANN, Create("x", GroupKind.GROUP, bytes(16)), Denial.ALREADY_THERE),
]


@pytest.mark.parametrize(("who", "act"), ALLOWED)
def test_what_somebody_may_do(state: GroupState, who: UserAddress, act: GroupAct) -> None:
    assert may(state, who, act) is None


@pytest.mark.parametrize(("who", "act", "denial"), DENIED)
def test_what_somebody_may_not_do(
    state: GroupState, who: UserAddress, act: GroupAct, denial: Denial
) -> None:
    assert may(state, who, act) is denial


def test_nobody_invites_more_than_256(state: GroupState) -> None:
    many = {UserAddress(bytes([n]) * 32): state.members[DAN] for n in range(MAX_MEMBERS - 5)}
    full = dataclasses.replace(state, members={**state.members, **many})
    assert len(full.members) == MAX_MEMBERS
    assert may(full, ANN, Add(NOBODY)) is may(full, ANN, Grant(NOBODY)) is Denial.MEMBERS_FULL
    assert may(full, ANN, Grant(DAN)) is None


def test_a_full_log_takes_a_successor_and_farewells_only(state: GroupState) -> None:
    full = dataclasses.replace(state, entries=FULL_AT)
    assert may(full, ANN, Rename("x")) is may(full, DAN, Merge()) is Denial.LOG_FULL
    assert may(full, ANN, Succeed(GroupId(b"s" * 32))) is None
    assert may(full, DAN, Leave()) is None
    assert may(full, DAN, Succeed(GroupId(b"s" * 32))) is Denial.NOT_AN_ADMIN


def left_admin(who: str) -> tuple[Peer, Peer]:
    ann, bob, cid = group_of("Ann", "Bob", "Cid")
    ann.do(Grant(BOB))
    ann.do(Grant(CID))
    bob.meet(ann)
    cid.meet(ann)
    leaver = {"Ann": ann, "Bob": bob}[who]
    cid.take([leaver.do(Leave())])
    ann.meet(cid)
    return ann, cid


def test_lower_ranks_end_the_grants_of_those_who_left() -> None:
    ann, cid = left_admin("Bob")
    assert ann.may(Remove(BOB))
    assert may(cid.state, CID, Remove(BOB)) is Denial.OUTRANKED
    ann.do(Remove(BOB))
    assert may(ann.state, ANN, Remove(BOB)) is Denial.NOT_THERE


def test_a_node_is_told_which_grants_to_end_unasked() -> None:
    ann, cid = left_admin("Bob")
    assert endings_due(ann.state, ANN) == (Remove(BOB),)
    assert endings_due(cid.state, CID) == (), "Bob's was of the same rank"
    assert endings_due(ann.state, NOBODY) == ()
    ann.do(endings_due(ann.state, ANN)[0])
    assert endings_due(ann.state, ANN) == ()
    cid.meet(ann)
    cid.do(Demote(CID))
    ann.meet(cid)
    assert endings_due(ann.state, ANN) == (Demote(CID),)
    ann.do(Demote(CID))
    assert endings_due(ann.state, ANN) == ()
    assert CID in ann.state.members


def test_nobody_ends_the_founders() -> None:
    _, cid = left_admin("Ann")
    assert may(cid.state, CID, Remove(ANN)) is Denial.OUTRANKED


def test_who_may_post() -> None:
    ann, _ = group_of("Ann", "Bob")
    ann.do(Add(CID, AddedAs.SUBSCRIBER))
    ann.do(Add(DAN))
    assert may_post(ann.state, ANN) is None
    assert may_post(ann.state, BOB) is None
    assert may_post(ann.state, NOBODY) is Denial.NOT_A_MEMBER
    assert may_post(ann.state, DAN) is Denial.NOT_JOINED
    cid = Peer("Cid", ann.log.founding)
    cid.meet(ann)
    cid.join()
    assert may_post(cid.state, CID) is Denial.ADMINS_POST
    ann.do(SetPosting(PostingRule.ADMINS))
    assert may_post(ann.state, BOB) is Denial.ADMINS_POST
    assert may_post(ann.state, ANN) is None


def test_in_a_channel_only_admins_post() -> None:
    ann, _ = group_of("Ann", "Bob", kind=GroupKind.CHANNEL)
    assert may_post(ann.state, ANN) is None
    assert may_post(ann.state, BOB) is Denial.ADMINS_POST


def test_every_denial_is_a_sentence_that_says_what_to_do() -> None:
    assert set(permission._SENTENCES) == set(Denial)
    for denial in Denial:
        error = GroupDeniedError(denial)
        assert error.denial is denial
        assert str(error).endswith(".")
        assert ": " in str(error)
        assert isinstance(error, ConflictError)


def test_a_founder_alone_may_found_no_second_time() -> None:
    ann = found()
    assert not ann.may(Create("x", GroupKind.GROUP, bytes(16)))
