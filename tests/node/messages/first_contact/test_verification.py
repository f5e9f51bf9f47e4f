"""The verified mark: who sets it, what takes it away, and what is said of that."""

from __future__ import annotations

from functools import partial

import pytest

from tests.node.persons import NOW, Person
from zentalk.errors import ConflictError, NotFoundError
from zentalk.node.messages import requests
from zentalk.node.messages.first_contact import verification as jobs
from zentalk.store.history import contacts, events
from zentalk.store.history.models import StoredContact


def person(owner: Person, other: Person) -> StoredContact:
    return owner.tx(lambda tx: contacts.view(tx, other.address))


def types(owner: Person) -> list[str]:
    return [event.type for event in owner.tx(lambda tx: events.page(tx, 0, -1))]


@pytest.fixture
def knows(alice: Person, bob: Person) -> Person:
    """Bob, who has Alice as a contact."""
    bob.tx(lambda tx: bob.contacts.add(tx, alice.address, "Alice", NOW))
    return bob


def test_it_is_set_once_and_taken_away(alice: Person, knows: Person) -> None:
    for _ in range(2):
        marked = knows.tx(lambda tx: jobs.verify(tx, alice.address, NOW + 5))
        assert (marked.verified, marked.verified_at, marked.warning) == (True, NOW + 5, "")
    for _ in range(2):
        knows.tx(lambda tx: jobs.withdraw(tx, alice.address, NOW))
    assert not person(knows, alice).verified
    assert types(knows) == ["contact.added", "contact.verified", "contact.unverified"]


def test_a_higher_term_withdraws_it_and_warns_until_it_is_looked_at(
    alice: Person, knows: Person
) -> None:
    knows.tx(lambda tx: jobs.verify(tx, alice.address, NOW))
    knows.tx(lambda tx: jobs.term_seen(tx, alice.address, 2, NOW))
    found = person(knows, alice)
    assert (found.verified, found.verified_at, found.warning) == (False, NOW, contacts.OTHER_NODE)
    for term in (2, 1):
        knows.tx(partial(jobs.term_seen, address=alice.address, term=term, now=NOW))
    assert types(knows)[-1:] == ["contact.key-changed"]
    assert types(knows).count("contact.key-changed") == 1
    again = knows.tx(lambda tx: jobs.verify(tx, alice.address, NOW + 9))
    assert (again.verified, again.warning) == (True, "")


def test_control_a_mark_without_its_term_would_never_be_withdrawn(
    alice: Person, knows: Person
) -> None:
    knows.tx(lambda tx: jobs.verify(tx, alice.address, NOW))
    knows.connection.execute("UPDATE contacts SET verified_term = 9")
    knows.tx(lambda tx: jobs.term_seen(tx, alice.address, 2, NOW))
    assert person(knows, alice).verified


def test_the_first_term_of_who_was_never_heard_says_nothing(alice: Person, knows: Person) -> None:
    knows.tx(lambda tx: jobs.term_seen(tx, alice.address, 2, NOW))
    assert (person(knows, alice).warning, types(knows)) == ("", ["contact.added"])


@pytest.fixture
def heard(alice: Person, knows: Person) -> Person:
    """Bob, who has never verified Alice, and has heard of her."""
    alice.meet(knows)
    _, [inner] = alice.write(knows, "hello")
    knows.receive(alice.seal(knows, inner))
    return knows


def test_who_was_never_verified_is_shown_with_a_warning_too_until_it_is_looked_at(
    alice: Person, heard: Person
) -> None:
    heard.tx(lambda tx: jobs.term_seen(tx, alice.address, 2, NOW))
    assert person(heard, alice).warning == contacts.NEW_NODE
    [shown] = heard.tx(contacts.listing)
    assert shown.warning == contacts.NEW_NODE
    assert types(heard)[-1] == "contact.key-changed"
    heard.tx(lambda tx: jobs.withdraw(tx, alice.address, NOW))
    assert (person(heard, alice).warning, types(heard)[-1]) == ("", "contact.unverified")
    heard.tx(lambda tx: jobs.term_seen(tx, alice.address, 3, NOW))
    assert person(heard, alice).warning == contacts.NEW_NODE
    assert heard.tx(lambda tx: jobs.verify(tx, alice.address, NOW)).warning == ""


def test_it_is_shown_although_the_chat_was_cleared(alice: Person, heard: Person) -> None:
    heard.tx(lambda tx: requests.delete_conversation(tx, alice.address, NOW))
    heard.tx(lambda tx: jobs.term_seen(tx, alice.address, 1, NOW))
    assert person(heard, alice).warning == contacts.NEW_NODE


def test_control_without_the_look_at_what_was_heard_nobody_is_warned(
    alice: Person, heard: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_was_heard", lambda *_: False)
    heard.tx(lambda tx: jobs.term_seen(tx, alice.address, 2, NOW))
    assert (person(heard, alice).warning, types(heard).count("contact.key-changed")) == ("", 0)


def test_who_was_removed_is_a_stranger_again_without_a_warning(
    alice: Person, heard: Person
) -> None:
    heard.tx(lambda tx: jobs.term_seen(tx, alice.address, 2, NOW))
    heard.tx(lambda tx: heard.contacts.remove(tx, alice.address, NOW))
    heard.tx(lambda tx: heard.contacts.add(tx, alice.address, "", NOW))
    assert person(heard, alice).warning == ""


def test_only_a_contact_can_be_verified_and_a_removed_one_is_not(
    alice: Person, carol: Person, knows: Person
) -> None:
    with pytest.raises(NotFoundError):
        knows.tx(lambda tx: jobs.verify(tx, carol.address, NOW))
    knows.tx(lambda tx: requests.admit(tx, carol.address, NOW))
    with pytest.raises(ConflictError):
        knows.tx(lambda tx: jobs.verify(tx, carol.address, NOW))
    knows.tx(lambda tx: jobs.verify(tx, alice.address, NOW))
    knows.tx(lambda tx: knows.contacts.remove(tx, alice.address, NOW))
    with pytest.raises(NotFoundError):
        knows.tx(lambda tx: jobs.withdraw(tx, alice.address, NOW))
    knows.tx(lambda tx: knows.contacts.add(tx, alice.address, "", NOW))
    assert not person(knows, alice).verified
