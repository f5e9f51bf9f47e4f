"""What authors in a group are told of its having been read: once for many times of reading."""

from __future__ import annotations

import pytest

from tests.node.messages.groups.post import Post
from tests.node.persons import Person
from zentalk.ids import GroupId, MessageId, UserAddress
from zentalk.node.messages.conversation.commands import ChatCommands
from zentalk.node.messages.groups import large, saying
from zentalk.node.messages.groups.jobs import group_jobs
from zentalk.store.history import group_sends, privacy
from zentalk.store.history.models import MessageState, StoredMessage
from zentalk.store.history.privacy import Privacy


def read(post: Post, reader: Person, group: GroupId) -> None:
    """Let somebody look at a group, and tell of it if that is wished."""
    chat = ChatCommands(reader.composer, reader.address, reader.groups.speech)
    tell = reader.tx(privacy.get).read_receipts
    post.do(reader, lambda tx: chat.mark_read(tx, UserAddress(group), post.now, tell=tell))


def contents_in(person: Person, group: GroupId) -> int:
    """Return how many contents somebody has put on their way to members of a group, ever."""
    row = person.tx(
        lambda tx: tx.execute("SELECT seq FROM sqlite_sequence WHERE name = 'group_sends'")
    ).fetchone()
    return int(row[0])


def state_with(author: Person, said: StoredMessage, group: GroupId, reader: Person) -> MessageState:
    message_id = MessageId(bytes.fromhex(said.id))
    rows = author.tx(lambda tx: group_sends.deliveries(tx, group, message_id))
    return next(one.state for one in rows if one.member == reader.address)


def read_often(post: Post, group: GroupId, reader: Person, *authors: Person) -> int:
    """Let somebody read each line as it comes, twelve in all; return what it sent for that."""
    before, began = contents_in(reader, group), post.now
    for number in range(6):
        for author in authors:
            post.say(author, group, f"line {number}")
        post.settle()
        post.now = began + number
        read(post, reader, group)
    post.now = began + saying.RECEIPTS_SECONDS + 60
    post.settle()
    return contents_in(reader, group) - before


def test_many_times_of_reading_are_one_content_for_each_author(
    post: Post, crew: GroupId, alice: Person, bob: Person, carol: Person
) -> None:
    assert read_often(post, crew, carol, alice, bob) == 2
    for author in (alice, bob):
        last = post.say(author, crew, "last")
        post.settle()
        assert state_with(author, last, crew, carol) is MessageState.DELIVERED
        read(post, carol, crew)
        assert state_with(author, last, crew, carol) is MessageState.DELIVERED
        post.now += saying.RECEIPTS_SECONDS
        post.settle()
        assert state_with(author, last, crew, carol) is MessageState.READ


def test_control_without_the_window_each_time_is_told(
    post: Post,
    crew: GroupId,
    alice: Person,
    bob: Person,
    carol: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(saying, "RECEIPTS_SECONDS", 0.0)
    assert read_often(post, crew, carol, alice, bob) == 12


def test_what_was_read_before_a_restart_is_told_after_it(
    post: Post, crew: GroupId, bob: Person, carol: Person
) -> None:
    said = post.say(bob, crew, "hello")
    post.settle()
    read(post, carol, crew)
    carol.groups = group_jobs(carol.identity, carol.composer, carol.entropy)
    post.now += saying.RECEIPTS_SECONDS
    post.settle()
    assert state_with(bob, said, crew, carol) is MessageState.READ


@pytest.mark.parametrize("switched_off_first", [True, False])
def test_who_has_switched_them_off_tells_nobody(
    post: Post, crew: GroupId, bob: Person, carol: Person, switched_off_first: bool
) -> None:
    said = post.say(bob, crew, "hello")
    post.settle()
    if not switched_off_first:
        read(post, carol, crew)
    carol.tx(lambda tx: privacy.put(tx, Privacy(read_receipts=False), post.now))
    read(post, carol, crew)
    post.now += saying.RECEIPTS_SECONDS
    post.settle()
    assert state_with(bob, said, crew, carol) is MessageState.DELIVERED


@pytest.mark.parametrize(("most", "state"), [(3, MessageState.READ), (2, MessageState.DELIVERED)])
def test_nobody_is_told_in_a_group_of_more_than_the_bound(
    post: Post,
    crew: GroupId,
    bob: Person,
    carol: Person,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
    state: MessageState,
) -> None:
    monkeypatch.setattr(large, "LARGE", most)
    said = post.say(bob, crew, "hello")
    post.settle()
    read(post, carol, crew)
    post.now += saying.RECEIPTS_SECONDS
    post.settle()
    assert state_with(bob, said, crew, carol) is state


def test_who_is_gone_is_told_nothing(
    post: Post, crew: GroupId, alice: Person, bob: Person, carol: Person
) -> None:
    for author in (alice, bob):
        post.say(author, crew, "hello")
    post.settle()
    read(post, carol, crew)
    post.do(alice, lambda tx: alice.groups.commands.remove(tx, crew, bob.address, post.now))
    before = contents_in(carol, crew)
    post.now += saying.RECEIPTS_SECONDS
    post.settle()
    assert contents_in(carol, crew) - before == 1
