"""Links to a group: they live at the node of the admin who made them, and end with its rank."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.node.messages.groups.post import Post, happened, joined, row_of
from tests.node.persons import Newcomer, Person
from zentalk.ids import GroupId, UserAddress
from zentalk.node.messages.effects import CommitEffects
from zentalk.node.messages.first_contact import invites as jobs
from zentalk.node.messages.groups.commands import JOIN_SECONDS, GroupCommands
from zentalk.store.history import groups, invites
from zentalk.store.history.groups import GroupStanding
from zentalk.store.history.models import InviteState, StoredInvite
from zentalk.store.sqlite import Transaction
from zentalk.wire.group_acts import CloseTicket, Demote, Grant, ticket_id
from zentalk.wire.text import format_address

INVITE = b"i" * 16


class Linked(NamedTuple):
    """Alice's group, to which Bob, an admin of a higher rank, has made a link; Dave has it."""

    post: Post
    group: GroupId
    alice: Person
    bob: Person
    dave: Person

    def alice_does(self, what: str) -> None:
        commands, bob = self.alice.groups.commands, self.bob.address

        def job(tx: Transaction) -> CommitEffects:
            match what:
                case "remove":
                    return commands.remove(tx, self.group, bob, self.post.now)
                case "demote":
                    return commands.act(tx, self.group, Demote(bob), self.post.now)
                case _:
                    ticket = ticket_id(self.group, self.secret)
                    return commands.act(tx, self.group, CloseTicket(ticket), self.post.now)

        self.post.do(self.alice, job)

    @property
    def secret(self) -> bytes:
        return jobs.secret_of(self.bob.identity, INVITE)

    def dave_joins(self) -> None:
        """Let Dave show the link to Bob."""
        self.post.do(
            self.dave,
            lambda tx: self.dave.groups.commands.join(
                tx, self.bob.address, self.secret, self.post.now
            ),
        )

    @property
    def state(self) -> InviteState:
        """The state of the link in Bob's list."""
        return self.bob.tx(lambda tx: jobs.find(tx, INVITE)).state(self.post.now)

    @property
    def is_dave_in(self) -> bool:
        return format_address(self.dave.address) in joined(self.alice, self.group)


@pytest.fixture
def linked(post: Post, crew: GroupId, alice: Person, bob: Person, newcomer: Newcomer) -> Linked:
    dave = newcomer("dave")
    post.people += (dave,)
    post.do(alice, lambda tx: alice.groups.commands.act(tx, crew, Grant(bob.address), post.now))
    made = Linked(post, crew, alice, bob, dave)

    def job(tx: Transaction) -> CommitEffects:
        until = post.now + 100_000
        named = format_address(UserAddress(crew))
        invite = StoredInvite(INVITE.hex(), "", True, 5, 0, post.now, until, None, named)
        jobs.create(tx, invite, jobs.ticket_hash(made.secret), post.now)
        return bob.groups.commands.open_link(tx, crew, made.secret, (5, until), post.now)

    post.do(bob, job)
    return made


def tickets(person: Person, group: GroupId) -> list[bool]:
    """Return whether the links of a group are closed, as somebody sees it."""
    return [one["closed"] for one in row_of(person, group).view["tickets"]]


def test_control_while_its_maker_is_an_admin_a_link_lets_somebody_in(linked: Linked) -> None:
    linked.dave_joins()
    assert linked.is_dave_in
    assert linked.state is InviteState.OPEN
    assert tickets(linked.alice, linked.group) == [False]


@pytest.mark.parametrize("what", ["remove", "demote", "close"])
def test_a_link_whose_maker_is_no_admin_or_that_another_closed_lets_nobody_in(
    linked: Linked, what: str
) -> None:
    linked.alice_does(what)
    assert linked.state is InviteState.REVOKED
    assert happened(linked.bob).count("invite.revoked") == 1
    assert tickets(linked.alice, linked.group) == [True]
    linked.dave_joins()
    assert linked.dave.tx(groups.every) == []
    assert not linked.is_dave_in


@pytest.mark.parametrize("how", ["leaves", "steps down"])
def test_whoever_leaves_or_steps_down_ends_its_links(linked: Linked, how: str) -> None:
    bob, group, now = linked.bob, linked.group, linked.post.now
    commands = bob.groups.commands
    if how == "leaves":
        linked.post.do(bob, lambda tx: commands.leave(tx, group, now))
    else:
        linked.post.do(bob, lambda tx: commands.act(tx, group, Demote(bob.address), now))
    assert linked.state is InviteState.REVOKED
    linked.dave_joins()
    assert linked.dave.tx(groups.every) == []


