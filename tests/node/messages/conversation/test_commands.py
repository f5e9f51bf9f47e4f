"""What two people do with messages that are there, through their databases alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from tests.node.messages.test_receive import befriend, texts
from tests.node.persons import NOW, Person
from zentalk.errors import ConfigError, LocalProtocolError, NotFoundError
from zentalk.ids import MessageId
from zentalk.node.messages.commands import Draft
from zentalk.node.messages.conversation import marking
from zentalk.node.messages.conversation.commands import ChatCommands, Done
from zentalk.node.messages.effects import CommitEffects
from zentalk.rest.event_schema import TYPED_EVENT
from zentalk.store.history import chats, erasing, events, marks, messages, search
from zentalk.store.history.models import StoredEvent, StoredMessage
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import Card, Location, MessageTarget, Poll, Sticker
from zentalk.wire.content import About
from zentalk.wire.text import format_address

MISSING = MessageId(b"?" * 16)


def commands(person: Person) -> ChatCommands:
    return ChatCommands(person.composer, person.address, person.groups.speech)


def bring(sender: Person, reader: Person, effects: CommitEffects) -> None:
    """Let what a job has made arrive, and be confirmed."""
    inners = [entry.item.envelope or b"" for entry in effects.send]
    answer = reader.receive(*(sender.seal(reader, inner) for inner in inners))
    sender.receive(*reader.answers(answer, sender))


def say(sender: Person, reader: Person, draft: Draft) -> MessageId:
    """Let a message arrive; return its id."""
    message, effects = sender.tx(
        lambda tx: sender.messages.write(reader.address, draft, None, NOW, tx)
    )
    bring(sender, reader, effects)
    return MessageId(bytes.fromhex(message.id))


def do(sender: Person, reader: Person, job: Callable[[Transaction], Done]) -> StoredMessage:
    """Let what somebody does with a message arrive; return the message as it shows it."""
    message, effects = sender.tx(job)
    bring(sender, reader, effects)
    return message


def log(person: Person, kind: str) -> list[StoredEvent]:
    found = person.tx(lambda tx: events.page(tx, 0, -1))
    return [event for event in found if event.type == kind]


@pytest.fixture
def friends(alice: Person, bob: Person) -> tuple[Person, Person]:
    befriend(alice, bob)
    return alice, bob


def both_show(alice: Person, bob: Person) -> StoredMessage:
    """Return the last message; both show the same of what people said about it."""
    one, other = texts(alice, bob)[-1], texts(bob, alice)[-1]
    for name in ("id", "author", "text", "edited", "deleted", "pinned", "reactions", "votes"):
        assert getattr(one, name) == getattr(other, name)
    return other


def test_an_edit_shows_at_both_and_says_so(friends: tuple[Person, Person]) -> None:
    alice, bob = friends
    said = say(alice, bob, Draft("helo"))
    do(alice, bob, lambda tx: commands(alice).edit(tx, bob.address, said, "hello", NOW))
    shown = both_show(alice, bob)
    assert (shown.text, shown.edited) == ("hello", True)
    for person in friends:
        [event] = log(person, "message.edited")
        assert (event.data["text"], event.data["by"]) == ("hello", format_address(alice.address))


def test_only_its_author_edits_or_takes_back(friends: tuple[Person, Person]) -> None:
    alice, bob = friends
    said = say(alice, bob, Draft("mine"))
    with pytest.raises(LocalProtocolError):
        bob.tx(lambda tx: commands(bob).edit(tx, alice.address, said, "yours", NOW))
    with pytest.raises(LocalProtocolError):
        bob.tx(lambda tx: commands(bob).take_back(tx, alice.address, said, NOW))


def test_an_edit_by_somebody_else_has_no_effect_whoever_sends_it(
    friends: tuple[Person, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = friends
    said = say(alice, bob, Draft("mine"))
    monkeypatch.setattr(ChatCommands, "_own_line", lambda _self, tx, contact, message_id: (
        messages.by_id(tx, message_id, contact)
    ))  # fmt: skip
    monkeypatch.setattr(marking, "apply", lambda tx, contact, *_more, **_names: (
        messages.by_id(tx, said, contact)
    ))  # fmt: skip
    _, forged = bob.tx(lambda tx: commands(bob).edit(tx, alice.address, said, "yours", NOW))
    monkeypatch.undo()
    assert forged.send
    bring(bob, alice, forged)
    assert texts(alice, bob)[-1].text == "mine"
    assert not log(alice, "message.edited")


def test_what_is_taken_back_leaves_no_text_in_either_database(
    friends: tuple[Person, Person],
) -> None:
    alice, bob = friends
    said = say(alice, bob, Draft("gossamer word"))
    do(alice, bob, lambda tx: commands(alice).edit(tx, bob.address, said, "gossamer deed", NOW))
    do(bob, alice, lambda tx: commands(bob).react(tx, alice.address, said, "👍", NOW))
    do(alice, bob, lambda tx: commands(alice).take_back(tx, bob.address, said, NOW))
    shown = both_show(alice, bob)
    assert (shown.text, shown.deleted, shown.reactions) == ("", True, [])
    for person in friends:
        person.tx(search.scrub)
        dump = "\n".join(person.connection.iterdump())
        assert "gossamer" not in dump
        assert b"gossamer".hex().upper() not in dump.upper()


def test_emptied_events_are_still_what_their_types_say(friends: tuple[Person, Person]) -> None:
    alice, bob = friends
    said = say(alice, bob, Draft("mine"))
    do(alice, bob, lambda tx: commands(alice).edit(tx, bob.address, said, "other", NOW))
    do(bob, alice, lambda tx: commands(bob).react(tx, alice.address, said, "👍", NOW))
    do(alice, bob, lambda tx: commands(alice).take_back(tx, bob.address, said, NOW))
    for person in friends:
        shown = person.tx(lambda tx: events.page(tx, 0, 100))
        for event in shown:
            TYPED_EVENT.validate_python(event)
        by = {event.type: event.data["by"] for event in shown if "by" in event.data}
        changed = ("message.edited", "message.reacted", "message.deleted")
        writer, reader = format_address(alice.address), format_address(bob.address)
        assert by == dict(zip(changed, (writer, reader, writer), strict=True))


def test_control_events_keep_the_text_where_nobody_takes_it_out(
    friends: tuple[Person, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = friends
    monkeypatch.setattr(events, "take_out", lambda _tx, _emptied: None)
    said = say(alice, bob, Draft("gossamer word"))
    do(alice, bob, lambda tx: commands(alice).take_back(tx, bob.address, said, NOW))
    assert "gossamer" in "\n".join(bob.connection.iterdump())


def test_what_is_taken_back_before_it_is_sent_never_is(alice: Person, bob: Person) -> None:
    alice.tx(lambda tx: alice.contacts.add(tx, bob.address, "", NOW))
    write = alice.messages.write
    message, _ = alice.tx(lambda tx: write(bob.address, Draft("oh no"), None, NOW, tx))
    said = MessageId(bytes.fromhex(message.id))
    _, effects = alice.tx(lambda tx: commands(alice).take_back(tx, bob.address, said, NOW))
    assert len(effects.dropped) == 1
    kept = alice.connection.execute("SELECT content FROM outbox").fetchall()
    assert not [row for row in kept if b"oh no" in row[0]]


def test_reactions_of_both_show_and_can_be_taken_back(friends: tuple[Person, Person]) -> None:
    alice, bob = friends
    said = say(alice, bob, Draft("lunch?"))
    do(bob, alice, lambda tx: commands(bob).react(tx, alice.address, said, "👍", NOW))
    do(alice, bob, lambda tx: commands(alice).react(tx, bob.address, said, "🥗", NOW))
    assert {one["emoji"] for one in both_show(alice, bob).reactions} == {"👍", "🥗"}
    do(bob, alice, lambda tx: commands(bob).react(tx, alice.address, said, "", NOW))
    assert [one["emoji"] for one in both_show(alice, bob).reactions] == ["🥗"]
    with pytest.raises(ConfigError):
        bob.tx(lambda tx: commands(bob).react(tx, alice.address, said, "a" * 65, NOW))


def test_marks_that_overtake_their_message_count_once_it_is_here(
    friends: tuple[Person, Person],
) -> None:
    alice, bob = friends
    write = alice.messages.write
    message, first = alice.tx(lambda tx: write(bob.address, Draft("helo"), None, NOW, tx))
    said = MessageId(bytes.fromhex(message.id))
    edit = commands(alice).edit
    _, second = alice.tx(lambda tx: edit(tx, bob.address, said, "hello", NOW))
    bring(alice, bob, second)
    assert len(texts(bob, alice)) == 1
    bring(alice, bob, first)
    assert texts(bob, alice)[-1].text == "hello"
    [event] = log(bob, "message.received")[1:]
    assert (event.data["text"], event.data["edited"]) == ("hello", True)


def _lose(said: MessageId, tx: Transaction) -> None:
    tx.execute("DELETE FROM messages WHERE id = ?", (said,))


def _thumbs_up(person: Person, other: Person, said: MessageId, tx: Transaction) -> Done:
    return commands(person).react(tx, other.address, said, "👍", NOW)


def test_marks_for_messages_that_never_come_are_bounded(
    friends: tuple[Person, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = friends
    monkeypatch.setattr(marks, "MAX_WITHOUT_LINE", 2)
    for number in range(4):
        said = say(alice, bob, Draft(f"{number}"))
        bob.tx(partial(_lose, said))
        do(alice, bob, partial(_thumbs_up, alice, bob, said))
    assert bob.connection.execute("SELECT count(*) FROM marks").fetchone() == (2,)


def test_a_pin_is_of_the_conversation_and_either_side_may_unpin(
    friends: tuple[Person, Person],
) -> None:
    alice, bob = friends
    said = say(alice, bob, Draft("the address"))
    do(alice, bob, lambda tx: commands(alice).pin(tx, bob.address, said, NOW, on=True))
    assert both_show(alice, bob).pinned
    do(bob, alice, lambda tx: commands(bob).pin(tx, alice.address, said, NOW + 1, on=False))
    assert not both_show(alice, bob).pinned


def test_a_star_is_seen_by_nobody_else(friends: tuple[Person, Person]) -> None:
    alice, bob = friends
    said = say(alice, bob, Draft("remember"))
    shown = bob.tx(lambda tx: commands(bob).star(tx, alice.address, said, NOW, on=True))
    assert shown.starred
    assert len(log(bob, "message.starred")) == 1
    assert not texts(alice, bob)[-1].starred


def test_kinds_with_bodies_arrive_as_they_were_sent(friends: tuple[Person, Person]) -> None:
    alice, bob = friends
    carol = format_address(alice.address)
    drafts = [
        Draft(body=Poll("which?", ("tea", "coffee"), multiple=False)),
        Draft(body=Card(alice.address, "Carol")),
        Draft(body=Sticker("🙈", b"picture")),
        Draft(body=Location(138_000_000, 191_500_000, "")),
    ]
    for draft in drafts:
        say(alice, bob, draft)
    shown = texts(bob, alice)[1:]
    assert [line.kind for line in shown] == ["poll", "contact", "sticker", "location"]
    assert [line.text for line in shown] == ["which?", "Carol", "🙈", "48.00000, 11.50000"]
    assert shown[0].body == {"question": "which?", "options": ["tea", "coffee"], "multiple": False}
    assert shown[1].body == {"address": carol, "name": "Carol"}
    assert shown[3].body == {"latitude": 48.0, "longitude": 11.5, "label": ""}
    assert [line.body for line in texts(alice, bob)[1:]] == [line.body for line in shown]


def test_a_vote_counts_in_polls_only_and_within_their_options(
    friends: tuple[Person, Person],
) -> None:
    alice, bob = friends
    text = say(alice, bob, Draft("no poll"))
    poll = say(alice, bob, Draft(body=Poll("which?", ("tea", "coffee"), multiple=False)))
    vote = commands(bob).vote
    do(bob, alice, lambda tx: vote(tx, alice.address, poll, (1,), NOW))
    assert both_show(alice, bob).votes == [{"author": format_address(bob.address), "options": [1]}]
    for message_id, options in ((text, (0,)), (poll, (2,)), (poll, (0, 1))):
        with pytest.raises(LocalProtocolError):
            bob.tx(partial(_vote, bob, alice, message_id, options))


def _vote(
    person: Person, other: Person, poll: MessageId, options: tuple[int, ...], tx: Transaction
) -> Done:
    return commands(person).vote(tx, other.address, poll, options, NOW)


def test_what_goes_along_with_a_message_arrives(friends: tuple[Person, Person]) -> None:
    alice, bob = friends
    said = say(bob, alice, Draft("a question"))
    about = About(MessageTarget(bob.address, said), True, 0, (bob.address,))
    say(alice, bob, Draft("an answer", about=about))
    for line in (texts(bob, alice)[-1], texts(alice, bob)[-1]):
        assert line.reply_to == {"author": format_address(bob.address), "id": said.hex()}
        assert line.forwarded
        assert line.mentions == [format_address(bob.address)]


def test_read_receipts_move_all_that_was_read_with_one_event_and_one_message(
    friends: tuple[Person, Person],
) -> None:
    alice, bob = friends
    for number in range(3):
        say(alice, bob, Draft(f"{number}"))
    read = commands(bob).mark_read
    effects = bob.tx(lambda tx: read(tx, alice.address, NOW, tell=True))
    assert len(effects.send) == 1
    bring(bob, alice, effects)
    assert {line.state for line in texts(alice, bob)} == {"read"}
    assert len(log(alice, "conversation.seen")) == 1
    again = bob.tx(lambda tx: read(tx, alice.address, NOW, tell=True))
    assert not again.send


def test_nobody_learns_what_was_read_where_that_is_switched_off(
    friends: tuple[Person, Person],
) -> None:
    alice, bob = friends
    say(alice, bob, Draft("hm"))
    effects = bob.tx(lambda tx: commands(bob).mark_read(tx, alice.address, NOW, tell=False))
    assert not effects.send
    assert bob.connection.execute("SELECT unread FROM contacts").fetchone() == (0,)


def test_of_receipts_that_wait_only_the_newest_does(friends: tuple[Person, Person]) -> None:
    alice, bob = friends
    read = commands(bob).mark_read
    say(alice, bob, Draft("one"))
    first = bob.tx(lambda tx: read(tx, alice.address, NOW, tell=True))
    say(alice, bob, Draft("two"))
    second = bob.tx(lambda tx: read(tx, alice.address, NOW, tell=True))
    assert second.dropped == (first.send[0].item.item,)
    bring(bob, alice, second)
    assert {line.state for line in texts(alice, bob)} == {"read"}


def test_both_agree_on_the_timer_that_was_set_last(friends: tuple[Person, Person]) -> None:
    alice, bob = friends
    one = alice.tx(lambda tx: commands(alice).set_timer(tx, bob.address, 60, NOW))
    other = bob.tx(lambda tx: commands(bob).set_timer(tx, alice.address, 3600, NOW + 1))
    bring(alice, bob, one)
    bring(bob, alice, other)
    assert alice.tx(lambda tx: chats.timer(tx, bob.address)).seconds == 3600
    assert bob.tx(lambda tx: chats.timer(tx, alice.address)).seconds == 3600
    assert [event.data["seconds"] for event in log(alice, "conversation.timer")] == [60, 3600]
    assert [event.data["seconds"] for event in log(bob, "conversation.timer")] == [3600]


def test_a_message_with_a_timer_disappears_after_it_was_read(
    friends: tuple[Person, Person],
) -> None:
    alice, bob = friends
    bring(alice, bob, alice.tx(lambda tx: commands(alice).set_timer(tx, bob.address, 60, NOW)))
    say(alice, bob, Draft("burn this"))
    assert texts(alice, bob)[-1].expires_at == NOW + 60
    assert texts(bob, alice)[-1].expires_at is None
    bob.tx(lambda tx: commands(bob).mark_read(tx, alice.address, NOW + 100, tell=False))
    assert bob.tx(erasing.next_expiry) == NOW + 160
    assert not bob.tx(lambda tx: erasing.expired(tx, NOW + 159, 10))
    [(contact, target)] = bob.tx(lambda tx: erasing.expired(tx, NOW + 160, 10))
    bob.tx(lambda tx: erasing.erase(tx, contact, target))
    assert [line.text for line in texts(bob, alice)] == ["hello"]
    assert "burn" not in "\n".join(bob.connection.iterdump())


def test_what_was_deleted_here_does_not_come_again(friends: tuple[Person, Person]) -> None:
    alice, bob = friends
    said = say(alice, bob, Draft("again"))
    bob.tx(lambda tx: commands(bob).delete_here(tx, alice.address, said, NOW))
    assert [line.text for line in texts(bob, alice)] == ["hello"]
    assert texts(alice, bob)[-1].text == "again"
    alice.tx(lambda tx: tx.execute("UPDATE messages SET state = 'sent'"))
    assert len(log(bob, "message.removed")) == 1


def test_a_message_that_is_not_there_is_named(friends: tuple[Person, Person]) -> None:
    alice, bob = friends
    with pytest.raises(NotFoundError):
        alice.tx(lambda tx: commands(alice).react(tx, bob.address, MISSING, "👍", NOW))


def test_mute_and_draft_are_kept_and_said(friends: tuple[Person, Person]) -> None:
    alice, bob = friends
    alice.tx(lambda tx: commands(alice).mute(tx, bob.address, NOW + 60, NOW))
    alice.tx(lambda tx: commands(alice).draft(tx, bob.address, "half a", NOW))
    assert alice.tx(lambda tx: chats.muted_until(tx, bob.address)) == NOW + 60
    assert alice.tx(lambda tx: chats.draft(tx, bob.address)) == "half a"
    assert len(log(alice, "conversation.muted")) == len(log(alice, "conversation.draft")) == 1
    alice.tx(lambda tx: commands(alice).clear(tx, bob.address, NOW))
    assert alice.tx(lambda tx: chats.draft(tx, bob.address)) == ""
    assert texts(alice, bob) == []
    with pytest.raises(ConfigError):
        alice.tx(lambda tx: commands(alice).mute(tx, bob.address, -1, NOW))


def test_number_of_marks_rise_also_if_the_clock_goes_back(friends: tuple[Person, Person]) -> None:
    alice, bob = friends
    said = say(alice, bob, Draft("one"))
    edit = commands(alice).edit
    do(alice, bob, lambda tx: edit(tx, bob.address, said, "two", NOW))
    do(alice, bob, lambda tx: edit(tx, bob.address, said, "three", NOW - 3600))
    assert both_show(alice, bob).text == "three"
