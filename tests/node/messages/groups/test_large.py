"""Large groups: how long a text may be there, and how many of them somebody is in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.node.messages.groups.post import Post, happened, row_of, texts
from tests.node.persons import Newcomer, Person
from zentalk.errors import ConflictError, TooLargeError
from zentalk.ids import GroupId, MessageId, UserAddress
from zentalk.node.messages.commands import Draft
from zentalk.node.messages.conversation.commands import ChatCommands
from zentalk.node.messages.groups import large
from zentalk.node.messages.groups.commands import GroupWish
from zentalk.store.history import groups
from zentalk.store.history.groups import GroupStanding
from zentalk.wire.chat import EDIT, Edit, MessageTarget
from zentalk.wire.content import MAX_MENTIONS, About, Content, encode_content
from zentalk.wire.group_bodies import GroupLine, group_content
from zentalk.wire.ratchet import INNER_LARGE_BYTES, INNER_SMALL_BYTES

DOCS = Path(__file__).parents[4] / "docs"
MOST = large.MAX_TEXT_BYTES


@pytest.fixture
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three people are a large group here, and there may be one."""
    monkeypatch.setattr(large, "LARGE", 2)
    monkeypatch.setattr(large, "MAX_LARGE_GROUPS", 1)


# --- texts --------------------------------------------------------------------------------


def sizes(post: Post, author: Person, group: GroupId, draft: Draft) -> set[int]:
    """Let somebody say something, and return the sizes in which it goes to the members."""
    said, effects = author.tx(
        lambda tx: author.messages.write(UserAddress(group), draft, None, post.now, tx)
    )
    post.post(author, effects)
    effects, _ = author.tx(lambda tx: author.groups.distribution.step(tx, post.now))
    post.post(author, effects)
    rows = author.tx(
        lambda tx: tx.execute(
            "SELECT length(envelope) FROM outbox WHERE message_id = ?", (bytes.fromhex(said.id),)
        ).fetchall()
    )
    post.settle()
    return {int(row[0]) for row in rows}


def acquainted(post: Post, group: GroupId) -> None:
    """Let all have answered each other, so that no first message is under way any more."""
    for one in (*post.people, *post.people):
        post.say(one, group, "hello")
        post.settle()


def test_the_longest_text_fits_the_small_class_with_all_that_goes_along_and_none_longer(
    post: Post, crew: GroupId, alice: Person, bob: Person
) -> None:
    acquainted(post, crew)
    for mentions in (0, MAX_MENTIONS):
        longest = "x" * (MOST - mentions * large.MENTION_BYTES)
        for text, size in ((longest, INNER_SMALL_BYTES), (longest + "x", INNER_LARGE_BYTES)):
            encoded = encode_content(large.largest_content(text, mentions))
            if mentions == 0:
                encoded += bytes(5)  # the list of mentions itself
            sender = alice.tx(lambda tx: alice.sessions.sender(tx, bob.address))
            assert sender is not None
            assert (len(encoded) <= sender.small_capacity()) is (size == INNER_SMALL_BYTES)
            sent = alice.tx(lambda _tx, s=sender, e=encoded: s.encrypt(e))  # type: ignore[misc]  # binds the loop variables
            assert len(sent.inner) == size


def test_an_edit_to_the_longest_text_fits_too() -> None:
    target = MessageTarget(UserAddress(bytes(32)), MessageId(bytes(16)))
    whole = large.largest_content("", 0)
    inner = Content(EDIT, MessageId(bytes(16)), body=Edit(target, 2**53, "x" * MOST))
    edit = group_content(GroupLine(GroupId(bytes(32)), (), inner))
    as_text = group_content(
        GroupLine(GroupId(bytes(32)), (), Content("text", whole.message_id, text="x" * MOST))
    )
    room = len(encode_content(large.largest_content("x" * MOST, 0))) - len(encode_content(as_text))
    assert len(encode_content(edit)) - len(encode_content(as_text)) < room


def test_the_pages_say_how_long_it_may_be() -> None:
    for page in ("spec/groups.md", "reference/rest.md", "how-to/make-a-group.md"):
        assert f" at most {MOST} bytes" in (DOCS / page).read_text("utf-8")


@pytest.mark.usefixtures("small_bounds")
def test_in_a_large_group_a_text_goes_in_the_small_class_or_not_at_all(
    post: Post, crew: GroupId, alice: Person, bob: Person
) -> None:
    acquainted(post, crew)
    assert sizes(post, bob, crew, Draft("x" * MOST)) == {INNER_SMALL_BYTES}
    about = About(mentions=(alice.address,))
    shorter = "x" * (MOST - large.MENTION_BYTES)
    assert sizes(post, bob, crew, Draft(shorter, about=about)) == {INNER_SMALL_BYTES}
    for draft in (Draft("x" * (MOST + 1)), Draft(shorter + "x", about=about)):
        with pytest.raises(
            TooLargeError, match=f"at most {MOST} bytes, and this one has {MOST + 1}"
        ):
            sizes(post, bob, crew, draft)
    assert len(texts(alice, crew)[-1]) == MOST - large.MENTION_BYTES


