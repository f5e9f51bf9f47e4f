"""A group that one is done with leaves nothing, and invitations take only their inviter's room."""

from __future__ import annotations

import pytest

from tests.node.messages.groups.post import Post, happened, joined, row_of, texts
from tests.node.messages.groups.sending import content, send
from tests.node.persons import Person
from zentalk.errors import ConflictError, NotFoundError
from zentalk.ids import GroupId, MessageId
from zentalk.node.messages import ordering
from zentalk.node.messages.conversation import forgetting
from zentalk.node.messages.effects import NO_EFFECTS
from zentalk.node.messages.groups import joining, receiving
from zentalk.node.messages.groups.commands import GroupWish
from zentalk.store.history import (
    contacts,
    events,
    group_forgetting,
    group_held,
    groups,
    outbox,
    search,
)
from zentalk.store.history.groups import GroupStanding
from zentalk.store.history.models import ContactState
from zentalk.wire.content import Content
from zentalk.wire.group_bodies import (
    GROUP_ENTRIES,
    EntryBatch,
    GroupLine,
    entry_batch_body,
    group_content,
)
from zentalk.wire.text import format_address

NAME = "Aardvarks"
WORDS = "heliotrope"


@pytest.fixture
def club(post: Post, alice: Person, bob: Person, carol: Person) -> GroupId:
    """A group of all three, with words and a description in it."""
    group = post.found(alice, bob, carol, name=NAME)
    for person in (alice, bob, carol):
        post.say(person, group, WORDS)
        post.settle()
    post.do(alice, lambda tx: alice.groups.commands.describe(tx, group, "burrows", post.now))
    post.do(alice, lambda tx: alice.groups.commands.set_picture(tx, group, b"snout", post.now))
    return group


def forget(post: Post, person: Person, group: GroupId) -> None:
    post.do(person, lambda tx: forgetting.forget(tx, person.groups.distribution, group, post.now))


def places_of(person: Person, *wanted: bytes) -> set[str]:
    """Return the columns in which some bytes stand anywhere, the event log's among them."""
    tables = person.tx(
        lambda tx: tx.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    )
    found = set()
    for (table,) in tables:
        for row in person.tx(lambda tx, t=table: tx.execute(f"SELECT * FROM {t}").fetchall()):  # type: ignore[misc]  # binds the loop variable
            for cell in row:
                raw = cell.encode() if isinstance(cell, str) else cell
                if isinstance(raw, bytes) and any(one in raw for one in wanted):
                    found.add(table)
    return found


def all_of(group: GroupId) -> tuple[bytes, ...]:
    return (group, NAME.encode(), WORDS.encode(), b"burrows", b"snout")


def test_nothing_is_left_of_a_group_that_was_left(
    post: Post, club: GroupId, alice: Person, bob: Person, carol: Person
) -> None:
    stored = places_of(bob, *all_of(club))
    assert {"groups", "group_entries", "group_members", "messages", "events"} <= stored
    assert carol.address in {
        row[0] for row in bob.tx(lambda tx: tx.execute("SELECT address FROM contacts").fetchall())
    }
    post.do(bob, lambda tx: bob.groups.commands.leave(tx, club, post.now))
    forget(post, bob, club)
    bob.tx(search.scrub)
    assert places_of(bob, *all_of(club)) == set()
    # Of who was a member only no key is left, and no row but hashes of what was read.
    assert places_of(bob, carol.address) <= {"seen"}
    assert bob.tx(lambda tx: contacts.get(tx, carol.address)) is None
    assert bob.tx(lambda tx: contacts.get(tx, alice.address)) is not None
    assert happened(bob)[-1] == "group.forgotten"
    assert "group.changed" not in happened(bob)
    # The others have heard that he left, and go on.
    post.say(carol, club, "go on")
    post.settle()
    for one in (alice, carol):
        assert texts(one, club)[-1] == "go on"
        assert row_of(one, club).stands is GroupStanding.JOINED


