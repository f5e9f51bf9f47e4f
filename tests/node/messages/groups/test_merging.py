"""What is said while the log has more heads than a message can name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.node.messages.groups.post import Post, texts
from tests.node.messages.groups.sending import content, send
from tests.node.persons import Person
from zentalk.groups import authoring, exchange
from zentalk.ids import DAY_SECONDS, GroupId
from zentalk.node.messages.effects import NO_EFFECTS
from zentalk.node.messages.groups import commands
from zentalk.store.history import groups
from zentalk.wire.content import decode_content
from zentalk.wire.group import GroupEntry, read_stored_entry
from zentalk.wire.group_acts import Merge
from zentalk.wire.group_bodies import (
    GROUP,
    GROUP_ENTRIES,
    EntryBatch,
    entry_batch_body,
    read_group_line,
)

HEADS = 12
"""More than a message names."""


@pytest.fixture
def crew(post: Post, crew: GroupId, alice: Person, bob: Person, carol: Person) -> GroupId:
    """All of them have written."""
    for one in (alice, bob, carol):
        post.say(one, crew, "hello")
    post.settle()
    return crew


def scatter(
    post: Post, author: Person, holder: Person, group: GroupId, reader: Person | None = None
) -> None:
    """Give one member entries of another of which none knows of another one.

    The reader is given those that the holder would name if it named 8.
    """
    folded = author.groups.commands._book
    log, state = author.tx(lambda tx: (folded.log(tx, group), folded.state(tx, group)))
    entries = [
        entry
        for at in range(HEADS)
        for entry in authoring.compose(log, state, author.identity, Merge(), at)
    ]
    give(post, author, holder, entries)
    if reader is not None:
        held = holder.groups.commands._book
        named = authoring.line_heads(holder.tx(lambda tx: held.log(tx, group)), holder.address)
        give(post, author, reader, [entry for entry in entries if entry.ref in named])


def give(post: Post, author: Person, reader: Person, entries: list[GroupEntry]) -> None:
    batch = EntryBatch(entries[0].group, tuple(entry.raw for entry in entries))
    body = entry_batch_body(batch)
    assert send(post, author, reader, content(author, GROUP_ENTRIES, body)) == 0


def count(person: Person, group: GroupId) -> int:
    """Return how many entries of the log somebody holds."""
    return len(person.tx(lambda tx: groups.entries(tx, group)))


def signed(person: Person, group: GroupId) -> list[type]:
    """Return the acts of all that somebody has signed, by its own log."""
    raws = person.tx(lambda tx: groups.entries(tx, group))
    entries = [read_stored_entry(raw, group) for raw in raws]
    return [type(entry.act) for entry in entries if entry.author == person.address]


def waiting(person: Person) -> Iterator[tuple[str, int]]:
    """Yield the kind of what is to go to members, and how many heads a line names."""
    raws = person.tx(lambda tx: tx.execute("SELECT content FROM group_sends").fetchall())
    for (raw,) in raws:
        sent = decode_content(raw)
        heads = len(read_group_line(sent.raw_body).heads) if sent.kind == GROUP else 0
        yield sent.kind, heads


@pytest.mark.parametrize("who", ["alice", "carol"])
def test_a_merge_goes_before_what_is_said_and_brings_all_heads_to_its_readers(
    post: Post, crew: GroupId, alice: Person, bob: Person, carol: Person, who: str
) -> None:
    """A member may sign one as well as an admin."""
    speaker, reader = (alice, carol) if who == "alice" else (carol, alice)
    before = count(reader, crew)
    scatter(post, bob, speaker, crew, reader)
    assert count(reader, crew) < before + HEADS
    post.say(speaker, crew, "what I know")
    assert list(waiting(speaker)) == [(GROUP_ENTRIES, 0), (GROUP, 1)]
    post.settle()
    assert signed(speaker, crew)[-1] is Merge
    for one in (bob, reader):
        assert texts(one, crew)[-1] == "what I know"
    assert count(reader, crew) == before + HEADS + 1
    # What is said next needs none.
    post.say(speaker, crew, "more")
    assert list(waiting(speaker)) == [(GROUP, 1)]


def test_control_without_the_merge_readers_do_not_learn_of_all_heads(
    post: Post,
    crew: GroupId,
    alice: Person,
    bob: Person,
    carol: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = count(carol, crew)
    scatter(post, bob, alice, crew, carol)
    monkeypatch.setattr(alice.groups.speech, "_merge", lambda *_: NO_EFFECTS)
    post.say(alice, crew, "what I know")
    assert list(waiting(alice)) == [(GROUP, 8)]
    post.settle()
    assert texts(carol, crew)[-1] == "what I know"
    assert count(carol, crew) < before + HEADS


def test_who_has_signed_much_in_a_day_names_what_it_can(
    post: Post,
    crew: GroupId,
    alice: Person,
    bob: Person,
    carol: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else readers might not take the merge, and let the message wait for it."""
    monkeypatch.setattr(commands, "MERGES_PER_DAY", 2)
    for expected, later in ((1, 0), (8, 0), (1, DAY_SECONDS)):
        post.now += later
        scatter(post, bob, carol, crew)
        post.say(carol, crew, f"with {expected}")
        assert list(waiting(carol))[-1] == (GROUP, expected)
        post.settle()
        assert texts(alice, crew)[-1] == f"with {expected}"


@pytest.mark.parametrize(("bound", "is_shown"), [(0, True), (commands.MERGES_PER_DAY, False)])
def test_control_what_names_a_merge_that_readers_do_not_take_waits(
    post: Post,
    crew: GroupId,
    alice: Person,
    bob: Person,
    carol: Person,
    monkeypatch: pytest.MonkeyPatch,
    bound: int,
    is_shown: bool,
) -> None:
    monkeypatch.setattr(exchange, "ENTRIES_PER_DAY", 0)
    monkeypatch.setattr(commands, "MERGES_PER_DAY", bound)
    scatter(post, alice, carol, crew, bob)
    post.say(carol, crew, "at last")
    post.settle()
    assert ("at last" in texts(bob, crew)) is is_shown


def test_a_message_with_few_heads_signs_nothing(
    post: Post, crew: GroupId, alice: Person, carol: Person
) -> None:
    before = count(carol, crew)
    post.say(carol, crew, "as always")
    post.settle()
    assert count(alice, crew) == count(carol, crew) == before
