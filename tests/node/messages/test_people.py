"""What the event log says of people: all that a device needs, so that it never has to ask."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from tests.node.messages.conversation.test_commands import commands
from tests.node.persons import NOW, Person
from zentalk.errors import ConfigError
from zentalk.ids import UserAddress
from zentalk.node.first_contact.introductions import Introductions
from zentalk.node.messages import people
from zentalk.rest.limits import MAX_NAME_CHARS
from zentalk.store.history import contacts, events


def log(person: Person) -> list[tuple[str, dict[str, Any]]]:
    return [(e.type, e.data) for e in person.tx(lambda tx: events.page(tx, 0, -1))]


def ask(alice: Person, bob: Person) -> None:
    """Alice writes to Bob, who does not know her."""
    alice.meet(bob)
    bob.receive(alice.seal(bob, alice.write(bob, "it is me")[1][0]))


def test_a_person_added_by_writing_is_in_the_log_before_the_message(
    alice: Person, bob: Person
) -> None:
    alice.write(bob, "hello")
    kinds = [kind for kind, _ in log(alice)]
    assert kinds == ["contact.added", "message.created"]
    [contact] = alice.tx(contacts.listing)
    assert log(alice)[0][1] == asdict(contact)
    assert (contact.name, contact.state, contact.added_at) == ("", "contact", NOW)


def test_a_new_name_is_in_the_log_and_the_same_one_again_is_not(alice: Person, bob: Person) -> None:
    for name in ("Bob", "Robert", "Robert", ""):
        alice.tx(lambda tx, n=name: alice.contacts.add(tx, bob.address, n, NOW))  # type: ignore[misc]  # binds the loop variable
    assert [contact.name for contact in alice.tx(contacts.listing)] == ["Robert"]
    assert [(kind, data["name"]) for kind, data in log(alice)] == [
        ("contact.added", "Bob"),
        ("contact.renamed", "Robert"),
    ]


def test_a_request_and_its_acceptance_are_in_the_log_with_name_and_state(
    alice: Person, bob: Person
) -> None:
    ask(alice, bob)
    bob.tx(lambda tx: bob.contacts.add(tx, alice.address, "Alice", NOW))
    shown = [(k, d["name"], d["state"]) for k, d in log(bob) if k.startswith("contact.")]
    assert shown == [
        ("contact.requested", "", "request"),
        ("contact.accepted", "Alice", "contact"),
    ]


def test_a_request_accepted_by_an_answer_is_in_the_log(alice: Person, bob: Person) -> None:
    ask(alice, bob)
    bob.write(alice, "who?")
    assert [kind for kind, _ in log(bob)][-2:] == ["contact.accepted", "message.created"]


def test_a_conversation_that_was_read_is_in_the_log_once(alice: Person, bob: Person) -> None:
    ask(alice, bob)
    bob.write(alice, "who?")
    for _ in range(2):
        bob.tx(lambda tx: commands(bob).mark_read(tx, alice.address, NOW, tell=False))
    [request, *_] = bob.tx(contacts.listing)
    read = [data for kind, data in log(bob) if kind == "conversation.read"]
    assert read == [{"conversation": request.address, "unread": 0}]


def test_a_name_has_as_many_characters_as_documented_whatever_they_are() -> None:
    assert people.MAX_NAME_CHARS == MAX_NAME_CHARS == 200
    for character in ("a", "\u00e9", "\U0001f642"):
        people.check_name(200 * character)
        with pytest.raises(ConfigError, match="200 characters"):
            people.check_name(201 * character)


async def test_a_name_that_is_told_to_others_fits_what_carries_it() -> None:
    none: Any = None
    introductions = Introductions(none, none, none, none)
    for names in ((65 * "\U0001f642", ""), ("", 257 * "a")):
        with pytest.raises(ConfigError, match="256 bytes"):
            await introductions.introduce(UserAddress(b"a" * 32), UserAddress(b"b" * 32), *names)