@pytest.mark.parametrize("table", sorted(group_forgetting._TABLES))
def test_control_a_table_that_is_left_out_is_found(
    post: Post, club: GroupId, bob: Person, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    left_out = {**group_forgetting._TABLES}
    column = left_out.pop(table)
    monkeypatch.setattr(group_forgetting, "_TABLES", left_out)
    post.do(bob, lambda tx: bob.groups.commands.leave(tx, club, post.now))
    had = bob.tx(
        lambda tx: tx.execute(f"SELECT 1 FROM {table} WHERE {column} = ?", (club,)).fetchone()
    )
    forget(post, bob, club)
    assert places_of(bob, club) == ({table} if had else set())


def test_what_tells_that_one_has_left_goes_though_it_is_forgotten_at_once(
    post: Post, club: GroupId, alice: Person, bob: Person, carol: Person
) -> None:
    post.say(bob, club, "on its way")
    post.post(bob, bob.tx(lambda tx: bob.groups.commands.leave(tx, club, post.now)))
    forget(post, bob, club)
    for one in (alice, carol):
        assert format_address(bob.address) not in joined(one, club)
        assert "on its way" not in texts(one, club)


def test_a_member_who_is_away_stays_known_until_it_has_heard(
    post: Post, club: GroupId, bob: Person, carol: Person
) -> None:
    """Its row and keys go with the next sweep, once nothing is on its way to it."""
    post.lets_through = lambda _sender, reader: reader is not carol
    post.do(bob, lambda tx: bob.groups.commands.leave(tx, club, post.now))
    forget(post, bob, club)
    bob.tx(group_forgetting.people)
    assert bob.tx(lambda tx: contacts.get(tx, carol.address)) is not None
    assert places_of(bob, club) == {"outbox"}
    bob.tx(lambda tx: tx.execute("DELETE FROM outbox WHERE contact = ?", (carol.address,)))
    bob.tx(group_forgetting.people)
    assert bob.tx(lambda tx: contacts.get(tx, carol.address)) is None
    assert places_of(bob, club) == set()


def test_control_without_that_nobody_hears_of_it(
    post: Post,
    club: GroupId,
    alice: Person,
    bob: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bob.groups.distribution, "finish", lambda *_: NO_EFFECTS)
    post.post(bob, bob.tx(lambda tx: bob.groups.commands.leave(tx, club, post.now)))
    forget(post, bob, club)
    assert format_address(bob.address) in joined(alice, club)


def test_only_who_is_out_can_forget(post: Post, alice: Person, bob: Person, carol: Person) -> None:
    group = post.found(alice, bob)
    invited = alice.groups.commands
    post.do(alice, lambda tx: invited.invite(tx, group, [carol.address], post.now))
    for one in (bob, carol):
        with pytest.raises(ConflictError, match="leave it first"):
            forget(post, one, group)
    post.do(carol, lambda tx: carol.groups.commands.leave(tx, group, post.now))
    post.do(alice, lambda tx: alice.groups.commands.remove(tx, group, bob.address, post.now))
    for one in (bob, carol):
        forget(post, one, group)
        assert one.tx(lambda tx: groups.get(tx, group)) is None
        with pytest.raises(NotFoundError):
            forget(post, one, group)


def test_who_is_in_another_group_stays_known(
    post: Post, club: GroupId, crew: GroupId, bob: Person, carol: Person
) -> None:
    post.do(bob, lambda tx: bob.groups.commands.leave(tx, club, post.now))
    forget(post, bob, club)
    row = bob.tx(lambda tx: contacts.get(tx, carol.address))
    assert row is not None
    assert row.state is ContactState.MEMBER
    post.say(bob, crew, "still here")
    post.settle()
    assert texts(carol, crew) == ["still here"]


def test_what_comes_late_is_what_comes_for_an_unknown_group(
    post: Post, club: GroupId, alice: Person, bob: Person, carol: Person
) -> None:
    heads = tuple(alice.tx(lambda tx: alice.groups.inbox._book.log(tx, club).heads()))
    post.do(bob, lambda tx: bob.groups.commands.leave(tx, club, post.now))
    forget(post, bob, club)
    inner = Content("text", MessageId(b"i" * 16), sequence=9, text="late")
    line = group_content(GroupLine(club, heads, inner))
    # A contact's is refused and confirmed; a member's, who is a stranger now, leaves nothing.
    assert send(post, alice, bob, line) == 1
    assert alice.tx(lambda tx: outbox.count(tx, bob.address, 9)) == 0
    assert send(post, carol, bob, line) == 1
    assert places_of(bob, club) == set()
    assert bob.tx(lambda tx: contacts.get(tx, carol.address)) is None
    # Entries of a contact may be an invitation whose beginning is to come.
    raws = tuple(alice.tx(lambda tx: groups.entries(tx, club)))
    rest = content(alice, GROUP_ENTRIES, entry_batch_body(EntryBatch(club, raws[1:3])))
    assert send(post, alice, bob, rest) == 0
    assert bob.tx(lambda tx: group_held.count(tx, club)) == 1
    post.now += receiving.WAIT_SECONDS + 1
    post.do(bob, lambda tx: bob.groups.inbox.give_up(tx, post.now))
    assert places_of(bob, club) == set()
    assert alice.tx(lambda tx: outbox.count(tx, bob.address, 9)) == 0


@pytest.mark.parametrize("is_control", [False, True])
def test_who_has_forgotten_a_group_can_be_invited_again(
    post: Post,
    club: GroupId,
    alice: Person,
    bob: Person,
    carol: Person,
    monkeypatch: pytest.MonkeyPatch,
    is_control: bool,
) -> None:
    """Carol has a ratchet with Bob still, who has none with her: he begins another."""
    if is_control:
        monkeypatch.setattr(joining, "was_in", lambda *_: False)
    post.do(bob, lambda tx: bob.groups.commands.leave(tx, club, post.now))
    forget(post, bob, club)
    post.do(alice, lambda tx: alice.groups.commands.invite(tx, club, [bob.address], post.now))
    post.accept(bob, club)
    post.settle()
    post.say(carol, club, "welcome")
    post.settle()
    post.now += ordering.FIRST_HOLD_SECONDS  # he does not know that it is not her first line
    bob.tx(lambda tx: bob.inbox.release_overdue(tx, post.now))
    assert texts(bob, club) == ([] if is_control else ["welcome"])
    post.say(bob, club, "back")
    post.settle()
    assert texts(carol, club)[-2:] == ["welcome", "back"]


# --- invitations -----------------------------------------------------------------------------


def invite_to(post: Post, inviter: Person, reader: Person, count: int) -> list[GroupId]:
    """Let somebody found groups and invite another one to each, who does not answer."""
    made = []
    for number in range(count):
        wish = GroupWish(f"G{number}", members=(reader.address,))
        row, effects = inviter.tx(
            lambda tx, w=wish: inviter.groups.commands.found(tx, w, post.now)  # type: ignore[misc]  # binds the loop variable
        )
        post.post(inviter, effects)
        post.settle()
        made.append(row.id)
    return made


def known(person: Person) -> set[GroupId]:
    return {row.id for row in person.tx(groups.every)}


def test_of_one_inviter_older_invitations_give_way(
    post: Post, crew: GroupId, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "MAX_UNANSWERED", 3)
    made = invite_to(post, alice, bob, 5)
    assert known(bob) == {crew, *made[2:]}, "what was answered does not count"
    told = [one for one in bob.tx(lambda tx: events.page(tx, 0, -1)) if one.type.endswith("otten")]
    assert [one.data["reason"] for one in told] == [forgetting.NO_ROOM] * 2
    assert alice.tx(lambda tx: outbox.count(tx, bob.address, 99)) == 0


def test_invitations_that_were_withdrawn_count_as_well(
    post: Post, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "MAX_UNANSWERED", 2)
    for _ in range(4):
        [group] = invite_to(post, alice, bob, 1)
        post.do(
            alice,
            lambda tx, g=group: alice.groups.commands.remove(tx, g, bob.address, post.now),  # type: ignore[misc]  # binds the loop variable
        )
    assert len(known(bob)) == 2


@pytest.mark.parametrize("is_control", [False, True])
def test_one_inviter_takes_nobody_elses_room(
    post: Post,
    alice: Person,
    bob: Person,
    carol: Person,
    monkeypatch: pytest.MonkeyPatch,
    is_control: bool,
) -> None:
    """Alice invites Bob as often as she likes, and then Carol does, whom he knows too."""
    monkeypatch.setattr(forgetting, "MAX_UNANSWERED", 99 if is_control else 2)
    monkeypatch.setattr(receiving, "MAX_GROUPS", 4)
    bob.tx(lambda tx: bob.contacts.add(tx, carol.address, "", 0.0))
    carol.tx(lambda tx: carol.contacts.add(tx, bob.address, "", 0.0))
    invite_to(post, alice, bob, 6)
    [wanted] = invite_to(post, carol, bob, 1)
    assert (wanted in known(bob)) is not is_control


def test_groups_that_one_is_done_with_take_no_room_of_invitations(
    post: Post, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "MAX_GROUPS", 2)
    for _ in range(4):
        group = post.found(alice, bob)
        post.do(
            bob,
            lambda tx, g=group: bob.groups.commands.leave(tx, g, post.now),  # type: ignore[misc]  # binds the loop variable
        )
    [wanted] = invite_to(post, alice, bob, 1)
    assert row_of(bob, wanted).stands is GroupStanding.INVITED