@pytest.mark.usefixtures("small_bounds")
def test_control_without_the_check_it_goes_in_the_large_class(
    post: Post, crew: GroupId, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquainted(post, crew)
    monkeypatch.setattr(large, "check_text", lambda *_: None)
    assert sizes(post, bob, crew, Draft("x" * 2 * MOST)) == {INNER_LARGE_BYTES}


def test_in_other_groups_a_text_may_be_as_long_as_elsewhere(
    post: Post, crew: GroupId, alice: Person, bob: Person
) -> None:
    acquainted(post, crew)
    assert sizes(post, bob, crew, Draft("x" * 2 * MOST)) == {INNER_LARGE_BYTES}
    assert len(texts(alice, crew)[-1]) == 2 * MOST


@pytest.mark.usefixtures("small_bounds")
def test_other_words_of_a_text_there_are_no_longer_either(
    post: Post, crew: GroupId, bob: Person
) -> None:
    said = MessageId(bytes.fromhex(post.say(bob, crew, "short").id))
    post.settle()
    chat, place = ChatCommands(bob.composer, bob.address, bob.groups.speech), UserAddress(crew)
    bob.tx(lambda tx: chat.edit(tx, place, said, "x" * MOST, post.now))
    with pytest.raises(TooLargeError):
        bob.tx(lambda tx: chat.edit(tx, place, said, "x" * (MOST + 1), post.now))
    assert texts(bob, crew) == ["x" * MOST]


# --- how many there are -------------------------------------------------------------------


@pytest.mark.usefixtures("small_bounds")
def test_nobody_founds_or_invites_to_one_too_many(
    post: Post, crew: GroupId, alice: Person, bob: Person, carol: Person
) -> None:
    both = (bob.address, carol.address)
    with pytest.raises(ConflictError, match="leave one of them first"):
        alice.tx(
            lambda tx: alice.groups.commands.found(tx, GroupWish("Too", members=both), post.now)
        )
    assert [row.id for row in alice.tx(groups.every)] == [crew]
    pair = post.found(alice, bob, name="Pair")
    with pytest.raises(ConflictError, match="leave one of them first"):
        alice.tx(lambda tx: alice.groups.commands.invite(tx, pair, both[1:], post.now))
    assert len(row_of(alice, pair).view["members"]) == 2
    post.do(alice, lambda tx: alice.groups.commands.leave(tx, crew, post.now))
    assert len(row_of(alice, post.found(alice, bob, carol)).view["members"]) == 3


@pytest.mark.usefixtures("small_bounds")
def test_more_people_in_a_large_group_are_not_one_group_more(
    post: Post, crew: GroupId, alice: Person, newcomer: Newcomer
) -> None:
    dave = newcomer("dave")
    alice.tx(lambda tx: alice.contacts.add(tx, dave.address, "", 0.0))
    alice.tx(lambda tx: alice.groups.commands.invite(tx, crew, [dave.address], post.now))
    assert len(row_of(alice, crew).view["members"]) == 4


def test_control_without_the_bound_there_may_be_any_number(
    post: Post,
    crew: GroupId,
    alice: Person,
    bob: Person,
    carol: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(large, "LARGE", 2)
    for _ in range(2):
        post.found(alice, bob, carol)
    assert len(alice.tx(lambda tx: groups.joined_with_more(tx, 2))) == 3


@pytest.mark.usefixtures("small_bounds")
@pytest.mark.parametrize("by_link", [False, True])
def test_an_invitation_to_one_too_many_stays_until_there_is_room(
    post: Post, crew: GroupId, bob: Person, newcomer: Newcomer, by_link: bool
) -> None:
    dave, eve = newcomer("dave"), newcomer("eve")
    for other in (bob, eve):
        dave.tx(lambda tx, o=other: dave.contacts.add(tx, o.address, "", 0.0))  # type: ignore[misc]  # binds the loop variable
        other.tx(lambda tx, o=other: o.contacts.add(tx, dave.address, "", 0.0))  # type: ignore[misc]  # binds the loop variable
    post.people += (dave, eve)
    if by_link:
        post.do(bob, lambda tx: bob.groups.commands.join(tx, dave.address, b"t" * 16, post.now))
    wish = GroupWish("Others", members=(bob.address, eve.address))
    row, effects = dave.tx(lambda tx: dave.groups.commands.found(tx, wish, post.now))
    post.post(dave, effects)
    post.settle()
    assert row_of(bob, row.id).stands is GroupStanding.INVITED
    assert "group.invited" in happened(bob)
    with pytest.raises(ConflictError, match="leave one of them first"):
        post.accept(bob, row.id)
    post.do(bob, lambda tx: bob.groups.commands.leave(tx, crew, post.now))
    post.accept(bob, row.id)
    post.settle()
    assert row_of(bob, row.id).stands is GroupStanding.JOINED


@pytest.mark.usefixtures("small_bounds")
def test_who_is_in_one_that_others_make_large_stays_in_it(
    post: Post, crew: GroupId, alice: Person, bob: Person, newcomer: Newcomer
) -> None:
    dave, eve = newcomer("dave"), newcomer("eve")
    for other in (bob, eve):
        dave.tx(lambda tx, o=other: dave.contacts.add(tx, o.address, "", 0.0))  # type: ignore[misc]  # binds the loop variable
        other.tx(lambda tx, o=other: o.contacts.add(tx, dave.address, "", 0.0))  # type: ignore[misc]  # binds the loop variable
    post.people += (dave, eve)
    pair = post.found(dave, bob, name="Pair")
    post.do(dave, lambda tx: dave.groups.commands.invite(tx, pair, [eve.address], post.now))
    post.accept(eve, pair)
    post.settle()
    assert bob.tx(lambda tx: groups.joined_with_more(tx, 2)) == {crew, pair}
    for group, reader in ((crew, alice), (pair, eve)):
        post.say(bob, group, "in both")
        post.settle()
        assert texts(reader, group) == ["in both"]
