"""What is refused for good in a group is confirmed, so that nothing piles up at its author."""

from __future__ import annotations

import pytest

from tests.node.messages.groups.post import Post, row_of, texts
from tests.node.messages.groups.sending import content, send
from tests.node.messages.groups.test_receipts import contents_in, read
from tests.node.persons import Newcomer, Person
from zentalk.groups.permission import GroupDeniedError
from zentalk.ids import EntryRef, GroupId, MessageId, UserAddress
from zentalk.node.messages.conversation.commands import ChatCommands
from zentalk.node.messages.groups import receiving, saying
from zentalk.node.messages.groups.commands import GroupWish
from zentalk.store.history import contacts, group_held, groups, outbox
from zentalk.wire.chat import Body, MessageTarget, Reaction, Read, Timer, Vote, kind_of
from zentalk.wire.content import Content
from zentalk.wire.group_acts import GroupKind
from zentalk.wire.group_bodies import (
    GROUP_ASK,
    GROUP_CARDS,
    GROUP_ENTRIES,
    GROUP_HISTORY,
    GROUP_PICTURE,
    CardBatch,
    EntryBatch,
    GroupAsk,
    GroupLine,
    GroupPicture,
    SharedHistory,
    card_batch_body,
    entry_batch_body,
    group_ask_body,
    group_content,
    group_picture_body,
    shared_history_body,
)


@pytest.fixture
def news(post: Post, alice: Person, bob: Person, carol: Person) -> GroupId:
    """A channel of Alice, which Bob and Carol read."""
    wish = GroupWish("News", GroupKind.CHANNEL, (bob.address, carol.address))
    row, effects = alice.tx(lambda tx: alice.groups.commands.found(tx, wish, post.now))
    post.post(alice, effects)
    post.settle()
    for one in (bob, carol):
        post.accept(one, row.id)
    post.settle()
    return row.id


def waiting(person: Person, other: Person) -> int:
    """Return how many items somebody keeps for another one until they are confirmed."""
    return person.tx(lambda tx: outbox.count(tx, other.address, 1_000))


def read_five(post: Post, group: GroupId, author: Person, reader: Person) -> None:
    """Let somebody read five lines, each told by itself."""
    for number in range(5):
        post.say(author, group, f"line {number}")
        post.settle()
        read(post, reader, group)
        post.now += saying.RECEIPTS_SECONDS + 1
        post.settle()


def lines(person: Person, group: GroupId) -> list[Content]:
    """Return a content of each kind that may be said in a group, by who may say nothing."""
    target = MessageTarget(person.address, MessageId(b"t" * 16))
    bodies: list[Body] = [
        Reaction(target, 1, "+"),
        Vote(target, 1, (0,)),
        Timer(1, 60),
        Read(target.message_id),
    ]
    made = [Content(kind_of(body), person.composer.new_message_id(), body=body) for body in bodies]
    made.append(Content("text", person.composer.new_message_id(), sequence=1, text="no"))
    heads = tuple(person.tx(lambda tx: person.groups.inbox._book.log(tx, group).heads()))
    return [group_content(GroupLine(group, heads, inner)) for inner in made]


def test_subscribers_tell_nobody_what_they_have_read(
    post: Post, news: GroupId, alice: Person, bob: Person
) -> None:
    before = contents_in(bob, news)
    read_five(post, news, alice, bob)
    assert contents_in(bob, news) == before
    assert waiting(bob, alice) == 0


def let_all_post(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saying, "may_post", lambda *_: None)


def keep_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "_is_answered", lambda *_: False)


