"""The unread count follows what was shown, and what is not there any more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.node.messages.conversation.test_commands import bring, commands, do, log, say
from tests.node.messages.test_receive import befriend, texts
from tests.node.persons import NOW, Person
from zentalk.ids import MessageId
from zentalk.node.messages.commands import Draft
from zentalk.store.history import contacts, unread


@pytest.fixture
def said(alice: Person, bob: Person) -> list[MessageId]:
    """Alice has written three messages that Bob has not read."""
    befriend(alice, bob)
    read(bob, alice)
    return [say(alice, bob, Draft(text)) for text in ("one", "two", "three")]


def read(reader: Person, author: Person, up_to: int | None = None) -> None:
    job = commands(reader).mark_read
    effects = reader.tx(lambda tx: job(tx, author.address, NOW, tell=True, up_to=up_to))
    bring(reader, author, effects)


def count(person: Person, other: Person) -> int:
    shown = person.tx(lambda tx: contacts.conversation(tx, other.address))
    assert shown is not None
    return shown.unread


def place(person: Person, other: Person, message_id: MessageId) -> int:
    return next(line.seq for line in texts(person, other) if line.id == message_id.hex())


def told(person: Person) -> list[int]:
    return [event.data["unread"] for event in log(person, "conversation.read")]


def test_what_came_after_the_page_was_shown_is_unread_and_not_told_as_read(
    alice: Person, bob: Person, said: list[MessageId]
) -> None:
    read(bob, alice, place(bob, alice, said[1]))
    assert count(bob, alice) == 1
    states = [line.state for line in texts(alice, bob)]
    assert states == ["read", "read", "read", "delivered"]
    read(bob, alice)
    assert (count(bob, alice), told(bob)[-2:]) == (0, [1, 0])
    assert {line.state for line in texts(alice, bob)} == {"read"}


def test_a_page_of_before_changes_nothing(
    alice: Person, bob: Person, said: list[MessageId]
) -> None:
    read(bob, alice)
    before = told(bob)
    read(bob, alice, place(bob, alice, said[0]))
    assert (count(bob, alice), told(bob)) == (0, before)


def test_control_a_read_without_a_place_tells_of_what_was_not_shown(
    alice: Person, bob: Person, said: list[MessageId]
) -> None:
    read(bob, alice)
    assert {line.state for line in texts(alice, bob)} == {"read"}


def take_back(alice: Person, bob: Person, message_id: MessageId) -> None:
    do(alice, bob, lambda tx: commands(alice).take_back(tx, bob.address, message_id, NOW))


def delete_here(alice: Person, bob: Person, message_id: MessageId) -> None:
    bob.tx(lambda tx: commands(bob).delete_here(tx, alice.address, message_id, NOW))


def both(alice: Person, bob: Person, message_id: MessageId) -> None:
    take_back(alice, bob, message_id)
    delete_here(alice, bob, message_id)


@pytest.mark.parametrize("lose", [take_back, delete_here, both])
def test_an_unread_message_that_is_gone_is_counted_no_more(
    alice: Person,
    bob: Person,
    said: list[MessageId],
    lose: Callable[[Person, Person, MessageId], None],
) -> None:
    read(bob, alice, place(bob, alice, said[0]))
    lose(alice, bob, said[1])
    assert (count(bob, alice), told(bob)[-1]) == (1, 1)
    lose(alice, bob, said[0])  # it was read
    assert count(bob, alice) == 1
    lose(alice, bob, said[2])
    assert (count(bob, alice), told(bob)[-1]) == (0, 0)


def test_control_without_the_look_the_count_stays(
    alice: Person, bob: Person, said: list[MessageId], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unread, "is_gone", lambda *_: None)
    take_back(alice, bob, said[1])
    assert count(bob, alice) == 3


def test_a_message_that_was_taken_back_before_it_came_is_not_unread(
    alice: Person, bob: Person, said: list[MessageId]
) -> None:
    message, [inner] = alice.write(bob, "oops")
    late = MessageId(bytes.fromhex(message.id))
    _, effects = alice.tx(lambda tx: commands(alice).take_back(tx, bob.address, late, NOW))
    bring(alice, bob, effects)
    bob.receive(alice.seal(bob, inner))
    assert texts(bob, alice)[-1].deleted
    assert count(bob, alice) == 3
