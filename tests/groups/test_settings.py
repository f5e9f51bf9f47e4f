"""Name, picture, posting, tickets and successors: which of several is in force."""

from __future__ import annotations

from tests.groups.support import AT, Peer, address, found, group_of, sign_at
from zentalk.groups.state import GroupTicket
from zentalk.ids import GroupId
from zentalk.wire.group import ref_of
from zentalk.wire.group_acts import (
    Add,
    AddedAs,
    CloseTicket,
    Demote,
    Describe,
    Grant,
    GroupKind,
    OpenTicket,
    PostingRule,
    Rename,
    SetPosting,
    Succeed,
)

BOB, CID, DAN = address("Bob"), address("Cid"), address("Dan")
TICKET = b"t" * 16


def two_admins() -> tuple[Peer, Peer]:
    ann, bob = group_of("Ann", "Bob")
    ann.do(Grant(BOB))
    bob.meet(ann)
    return ann, bob


def test_a_later_name_takes_the_place_of_those_that_it_knows() -> None:
    ann, bob = two_admins()
    ann.do(Rename("one"))
    bob.meet(ann)
    bob.do(Rename("two"))
    ann.meet(bob)
    assert ann.state.settings.name == "two"


def test_of_names_given_at_once_the_lower_ranks_is_shown() -> None:
    ann, bob = two_admins()
    bob.do(Rename("bob's"))
    bob.do(Rename("bob's second"))
    ann.do(Rename("ann's"))
    ann.meet(bob)
    assert ann.state.settings.name == "ann's"


def test_of_equals_one_is_shown_everywhere_alike() -> None:
    ann, bob = two_admins()
    entries = [
        sign_at(ann.log, ann.key, Rename(name), ann.log.heads(), ref_of(ann.group), at=AT)
        for name in ("one", "two", "three")
    ]
    ann.take(entries)
    bob.take(ann.log.lacked_by(bob.log.heads())[::-1])
    lowest = min(entries, key=lambda entry: entry.entry_id)
    assert ann.state.settings.name == bob.state.settings.name == lowest.act.name  # type: ignore[union-attr]


def test_picture_and_description_are_set_together() -> None:
    ann = found()
    assert (ann.state.settings.picture_hash, ann.state.settings.description) == (b"", "")
    ann.do(Describe(b"h" * 32, "on Sundays"))
    settings = ann.state.settings
    assert (settings.picture_hash, settings.description) == (b"h" * 32, "on Sundays")


def test_in_a_channel_admins_post_and_in_a_group_members_unless_said_otherwise() -> None:
    channel, group = found(kind=GroupKind.CHANNEL), found()
    assert channel.state.settings.posting is PostingRule.ADMINS
    assert group.state.settings.posting is PostingRule.MEMBERS
    for rule in (PostingRule.ADMINS, PostingRule.MEMBERS):
        channel.do(SetPosting(rule))
        assert channel.state.settings.posting is rule


def test_of_rules_on_posting_set_at_once_by_equals_the_narrower_holds() -> None:
    """Whatever their ids are: who may post is not for the one who finds the lowest hash."""
    for at in range(8):
        ann, _ = two_admins()
        entries = [
            sign_at(ann.log, ann.key, SetPosting(rule), ann.log.heads(), ref_of(ann.group), at=at)
            for rule in PostingRule
        ]
        ann.take(entries)
        assert ann.state.settings.posting is PostingRule.ADMINS


def test_a_lower_rank_decides_about_posting() -> None:
    ann, bob = two_admins()
    bob.do(SetPosting(PostingRule.ADMINS))
    ann.do(SetPosting(PostingRule.MEMBERS))
    ann.meet(bob)
    assert ann.state.settings.posting is PostingRule.MEMBERS


def test_whom_a_ticket_let_in_is_counted_by_its_owners_invitations() -> None:
    ann, bob = two_admins()
    ann.do(OpenTicket(TICKET, AddedAs.SUBSCRIBER, 2, 99))
    assert ann.state.tickets == (
        GroupTicket(TICKET, ann.address, AddedAs.SUBSCRIBER, 2, 0, 99, is_closed=False),
    )
    ann.do(Add(CID, AddedAs.SUBSCRIBER, TICKET))
    ann.do(Add(CID, AddedAs.MEMBER, TICKET))
    bob.meet(ann)
    bob.do(Add(DAN, AddedAs.MEMBER, TICKET))
    ann.meet(bob)
    assert [ticket.used for ticket in ann.state.tickets] == [1], "one person, and Bob owns it not"


def test_any_admin_closes_a_ticket_for_good() -> None:
    ann, bob = two_admins()
    ann.do(OpenTicket(TICKET, AddedAs.MEMBER, 2, 0))
    bob.meet(ann)
    bob.do(CloseTicket(TICKET))
    ann.do(OpenTicket(b"u" * 16, AddedAs.MEMBER, 1, 0))
    ann.meet(bob)
    assert [ticket.is_closed for ticket in ann.state.tickets] == [True, False]


def test_a_ticket_ends_with_the_grant_of_its_owner() -> None:
    ann, bob = two_admins()
    bob.do(OpenTicket(TICKET, AddedAs.MEMBER, 2, 0))
    ann.meet(bob)
    ann.do(Demote(BOB))
    assert ann.state.tickets[0].is_closed


def test_another_admin_cannot_take_a_ticket_over() -> None:
    ann, bob = two_admins()
    ann.do(OpenTicket(TICKET, AddedAs.MEMBER, 2, 0))
    bob.do(OpenTicket(TICKET, AddedAs.MEMBER, 9, 0))
    ann.meet(bob)
    assert sorted((ticket.owner, ticket.uses) for ticket in ann.state.tickets) == sorted(
        [(ann.address, 2), (BOB, 9)]
    )


def test_successors_are_named_the_lowest_rank_first() -> None:
    ann, bob = two_admins()
    bob.do(Succeed(GroupId(b"b" * 32)))
    ann.do(Succeed(GroupId(b"a" * 32)))
    ann.meet(bob)
    assert list(ann.state.settings.successors) == [b"a" * 32, b"b" * 32]
    ann.do(Succeed(GroupId(b"c" * 32)))
    assert list(ann.state.settings.successors) == [b"c" * 32]