def test_an_older_subscriber_that_tells_keeps_nothing(
    post: Post, news: GroupId, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_all_post(monkeypatch)
    before = contents_in(bob, news)
    read_five(post, news, alice, bob)
    assert contents_in(bob, news) == before + 5, "this one tells"
    assert waiting(bob, alice) == 0


def test_control_without_confirmed_refusals_receipts_pile_up(
    post: Post, news: GroupId, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_all_post(monkeypatch)
    keep_refusals(monkeypatch)
    read_five(post, news, alice, bob)
    assert waiting(bob, alice) == 5


@pytest.mark.parametrize("is_control", [False, True])
def test_whatever_a_subscriber_says_is_dropped_and_confirmed(
    post: Post,
    news: GroupId,
    alice: Person,
    bob: Person,
    monkeypatch: pytest.MonkeyPatch,
    is_control: bool,
) -> None:
    if is_control:
        keep_refusals(monkeypatch)
    said = lines(bob, news)
    assert [send(post, bob, alice, one) for one in said] == [1] * len(said)
    assert texts(alice, news) == []
    assert waiting(bob, alice) == (len(said) if is_control else 0)


@pytest.mark.parametrize("is_control", [False, True])
def test_whatever_somebody_sends_who_was_put_out_is_dropped_and_confirmed(
    post: Post,
    crew: GroupId,
    alice: Person,
    carol: Person,
    monkeypatch: pytest.MonkeyPatch,
    is_control: bool,
) -> None:
    post.do(alice, lambda tx: alice.groups.commands.remove(tx, crew, carol.address, post.now))
    if is_control:
        keep_refusals(monkeypatch)
    ask, history = GroupAsk(crew, cards=()), SharedHistory(crew, (), ())
    others = [
        content(carol, GROUP_ASK, group_ask_body(ask)),
        content(carol, GROUP_HISTORY, shared_history_body(history)),
        content(carol, GROUP_ASK, ["not", "a", "question"]),
    ]
    for one in others:
        assert send(post, carol, alice, one) == 1
    assert waiting(carol, alice) == (len(others) if is_control else 0)


@pytest.mark.parametrize("is_control", [False, True])
def test_what_a_member_says_of_other_groups_is_dropped_and_confirmed(
    post: Post,
    crew: GroupId,
    bob: Person,
    carol: Person,
    monkeypatch: pytest.MonkeyPatch,
    is_control: bool,
) -> None:
    """Bob and Carol are in one group, and no contacts: neither may invite the other."""
    post.say(bob, crew, "hello")
    post.settle()
    if is_control:
        keep_refusals(monkeypatch)
    other = GroupId(b"o" * 32)
    theirs = Post(bob).found(bob)
    raws = tuple(bob.tx(lambda tx: groups.entries(tx, theirs)))
    inner = Content("text", MessageId(b"i" * 16), sequence=9, text="hi")
    sent = [
        content(bob, GROUP_ENTRIES, entry_batch_body(EntryBatch(theirs, raws))),
        content(bob, GROUP_CARDS, card_batch_body(CardBatch(other, ()))),
        content(bob, GROUP_PICTURE, group_picture_body(GroupPicture(other, b"p"))),
        group_content(GroupLine(other, (), inner)),
    ]
    for one in sent:
        assert send(post, bob, carol, one) == 1
    assert carol.tx(lambda tx: groups.get(tx, theirs)) is None
    assert waiting(bob, carol) == (len(sent) if is_control else 0)


def test_what_a_stranger_sends_for_a_group_leaves_nothing(
    post: Post, crew: GroupId, alice: Person, newcomer: Newcomer
) -> None:
    dave = newcomer("dave")
    post.people = (*post.people, dave)
    dave.tx(lambda tx: dave.contacts.add(tx, alice.address, "", 0.0))
    bundle = alice.bundle()
    dave.tx(lambda tx: dave.sessions.start(tx, alice.address, bundle, post.now))
    inner = Content("text", MessageId(b"i" * 16), sequence=9, text="hi")
    assert send(post, dave, alice, group_content(GroupLine(crew, (), inner))) == 1
    assert alice.tx(lambda tx: contacts.get(tx, dave.address)) is None
    assert waiting(dave, alice) == 1, "it costs nobody but its author"


def hold(post: Post, group: GroupId, sender: Person, reader: Person) -> None:
    """Let somebody say something under an entry that there is not."""
    inner = Content("text", MessageId(b"i" * 16), sequence=9, text="?")
    line = group_content(GroupLine(group, (EntryRef(b"u" * 16),), inner))
    assert send(post, sender, reader, line) == 0
    assert reader.tx(lambda tx: group_held.count(tx, group)) == 1
    assert waiting(sender, reader) == 1


@pytest.mark.parametrize("is_control", [False, True])
def test_what_waited_and_is_refused_then_is_confirmed(
    post: Post,
    news: GroupId,
    alice: Person,
    bob: Person,
    carol: Person,
    monkeypatch: pytest.MonkeyPatch,
    is_control: bool,
) -> None:
    """Carol lacks what Bob's line names; once she has it she sees that he may not write."""
    let_all_post(monkeypatch)
    if is_control:
        keep_refusals(monkeypatch)
    post.lets_through = lambda sender, reader: not (sender is alice and reader is carol)
    post.do(alice, lambda tx: alice.groups.commands.rename(tx, news, "New", post.now))
    post.say(bob, news, "may I?")
    post.settle()
    assert row_of(carol, news).view["name"] == "New"
    assert texts(carol, news) == []
    assert carol.tx(lambda tx: group_held.count(tx, news)) == 0
    assert waiting(bob, carol) == (1 if is_control else 0)


@pytest.mark.parametrize("is_over", [True, False])
def test_what_the_log_never_explains_is_given_up_and_confirmed(
    post: Post, crew: GroupId, alice: Person, bob: Person, is_over: bool
) -> None:
    hold(post, crew, bob, alice)
    post.now += receiving.WAIT_SECONDS + (1 if is_over else -60)
    post.do(alice, lambda tx: alice.groups.inbox.give_up(tx, post.now))
    assert alice.tx(lambda tx: group_held.count(tx, crew)) == (0 if is_over else 1)
    assert waiting(bob, alice) == (0 if is_over else 1)
    assert texts(alice, crew) == []


@pytest.mark.parametrize("is_blocked", [True, False])
def test_who_was_blocked_meanwhile_is_not_told_that_it_is_given_up(
    post: Post, alice: Person, bob: Person, is_blocked: bool
) -> None:
    """The two are in no group together."""
    bundle, batch = alice.bundle(), EntryBatch(GroupId(b"o" * 32), ())
    bob.tx(lambda tx: bob.sessions.start(tx, alice.address, bundle, post.now))
    assert send(post, bob, alice, content(bob, GROUP_ENTRIES, entry_batch_body(batch))) == 0
    assert waiting(bob, alice) == 1
    if is_blocked:
        alice.tx(lambda tx: alice.contacts.block(tx, bob.address, post.now))
    post.now += receiving.WAIT_SECONDS + 1
    post.do(alice, lambda tx: alice.groups.inbox.give_up(tx, post.now))
    assert waiting(bob, alice) == (1 if is_blocked else 0)
    assert alice.tx(lambda tx: group_held.count(tx, batch.group)) == 0


def test_what_waits_for_groups_that_are_not_here_is_bounded_in_all(
    post: Post, crew: GroupId, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "MAX_HELD_OF_ONE", 3)
    dropped = 0
    for number in range(5):
        batch = EntryBatch(GroupId(bytes([number]) * 32), ())
        dropped += send(post, bob, alice, content(bob, GROUP_ENTRIES, entry_batch_body(batch)))
    assert dropped == 2
    assert waiting(bob, alice) == 5, "there may be room for the last two later"


def test_who_may_not_post_hears_it_before_anything_is_queued(
    post: Post, news: GroupId, alice: Person, bob: Person
) -> None:
    said = post.say(alice, news, "hello")
    post.settle()
    chat = ChatCommands(bob.composer, bob.address, bob.groups.speech)
    before, message_id = contents_in(bob, news), MessageId(bytes.fromhex(said.id))
    with pytest.raises(GroupDeniedError):
        bob.tx(lambda tx: chat.react(tx, UserAddress(news), message_id, "+", post.now))
    with pytest.raises(GroupDeniedError):
        bob.tx(lambda tx: chat.set_timer(tx, UserAddress(news), 60, post.now))
    assert contents_in(bob, news) == before
