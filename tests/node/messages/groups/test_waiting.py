"""What came before the entries that explain it is not lost, whatever becomes of it meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from tests.node.messages.groups.post import Post, row_of, texts
from tests.node.messages.groups.sending import send
from tests.node.messages.groups.test_refused import waiting
from tests.node.persons import Person
from zentalk.errors import RemoteProtocolError
from zentalk.groups.permission import PostVerdict
from zentalk.ids import EntryRef, GroupId, MessageId, UserAddress
from zentalk.node.messages.groups import hearing, receiving
from zentalk.node.messages.kinds.incoming import Incoming, KindResult
from zentalk.node.messages.linked import syncing
from zentalk.store.history import contacts, feed, group_held, groups, marks, unsynced
from zentalk.store.history.groups import GroupStanding
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import MessageTarget, Reaction, kind_of
from zentalk.wire.content import Content, encode_content
from zentalk.wire.group_acts import Demote, Grant
from zentalk.wire.group_bodies import GroupLine, group_content

NOWHERE = EntryRef(b"u" * 16)


def removed_and_back(post: Post, crew: GroupId, alice: Person, bob: Person, carol: Person) -> None:
    """Bob removes Carol while Alice ends his role; Carol has heard of the first only."""
    for one in (bob, carol):
        post.say(one, crew, "hello")
        post.settle()
    post.settle()
    post.do(alice, lambda tx: alice.groups.commands.act(tx, crew, Grant(bob.address), post.now))
    post.lets_through = lambda sender, reader: sender is bob and reader is carol
    post.do(bob, lambda tx: bob.groups.commands.remove(tx, crew, carol.address, post.now))
    post.do(alice, lambda tx: alice.groups.commands.act(tx, crew, Demote(bob.address), post.now))
    assert row_of(carol, crew).stands is GroupStanding.REMOVED
    post.lets_through = lambda _sender, _reader: True


@pytest.mark.parametrize("is_control", [False, True])
def test_what_is_said_to_somebody_who_does_not_know_yet_that_it_is_in(
    post: Post,
    crew: GroupId,
    alice: Person,
    bob: Person,
    carol: Person,
    monkeypatch: pytest.MonkeyPatch,
    is_control: bool,
) -> None:
    removed_and_back(post, crew, alice, bob, carol)
    if is_control:  # as it was: what comes for a group that one is not in is refused for good
        keep = receiving.GroupInbox._wait_for
        refused = RemoteProtocolError("not in it")

        def refuse(inbox: receiving.GroupInbox, tx: Transaction, *more: Any) -> KindResult:
            row = groups.get(tx, crew)
            if row is not None and not row.is_joined:
                raise refused
            return keep(inbox, tx, *more)

        monkeypatch.setattr(receiving.GroupInbox, "_wait_for", refuse)
    lost = waiting(alice, carol)
    post.say(alice, crew, "you are in")
    post.settle()
    if is_control:
        assert texts(carol, crew) == ["hello"] * 2
        return
    assert row_of(carol, crew).stands is GroupStanding.JOINED
    assert texts(carol, crew) == ["hello", "hello", "you are in"]
    assert waiting(alice, carol) == lost, "the line was confirmed"


def hold(post: Post, group: GroupId, sender: Person, reader: Person, number: int = 1) -> Content:
    """Let somebody say something under an entry that there is not."""
    inner = Content("text", MessageId(bytes([number]) * 16), sequence=number, text=f"line {number}")
    line = group_content(GroupLine(group, (NOWHERE,), inner))
    assert send(post, sender, reader, line) == 0
    return line


def test_what_finds_no_room_once_it_is_explained_goes_on_waiting(
    post: Post, crew: GroupId, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(post, crew, bob, alice)
    real = hearing.hear

    def full(*_: object) -> object:
        raise receiving.NoGroupRoomError("none now")

    monkeypatch.setattr(hearing, "reception", lambda *_, **__: hearing.Reception.SHOW)
    monkeypatch.setattr(hearing, "hear", full)
    rename = alice.groups.commands.rename
    inbox = alice.groups.inbox
    post.do(alice, lambda tx: inbox._explain(tx, crew, post.now))
    assert alice.tx(lambda tx: group_held.count(tx, crew)) == 1
    assert waiting(bob, alice) == 1
    monkeypatch.setattr(hearing, "hear", real)
    post.do(alice, lambda tx: rename(tx, crew, "New", post.now))
    post.do(alice, lambda tx: inbox._explain(tx, crew, post.now))
    assert texts(alice, crew) == ["line 1"]
    assert waiting(bob, alice) == 0


def test_it_is_remembered_by_which_way_it_came(
    post: Post, crew: GroupId, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def reception(_verdict: PostVerdict, *, was_under_way: bool) -> hearing.Reception:
        seen.append(was_under_way)
        return hearing.Reception.WAIT if len(seen) <= 2 else hearing.Reception.SHOW

    monkeypatch.setattr(hearing, "reception", reception)
    sender = alice.tx(lambda tx: contacts.get(tx, bob.address))
    assert sender is not None
    for number, was_under_way in ((1, True), (2, False)):
        inner = Content("text", MessageId(bytes([number]) * 16), sequence=number, text="?")
        line = group_content(GroupLine(crew, (NOWHERE,), inner))
        incoming = Incoming(sender, line, encode_content(line), was_under_way)
        alice.tx(lambda tx, it=incoming: alice.groups.inbox.apply(tx, it, post.now))  # type: ignore[misc]  # binds the loop variable
    alice.tx(lambda tx: alice.groups.inbox._explain(tx, crew, post.now))
    assert seen == [True, False, True, False]


@pytest.mark.parametrize("is_control", [False, True])
def test_a_mark_that_finds_no_room_is_not_confirmed(
    post: Post,
    crew: GroupId,
    alice: Person,
    bob: Person,
    monkeypatch: pytest.MonkeyPatch,
    is_control: bool,
) -> None:
    """It comes again, and finds room once the messages that others wait for are here."""
    if is_control:
        monkeypatch.setattr(receiving, "_NO_ROOM", receiving.NoGroupRoomError)
    monkeypatch.setattr(marks, "MAX_WITHOUT_LINE", 0)
    target = MessageTarget(alice.address, MessageId(b"t" * 16))
    body = Reaction(target, 1, "+")
    heads = tuple(bob.tx(lambda tx: bob.groups.inbox._book.log(tx, crew).heads()))
    inner = Content(kind_of(body), MessageId(b"r" * 16), body=body)
    dropped = send(post, bob, alice, group_content(GroupLine(crew, heads, inner)))
    assert dropped == 1
    assert waiting(bob, alice) == (0 if is_control else 1)


def test_in_strict_nothing_of_a_group_is_confirmed_before_the_replica_has_it(
    post: Post, crew: GroupId, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(post, crew, bob, alice)
    monkeypatch.setattr(hearing, "reception", lambda *_, **__: hearing.Reception.SHOW)
    monkeypatch.setattr(syncing, "is_strict", lambda _: True)
    post.do(alice, lambda tx: alice.groups.inbox._explain(tx, crew, post.now))
    assert texts(alice, crew) == ["line 1"]
    assert waiting(bob, alice) == 1
    held = alice.tx(lambda tx: unsynced.take(tx, feed.head(tx), 10))
    assert held == [(UserAddress(bob.address), MessageId(bytes([1]) * 16))]
