"""What may be done to somebody's groups by others, and what may not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.node.messages.groups.post import Post, happened, joined, row_of, texts
from tests.node.messages.groups.sending import content, send
from tests.node.persons import Newcomer, Person
from zentalk.groups.permission import GroupDeniedError
from zentalk.ids import GroupId, MessageId
from zentalk.node.messages.groups import answering, hearing, receiving
from zentalk.store.history import contacts, group_held, groups
from zentalk.store.history.groups import GroupStanding
from zentalk.store.history.models import ContactState
from zentalk.wire.content import Content
from zentalk.wire.group_acts import Grant, PostingRule, SetPosting
from zentalk.wire.group_bodies import (
    GROUP_ASK,
    GROUP_ENTRIES,
    CardWanted,
    EntryBatch,
    GroupAsk,
    GroupLine,
    entry_batch_body,
    group_ask_body,
    group_content,
)


def pool(person: Person) -> int:
    rows = person.tx(lambda tx: tx.execute("SELECT count(*) FROM prekeys").fetchall())
    return int(rows[0][0])


def test_members_who_are_no_contacts_write_to_each_other(
    post: Post, crew: GroupId, alice: Person, bob: Person, carol: Person
) -> None:
    before = [pool(one) for one in post.people]
    post.say(bob, crew, "hello")
    post.settle()
    assert [texts(one, crew) for one in post.people] == [["hello"]] * 3
    row = carol.tx(lambda tx: contacts.get(tx, bob.address))
    assert row is not None
    assert row.state is ContactState.MEMBER
    for one in post.people:
        assert "contact.requested" not in happened(one)
    assert [pool(one) for one in post.people] == before, "no key of a pool was used"


def test_a_stranger_cannot_invite(post: Post, crew: GroupId, bob: Person, carol: Person) -> None:
    # Bob knows Carol as a member only.
    post.say(bob, crew, "hello")
    post.settle()
    other = Post(bob)
    theirs = other.found(bob)
    raws = tuple(bob.tx(lambda tx: groups.entries(tx, theirs)))
    batch = content(bob, GROUP_ENTRIES, entry_batch_body(EntryBatch(theirs, raws)))
    assert send(post, bob, carol, batch) == 1
    assert carol.tx(lambda tx: groups.get(tx, theirs)) is None


def test_what_somebody_outside_says_is_refused(
    post: Post, crew: GroupId, alice: Person, bob: Person, carol: Person
) -> None:
    post.say(carol, crew, "hello")
    post.settle()
    post.do(alice, lambda tx: alice.groups.commands.remove(tx, crew, carol.address, post.now))
    assert row_of(carol, crew).stands is GroupStanding.REMOVED
    inner = Content("text", MessageId(b"i" * 16), sequence=9, text="still here")
    line = group_content(GroupLine(crew, (), inner))
    assert send(post, carol, bob, line) == 1
    assert texts(bob, crew) == ["hello"]


def test_control_without_the_verdict_somebody_outside_is_shown(
    post: Post,
    crew: GroupId,
    alice: Person,
    bob: Person,
    carol: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hearing, "reception", lambda *_args, **_kwargs: hearing.Reception.SHOW)
    post.say(carol, crew, "hello")
    post.settle()
    post.do(alice, lambda tx: alice.groups.commands.remove(tx, crew, carol.address, post.now))
    inner = Content("text", MessageId(b"i" * 16), sequence=2, text="still here")
    send(post, carol, bob, group_content(GroupLine(crew, (), inner)))
    assert "still here" in texts(bob, crew)


def test_nothing_goes_to_who_is_out_also_if_it_was_said_before(
    post: Post, crew: GroupId, alice: Person, bob: Person, carol: Person
) -> None:
    post.say(alice, crew, "one")  # nobody is written to before `settle`
    post.do(alice, lambda tx: alice.groups.commands.remove(tx, crew, carol.address, post.now))
    assert texts(bob, crew) == ["one"]
    assert texts(carol, crew) == []
    # All who stay use other send ids from then on.
    for one in (alice, bob):
        rows = one.tx(
            lambda tx: tx.execute(
                "SELECT day IS NULL FROM own_send_ids WHERE contact = ?", (crew,)
            ).fetchall()
        )
        assert all(row == (0,) for row in rows)


def test_what_names_entries_that_are_missing_waits_and_is_asked_for(
    post: Post, crew: GroupId, alice: Person, bob: Person, carol: Person
) -> None:
    post.say(bob, crew, "hello")
    post.settle()
    post.lets_through = lambda sender, reader: not (sender is alice and reader is carol)
    post.do(alice, lambda tx: alice.groups.commands.rename(tx, crew, "New", post.now))
    assert row_of(carol, crew).view["name"] == "Crew"
    post.say(bob, crew, "under the new name")
    post.settle()
    assert row_of(carol, crew).view["name"] == "New"
    assert texts(carol, crew) == ["hello", "under the new name"]


@pytest.mark.parametrize("bound", ["MAX_HELD_OF_ONE", "MAX_HELD"])
def test_what_waits_is_bounded_and_not_confirmed(
    post: Post,
    crew: GroupId,
    bob: Person,
    carol: Person,
    monkeypatch: pytest.MonkeyPatch,
    bound: str,
) -> None:
    post.say(bob, crew, "hello")
    post.settle()
    monkeypatch.setattr(receiving, bound, 3)
    heads = (b"u" * 16,)
    dropped = 0
    for number in range(5):
        inner = Content("text", MessageId(bytes([number]) * 16), sequence=9, text="?")
        dropped += send(post, bob, carol, group_content(GroupLine(crew, heads, inner)))  # type: ignore[arg-type]
    assert dropped == 2
    assert carol.tx(lambda tx: group_held.count(tx, crew)) == 3
    assert texts(carol, crew) == ["hello"]


def test_a_message_has_one_id(post: Post, crew: GroupId, bob: Person, carol: Person) -> None:
    post.say(bob, crew, "hello")
    post.settle()
    inner = Content("text", MessageId(b"i" * 16), sequence=9, text="two ids")
    line = group_content(GroupLine(crew, (), inner))
    other = replace(line, message_id=MessageId(b"o" * 16))
    assert send(post, bob, carol, other) == 1


def test_somebody_outside_is_told_nothing(
    post: Post, crew: GroupId, alice: Person, bob: Person, carol: Person
) -> None:
    post.do(alice, lambda tx: alice.groups.commands.remove(tx, crew, carol.address, post.now))
    post.do(alice, lambda tx: alice.groups.commands.rename(tx, crew, "Secret", post.now))
    ask = GroupAsk(crew, cards=(CardWanted(bob.address, 0),))
    assert send(post, carol, alice, content(carol, GROUP_ASK, group_ask_body(ask))) == 1
    assert row_of(carol, crew).view["name"] == "Crew"


def test_a_long_answer_is_given_once_in_a_while(
    post: Post, crew: GroupId, alice: Person, bob: Person
) -> None:
    jobs = alice.groups.inbox._questions
    assert jobs._may_answer(crew, bob.address, post.now)
    assert not jobs._may_answer(crew, bob.address, post.now + 1)
    assert jobs._may_answer(crew, bob.address, post.now + answering.ANSWERS_SECONDS)


def test_direct_words_of_a_member_are_a_request_and_the_group_goes_on(
    post: Post, crew: GroupId, bob: Person, carol: Person
) -> None:
    post.say(bob, crew, "hello")
    post.settle()
    text = Content("text", bob.composer.new_message_id(), sequence=1, text="only for you")
    assert send(post, bob, carol, text) == 0
    row = carol.tx(lambda tx: contacts.get(tx, bob.address))
    assert row is not None
    assert row.state is ContactState.REQUEST
    carol.tx(lambda tx: carol.contacts.refuse(tx, bob.address, post.now))
    post.say(bob, crew, "again")
    post.settle()
    assert texts(carol, crew) == ["hello", "again"]


def test_who_is_blocked_is_not_shown_and_cannot_tell(
    post: Post, crew: GroupId, alice: Person, bob: Person, carol: Person
) -> None:
    post.say(bob, crew, "hello")
    post.settle()
    carol.tx(lambda tx: carol.contacts.block(tx, bob.address, post.now))
    said = post.say(bob, crew, "can you hear me?")
    post.settle()
    assert texts(carol, crew) == ["hello"]
    assert texts(alice, crew) == ["hello", "can you hear me?"]
    state = bob.tx(
        lambda tx: tx.execute(
            "SELECT state FROM messages WHERE id = ?", (bytes.fromhex(said.id),)
        ).fetchone()
    )
    assert state == ("delivered",)


def test_a_transaction_that_is_undone_leaves_no_entry_in_an_open_log(
    post: Post, crew: GroupId, alice: Person, bob: Person
) -> None:
    class UndoneError(Exception):
        pass

    def job(tx: object) -> None:
        alice.groups.commands.rename(tx, crew, "Never", post.now)  # type: ignore[arg-type]
        raise UndoneError

    with pytest.raises(UndoneError):
        alice.tx(job)
    assert row_of(alice, crew).view["name"] == "Crew"
    post.do(alice, lambda tx: alice.groups.commands.rename(tx, crew, "Now", post.now))
    assert row_of(bob, crew).view["name"] == "Now"


def test_only_admins_post_where_the_group_says_so(
    post: Post, crew: GroupId, alice: Person, bob: Person, carol: Person
) -> None:
    rule = SetPosting(PostingRule.ADMINS)
    post.do(alice, lambda tx: alice.groups.commands.act(tx, crew, rule, post.now))
    with pytest.raises(GroupDeniedError):
        post.say(carol, crew, "may I?")
    post.say(alice, crew, "no")
    post.settle()
    assert texts(bob, crew) == ["no"]


def test_newcomers_agree_with_all_others(
    post: Post, crew: GroupId, alice: Person, bob: Person, carol: Person, newcomer: Newcomer
) -> None:
    dave = newcomer("dave")
    post.people = (*post.people, dave)
    bob.tx(lambda tx: bob.contacts.add(tx, dave.address, "", 0.0))
    dave.tx(lambda tx: dave.contacts.add(tx, bob.address, "", 0.0))
    promote = alice.groups.commands
    post.do(alice, lambda tx: promote.act(tx, crew, Grant(bob.address), post.now))
    post.do(bob, lambda tx: bob.groups.commands.invite(tx, crew, [dave.address], post.now))
    post.accept(dave, crew)
    post.settle()
    assert len({frozenset(joined(one, crew)) for one in post.people}) == 1
    post.say(dave, crew, "I know Bob only")
    post.settle()
    assert [texts(one, crew) for one in post.people] == [["I know Bob only"]] * 4
