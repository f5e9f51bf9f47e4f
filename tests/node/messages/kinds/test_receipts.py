"""What a receipt says of messages that have not arrived: nothing."""

from __future__ import annotations

import pytest

from tests.node.messages.conversation.test_commands import bring, commands, say
from tests.node.messages.groups.post import Post
from tests.node.messages.test_receive import befriend, texts
from tests.node.persons import NOW, Person
from zentalk.ids import GroupId, MessageId, UserAddress
from zentalk.node.messages.commands import Draft
from zentalk.node.messages.effects import CommitEffects
from zentalk.node.messages.groups.saying import RECEIPTS_SECONDS
from zentalk.node.messages.ordering import HOLD_SECONDS
from zentalk.node.messages.states import move
from zentalk.store.history import chats, group_sends
from zentalk.store.history.models import MessageState
from zentalk.store.sqlite import Transaction


@pytest.fixture(autouse=True)
def _friends(alice: Person, bob: Person) -> None:
    befriend(alice, bob)


def states(one: Person, other: Person) -> dict[str, str]:
    return {line.text: line.state.value for line in texts(one, other) if line.text != "hello"}


def lost(sender: Person, reader: Person, text: str) -> tuple[MessageId, bytes]:
    """Let somebody write what no relay delivers; return its id and how it was encrypted."""
    message, [inner] = sender.write(reader, text)
    return MessageId(bytes.fromhex(message.id)), inner


def waited(reader: Person, author: Person) -> None:
    """Let somebody give up waiting for what comes before, and confirm what was held."""
    answer = reader.tx(lambda tx: reader.inbox.release_overdue(tx, NOW + HOLD_SECONDS))
    author.receive(*reader.answers(answer, author))


def looks(reader: Person, author: Person) -> None:
    """Let somebody look at a conversation, and its other side hear of it."""
    read = commands(reader).mark_read
    bring(reader, author, reader.tx(lambda tx: read(tx, author.address, NOW, tell=True)))


def fail(author: Person, message_id: MessageId, contact: Person) -> None:
    author.tx(lambda tx: move(tx, message_id, contact.address, MessageState.FAILED, NOW))


def test_what_was_lost_is_not_read_and_can_fail(alice: Person, bob: Person) -> None:
    missing, _ = lost(alice, bob, "lost")
    say(alice, bob, Draft("here"))
    waited(bob, alice)
    looks(bob, alice)
    assert states(alice, bob) == {"lost": "queued", "here": "read"}
    fail(alice, missing, bob)
    assert states(alice, bob) == {"lost": "failed", "here": "read"}


def test_a_message_that_was_read_was_delivered_though_nobody_said_so(
    alice: Person, bob: Person
) -> None:
    _, inner = lost(alice, bob, "here")
    bob.receive(alice.seal(bob, inner))  # and the confirmation is lost
    looks(bob, alice)
    assert states(alice, bob) == {"here": "read"}


def test_what_is_confirmed_after_a_later_one_was_read_is_read(alice: Person, bob: Person) -> None:
    _, inner = lost(alice, bob, "late")
    say(alice, bob, Draft("here"))
    waited(bob, alice)
    looks(bob, alice)
    answer = bob.receive(alice.seal(bob, inner))
    alice.receive(*bob.answers(answer, alice))
    assert states(alice, bob) == {"late": "read", "here": "read"}
    say(alice, bob, Draft("next"))
    assert states(alice, bob)["next"] == "delivered"


def test_without_the_mark_such_a_confirmation_would_say_less(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chats, "is_seen", lambda *_: False)
    _, inner = lost(alice, bob, "late")
    say(alice, bob, Draft("here"))
    waited(bob, alice)
    looks(bob, alice)
    alice.receive(*bob.answers(bob.receive(alice.seal(bob, inner)), alice))
    assert states(alice, bob)["late"] == "delivered"


@pytest.fixture
def post(alice: Person, bob: Person) -> Post:
    return Post(alice, bob)


@pytest.fixture
def crew(post: Post, alice: Person, bob: Person) -> GroupId:
    return post.found(alice, bob)


def with_member(author: Person, group: GroupId, member: Person, message: str) -> MessageState:
    """Return how far a message to a group has come with a member."""
    message_id = MessageId(bytes.fromhex(message))
    rows = author.tx(lambda tx: group_sends.deliveries(tx, group, message_id))
    return next(row.state for row in rows if row.member == member.address)


def test_a_member_has_not_read_what_it_never_got(
    post: Post, crew: GroupId, alice: Person, bob: Person
) -> None:
    post.lets_through = lambda sender, _reader: sender is not alice
    gone, dead = post.say(alice, crew, "lost"), post.say(alice, crew, "given up")
    post.settle()
    fail(alice, MessageId(bytes.fromhex(dead.id)), bob)
    post.lets_through = lambda _sender, _reader: True
    here = post.say(alice, crew, "here")
    post.settle()
    post.do(bob, lambda tx: bob.inbox.release_overdue(tx, post.now + HOLD_SECONDS))
    post.do(bob, lambda tx: looked(tx, bob, crew, post.now))
    post.now += RECEIPTS_SECONDS
    post.settle()
    shown = [with_member(alice, crew, bob, one.id) for one in (gone, dead, here)]
    assert shown == [MessageState.QUEUED, MessageState.FAILED, MessageState.READ]
    late = MessageId(bytes.fromhex(gone.id))
    assert alice.tx(lambda tx: group_sends.is_seen(tx, late, bob.address))


def looked(tx: Transaction, reader: Person, group: GroupId, now: float) -> CommitEffects:
    return commands(reader).mark_read(tx, UserAddress(group), now, tell=True)