def test_who_steps_down_and_reaches_nobody_lets_nobody_in(linked: Linked) -> None:
    bob, post = linked.bob, linked.post
    post.lets_through = lambda sender, _reader: sender is not bob
    post.do(
        bob, lambda tx: bob.groups.commands.act(tx, linked.group, Demote(bob.address), post.now)
    )
    assert linked.state is InviteState.REVOKED


def test_a_link_that_was_over_is_not_revoked_as_well(linked: Linked) -> None:
    linked.post.now += 200_000
    linked.alice_does("demote")
    assert linked.state is InviteState.EXPIRED
    assert "invite.revoked" not in happened(linked.bob)


@pytest.mark.parametrize("is_late", [False, True])
def test_an_invitation_that_comes_long_after_the_link_was_used_is_not_accepted_by_itself(
    linked: Linked, is_late: bool
) -> None:
    post, bob, dave = linked.post, linked.bob, linked.dave
    dave.tx(lambda tx: dave.groups.commands.join(tx, bob.address, linked.secret, post.now))
    post.now += JOIN_SECONDS + (1 if is_late else -60)
    bob.tx(lambda tx: bob.contacts.add(tx, dave.address, "", post.now))
    post.do(bob, lambda tx: bob.groups.commands.invite(tx, linked.group, [dave.address], post.now))
    stands = GroupStanding.INVITED if is_late else GroupStanding.JOINED
    assert row_of(dave, linked.group).stands is stands


def test_a_link_that_has_ended_does_not_come_back_with_its_makers_rank(linked: Linked) -> None:
    linked.alice_does("demote")
    bob = linked.bob.address
    linked.post.do(
        linked.alice,
        lambda tx: linked.alice.groups.commands.act(tx, linked.group, Grant(bob), linked.post.now),
    )
    linked.dave_joins()
    assert linked.dave.tx(groups.every) == []


@pytest.mark.parametrize("guarded", [True, False])
def test_control_only_the_log_keeps_its_maker_from_letting_somebody_in(
    linked: Linked, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """Its own list says that it is open, as that of an earlier version does."""
    monkeypatch.setattr(jobs, "end_links", lambda *_: None)
    if not guarded:
        ticket = ticket_id(linked.group, linked.secret)
        monkeypatch.setattr(GroupCommands, "_open_tickets", lambda *_: {ticket})
    linked.alice_does("close")
    assert linked.state is InviteState.OPEN
    linked.dave_joins()
    assert linked.is_dave_in is not guarded


def test_whom_its_maker_lets_in_before_hearing_of_it_is_in_for_nobody_else(linked: Linked) -> None:
    post, alice, bob = linked.post, linked.alice, linked.bob
    post.lets_through = lambda sender, reader: (sender, reader) != (alice, bob)
    linked.alice_does("remove")
    linked.dave_joins()
    assert row_of(linked.dave, linked.group).stands is GroupStanding.JOINED
    assert not linked.is_dave_in


def test_links_to_other_groups_and_to_its_maker_alone_stay(linked: Linked) -> None:
    bob, now = linked.bob, linked.post.now
    other = linked.post.found(bob, name="Other")
    for number, group in ((1, other), (2, None)):
        raw = bytes([number]) * 16
        secret = jobs.secret_of(bob.identity, raw)
        named = "" if group is None else format_address(UserAddress(group))
        invite = StoredInvite(raw.hex(), "", True, 5, 0, now, now + 100_000, None, named)
        bob.tx(lambda tx, i=invite, s=secret: jobs.create(tx, i, jobs.ticket_hash(s), now))  # type: ignore[misc]  # binds the loop variable
        if group is not None:
            linked.post.do(
                bob,
                lambda tx, s=secret: bob.groups.commands.open_link(tx, other, s, (5, now), now),  # type: ignore[misc]  # binds the loop variable
            )
    linked.alice_does("demote")
    states = [one.state(now) for one in bob.tx(invites.every)]
    assert sorted(states) == [InviteState.OPEN, InviteState.OPEN, InviteState.REVOKED]
