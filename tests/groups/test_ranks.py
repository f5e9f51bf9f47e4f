"""What counts: each rule by itself, with the acts of people who do not keep to them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.groups.support import Peer, address, group_of, sign_at
from zentalk.groups import ranks
from zentalk.groups.fold import fold
from zentalk.groups.rows import LogRow
from zentalk.groups.state import GroupState
from zentalk.ids import EntryRef, UserAddress
from zentalk.wire.group import GroupEntry, ref_of
from zentalk.wire.group_acts import Add, Demote, Grant, GroupAct, Leave, Remove, Rename

ANN, BOB, CID, DAN, EVE = (address(name) for name in ("Ann", "Bob", "Cid", "Dan", "Eve"))


class Ranked:
    """Ann founded; Bob and Cid have rank 1 from her, Dan 2 from Bob, and Eve is a member."""

    def __init__(self) -> None:
        self.ann, self.bob, self.cid, self.dan, self.eve = self.all = group_of(
            "Ann", "Bob", "Cid", "Dan", "Eve"
        )
        self.before = self.ann.log.binding_heads()
        self.grants = {
            BOB: self.ann.do(Grant(BOB)).ref,
            CID: self.ann.do(Grant(CID)).ref,
            ANN: ref_of(self.ann.group),
        }
        self.bob.meet(self.ann)
        self.grants[DAN] = self.bob.do(Grant(DAN)).ref
        self.ann.meet(*self.all[1:])
        self.heads = self.ann.log.heads()

    def sign(
        self, peer: Peer, act: GroupAct, *, parents: tuple[EntryRef, ...] | None = None
    ) -> GroupEntry:
        """Sign at the point where the groups stood, or before, and show it to Ann."""
        log, grant = self.ann.log, self.grants[peer.address]
        entry = sign_at(log, peer.key, act, parents or self.heads, grant)
        self.ann.take([entry])
        return entry

    @property
    def state(self) -> GroupState:
        return fold(self.ann.log)

    def ranks(self) -> dict[str, int]:
        names = {peer.address: peer.name for peer in self.all}
        return {names[m.address]: m.rank for m in self.state.admins if m.rank is not None}

    def is_in(self, who: UserAddress) -> bool:
        return self.state.member(who) is not None


@pytest.fixture
def group() -> Ranked:
    return Ranked()


def test_ranks_are_one_more_than_the_granters(group: Ranked) -> None:
    assert group.ranks() == {"Ann": 0, "Bob": 1, "Cid": 1, "Dan": 2}


def test_of_two_who_remove_each_other_the_lower_rank_stands(group: Ranked) -> None:
    group.sign(group.bob, Remove(DAN))
    group.sign(group.dan, Remove(BOB))
    assert group.ranks() == {"Ann": 0, "Bob": 1, "Cid": 1}
    assert not group.is_in(DAN)


def test_between_equals_neither_counts_and_both_are_told(group: Ranked) -> None:
    first = group.sign(group.bob, Remove(CID))
    second = group.sign(group.cid, Demote(BOB))
    assert group.ranks() == {"Ann": 0, "Bob": 1, "Cid": 1, "Dan": 2}
    told = {(one.entry, one.author, one.target, one.is_equal) for one in group.state.conflicts}
    assert told == {(first.ref, BOB, CID, True), (second.ref, CID, BOB, True)}


def test_a_conflict_ends_when_somebody_above_both_decides(group: Ranked) -> None:
    group.sign(group.bob, Remove(CID))
    group.ann.do(Demote(CID))
    assert group.state.conflicts == ()
    assert group.is_in(CID), "it was made when Cid was an admin, and counts no more now"


def test_what_somebody_does_to_those_above_has_no_effect_and_is_told(group: Ranked) -> None:
    group.sign(group.dan, Remove(ANN))
    group.sign(group.bob, Demote(ANN))
    assert group.ranks() == {"Ann": 0, "Bob": 1, "Cid": 1, "Dan": 2}
    assert {one.is_equal for one in group.state.conflicts} == {False}


def test_control_without_protection_anybody_puts_the_founder_out(
    group: Ranked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks._RankedFold, "_protecting", lambda *_: None)
    group.sign(group.dan, Remove(ANN))
    assert group.state.is_founderless


def test_control_without_the_look_at_what_removals_know_a_late_grant_counts(
    group: Ranked, monkeypatch: pytest.MonkeyPatch
) -> None:
    group.sign(group.ann, Remove(DAN))
    group.sign(group.dan, Grant(EVE), parents=(group.grants[DAN],))
    assert "Eve" not in group.ranks()
    monkeypatch.setattr(ranks._RankedFold, "_known_to_all", lambda *_: -1)
    assert group.ranks()["Eve"] == 3


def test_any_admin_removes_members(group: Ranked) -> None:
    group.sign(group.dan, Remove(EVE))
    assert not group.is_in(EVE)
    assert EVE in group.state.former


def test_what_an_admin_says_that_the_removal_does_not_know_of_is_void(group: Ranked) -> None:
    group.sign(group.ann, Remove(DAN))
    group.sign(group.dan, Remove(EVE))
    group.sign(group.dan, Grant(EVE), parents=(group.grants[DAN],))
    assert group.is_in(EVE)
    assert group.ranks() == {"Ann": 0, "Bob": 1, "Cid": 1}


def test_what_the_removal_knows_of_stands(group: Ranked) -> None:
    act = group.sign(group.dan, Remove(EVE))
    group.sign(group.ann, Remove(DAN), parents=(act.ref,))
    assert not group.is_in(EVE)
    assert not group.is_in(DAN)


def test_whom_a_removed_admin_had_made_admin_stays_one(group: Ranked) -> None:
    group.sign(group.ann, Remove(BOB))
    assert group.ranks() == {"Ann": 0, "Cid": 1, "Dan": 2}


def test_who_is_granted_again_acts_under_the_new_grant_only(group: Ranked) -> None:
    group.ann.do(Remove(BOB))
    again = group.ann.do(Grant(BOB))
    assert group.ranks()["Bob"] == 1
    group.sign(group.bob, Rename("old grant"))
    assert group.state.settings.name == "Walks"
    group.grants[BOB] = again.ref
    group.sign(group.bob, Rename("new grant"), parents=(again.ref,))
    assert group.state.settings.name == "new grant"


def test_a_grant_that_does_not_know_of_a_removal_does_not_outlive_it(group: Ranked) -> None:
    group.sign(group.bob, Grant(EVE))
    group.sign(group.ann, Remove(EVE))
    assert not group.is_in(EVE)


def test_a_member_who_is_made_admin_meanwhile_is_not_removed_by_an_equal(group: Ranked) -> None:
    group.sign(group.dan, Remove(EVE))
    group.sign(group.ann, Grant(EVE))
    assert group.ranks()["Eve"] == 1
    assert [one.target for one in group.state.conflicts] == [EVE]


def test_who_was_demoted_is_a_member_and_can_be_removed_by_any_admin(group: Ranked) -> None:
    demotion = group.sign(group.ann, Demote(CID))
    assert group.is_in(CID)
    group.sign(group.dan, Remove(CID), parents=(demotion.ref,))
    assert not group.is_in(CID)


def test_a_grant_invites_too_and_its_end_leaves_the_invitation(group: Ranked) -> None:
    fay = address("Fay")
    group.ann.do(Grant(fay))
    assert group.state.rank_of(fay) == 1
    group.ann.do(Demote(fay))
    assert group.is_in(fay)
    assert group.state.rank_of(fay) is None


def test_the_better_of_two_grants_counts(group: Ranked) -> None:
    group.sign(group.dan, Grant(EVE))
    assert group.ranks()["Eve"] == 3
    group.sign(group.cid, Grant(EVE))
    assert group.ranks()["Eve"] == 2
    group.sign(group.bob, Demote(EVE))
    assert "Eve" not in group.ranks(), "a lower rank than both ends both"


def test_whoever_leaves_keeps_what_it_had_made(group: Ranked) -> None:
    group.bob.do(Leave())
    group.ann.meet(group.bob)
    assert group.ranks() == {"Ann": 0, "Cid": 1, "Dan": 2}
    assert group.state.open_grants == {BOB: 1}
    group.ann.do(Remove(BOB))
    assert group.state.open_grants == {}
    group.sign(group.bob, Rename("late"))
    assert group.state.settings.name == "Walks"


def test_until_somebody_ends_it_who_left_can_sign_late(group: Ranked) -> None:
    """What `open_grants` warns of."""
    group.bob.do(Leave())
    group.ann.meet(group.bob)
    group.sign(group.bob, Rename("late"))
    assert group.state.settings.name == "late"


def test_a_leaving_that_is_dated_back_voids_nothing(group: Ranked) -> None:
    group.sign(group.ann, Remove(BOB))
    group.sign(group.bob, Leave(), parents=(group.grants[BOB],))
    assert group.ranks() == {"Ann": 0, "Cid": 1, "Dan": 2}


def test_without_its_founder_a_group_says_so(group: Ranked) -> None:
    assert not group.state.is_founderless
    group.ann.do(Leave())
    assert group.state.is_founderless
    assert ANN in group.state.former
    assert group.ranks() == {"Bob": 1, "Cid": 1, "Dan": 2}


def test_backdated_acts_of_removed_admins_void_nobodys(group: Ranked) -> None:
    group.ann.do(Remove(BOB))
    before = group.state
    for act in (Remove(CID), Demote(DAN), Remove(EVE), Grant(BOB), Add(address("Fay"))):
        group.sign(group.bob, act, parents=(group.grants[BOB],))
    assert group.state.members == before.members
    assert group.state.former == before.former


def test_ranks_go_as_deep_as_grants_do() -> None:
    peers = group_of("Ann", *(f"p{number}" for number in range(12)))
    for first, second in pairwise(peers):
        first.do(Grant(second.address))
        second.meet(first)
    last = peers[-1].state
    assert [member.rank for member in last.admins] == list(range(13))
    peers[0].meet(peers[-1])
    peers[0].do(Remove(peers[1].address))
    assert [m.rank for m in peers[0].state.admins] == [0, *range(2, 13)]


def test_control_without_the_end_of_grants_a_demoted_admin_cannot_be_removed(
    group: Ranked, monkeypatch: pytest.MonkeyPatch
) -> None:
    demotion = group.sign(group.ann, Demote(CID))
    group.sign(group.dan, Remove(CID), parents=(demotion.ref,))
    judged = ranks._RankedFold

    def forgetful(self: ranks._RankedFold, grant: LogRow) -> None:
        take_up(self, grant)
        self._result.ended[grant.index] = 0

    take_up = judged._take_up
    assert not group.is_in(CID)
    monkeypatch.setattr(judged, "_take_up", forgetful)
    assert group.is_in(CID)


def test_what_several_removals_know_of_is_found_in_any_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ranks, "_MOST_REMEMBERED", 3)
    ann, bob = group_of("Ann", "Bob")
    for _ in range(8):
        ann.do(Grant(bob.address))
        ann.do(Demote(bob.address))
    fresh = ranks._RankedFold(ann.log.rows, (1 << len(ann.log)) - 1)
    removals = [row for row in ann.log.rows if isinstance(row.entry.act, Demote)]
    for start in range(len(removals)):
        bits, expected = 0, -1
        for row in removals[start:]:
            bits |= row.bit
            expected &= row.ancestors
        assert fresh._known_to_all(bits) == expected
