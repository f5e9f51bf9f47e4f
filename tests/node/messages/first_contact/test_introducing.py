"""One contact introduces two people to each other: what each of the three knows then."""

from __future__ import annotations

from functools import partial

import pytest

from tests.node.persons import NOW, Person
from zentalk.errors import ConflictError, LocalProtocolError, NotFoundError
from zentalk.ids import MessageId, UserAddress
from zentalk.node.messages.effects import CommitEffects
from zentalk.node.messages.first_contact import introducing
from zentalk.node.messages.first_contact.introducing import Introduced
from zentalk.node.messages.kinds import registry
from zentalk.store.history import contacts, events, introductions, pages
from zentalk.store.history.models import StoredContact
from zentalk.wire.content import Content, decode_content
from zentalk.wire.introduction import (
    INTRODUCTION,
    Introduction,
    introduction_body,
    read_introduction,
)
from zentalk.wire.text import format_address

SECRET = b"s" * 16


def friends(one: Person, other: Person) -> None:
    """Let two people be contacts with a ratchet, and know each other's routes."""
    one.meet(other)
    other.receive(one.seal(other, one.write(other, "hello")[1][0]))
    answer = other.write(one, "hello")[1]
    one.receive(*[other.seal(one, inner) for inner in answer])


def introduce(alice: Person, bob: Person, carol: Person) -> CommitEffects:
    pair = (Introduced(bob.address, "Bob"), Introduced(carol.address, "Carol"))
    return alice.tx(lambda tx: introducing.introduce(tx, alice.composer, pair, SECRET, NOW))


def hand_over(alice: Person, effects: CommitEffects, *readers: Person) -> None:
    """Bring the introductions to those readers."""
    for entry in effects.send:
        for reader in readers:
            if entry.item.contact == reader.address:
                assert entry.item.envelope is not None
                got = reader.receive(alice.seal(reader, entry.item.envelope))
                assert got.undecryptable == 0
                assert got.best_effort  # confirmed


def person(owner: Person, other: Person) -> StoredContact:
    return owner.tx(lambda tx: contacts.view(tx, other.address))


def writes(one: Person, other: Person) -> CommitEffects:
    """Add somebody who was introduced, by the address alone, and write."""
    one.meet(other)
    return other.receive(one.seal(other, one.write(other, "hello")[1][0]))


def test_both_are_told_and_the_request_says_by_whom(
    alice: Person, bob: Person, carol: Person
) -> None:
    friends(alice, bob)
    friends(alice, carol)
    hand_over(alice, introduce(alice, bob, carol), bob, carol)
    [told] = bob.tx(introductions.every)
    assert (told.address, told.name) == (format_address(carol.address), "Carol")
    assert told.introduced_by == format_address(alice.address)
    effects = writes(carol, bob)
    found = person(bob, carol)
    assert (found.state, found.introduced_by) == ("request", told.introduced_by)
    assert effects.best_effort == ()
    assert person(carol, bob).introduced_by == told.introduced_by
    assert carol.tx(introductions.every) == []
    bob.tx(lambda tx: bob.contacts.accept(tx, carol.address, NOW))
    assert bob.tx(introductions.every) == []
    assert person(bob, carol).introduced_by == told.introduced_by


def test_who_set_so_accepts_them_at_once(alice: Person, trusting: Person, carol: Person) -> None:
    friends(alice, trusting)
    friends(alice, carol)
    hand_over(alice, introduce(alice, trusting, carol), trusting, carol)
    effects = writes(carol, trusting)
    assert (person(trusting, carol).state, len(effects.best_effort)) == ("contact", 1)


def test_who_has_the_address_but_not_the_secret_is_a_plain_request(
    alice: Person, trusting: Person, carol: Person
) -> None:
    friends(alice, trusting)
    friends(alice, carol)
    hand_over(alice, introduce(alice, trusting, carol), trusting)  # and carol was not told
    writes(carol, trusting)
    found = person(trusting, carol)
    assert (found.state, found.introduced_by) == ("request", "")


def test_the_secret_is_worth_nothing_with_another_address(
    alice: Person, trusting: Person, carol: Person, bob: Person
) -> None:
    friends(alice, trusting)
    friends(alice, carol)
    hand_over(alice, introduce(alice, trusting, carol), trusting, carol)
    bob.meet(trusting)
    bob.tx(lambda tx: bob.contacts.add(tx, trusting.address, "", NOW, SECRET))
    trusting.receive(bob.seal(trusting, bob.write(trusting, "I am Carol")[1][0]))
    assert person(trusting, bob).state == "request"
    assert person(trusting, bob).introduced_by == ""


def test_a_request_that_came_before_its_introduction_is_explained_by_it(
    alice: Person, bob: Person, trusting: Person, carol: Person
) -> None:
    for reader, expected in ((bob, "request"), (trusting, "contact")):
        friends(alice, reader)
        if reader is bob:
            friends(alice, carol)
        effects = introduce(alice, reader, carol)
        hand_over(alice, effects, carol)
        writes(carol, reader)
        assert (person(reader, carol).state, person(reader, carol).introduced_by) == ("request", "")
        hand_over(alice, effects, reader)
        assert person(reader, carol).state == expected
        assert person(reader, carol).introduced_by == format_address(alice.address)


def test_nothing_changes_for_contacts_and_for_who_was_blocked(
    alice: Person, bob: Person, carol: Person
) -> None:
    friends(alice, bob)
    friends(alice, carol)
    bob.tx(lambda tx: bob.contacts.block(tx, carol.address, NOW))
    carol.tx(lambda tx: carol.contacts.add(tx, bob.address, "Bobby", NOW))
    hand_over(alice, introduce(alice, bob, carol), bob, carol)
    assert bob.tx(introductions.every) == carol.tx(introductions.every) == []
    assert (person(bob, carol).state, person(carol, bob).name) == ("blocked", "Bobby")
    row = carol.tx(lambda tx: contacts.get(tx, bob.address))
    assert row is not None
    assert row.ticket == SECRET  # bob may not know her yet


def test_a_stranger_introduces_nobody(alice: Person, bob: Person, carol: Person) -> None:
    alice.meet(bob)
    body = introduction_body(Introduction(carol.address, "Carol", SECRET))
    content = Content(kind=INTRODUCTION, message_id=MessageId(b"i" * 16), raw_body=body)
    row = alice.tx(lambda tx: contacts.get(tx, bob.address))
    assert row is not None
    [sent] = alice.tx(lambda tx: alice.composer.send(tx, row, content, NOW)).send
    assert sent.item.envelope is not None
    bob.receive(alice.seal(bob, sent.item.envelope))
    assert bob.tx(introductions.every) == []
    logged = bob.tx(lambda tx: events.page(tx, 0, -1))
    assert [event.type for event in logged] == ["contact.requested"]


def test_a_node_of_an_earlier_version_keeps_one_whole_and_confirms_it(
    alice: Person, bob: Person, carol: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(registry.KINDS, INTRODUCTION)
    friends(alice, bob)
    friends(alice, carol)
    hand_over(alice, introduce(alice, bob, carol), bob)
    assert bob.tx(introductions.every) == []
    shown = bob.tx(lambda tx: pages.page(tx, alice.address, None, 10))
    assert [line.text for line in shown] == ["hello", "hello"]
    query = "SELECT content FROM messages WHERE kind = 'introduction'"
    [[kept]] = bob.connection.execute(query).fetchall()
    assert read_introduction(decode_content(kept).raw_body).name == "Carol"


def test_the_same_again_is_told_once_and_one_introducer_fills_no_table(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(introducing, "MAX_BY_ONE", 3)
    bob.tx(lambda tx: bob.contacts.add(tx, alice.address, "", NOW))
    for number in (0, 0, 1, 2, 3, 4):
        address = UserAddress(number.to_bytes(32, "big"))
        told = Introduction(address, f"{number}", SECRET)
        learn = partial(introducing.learn, introducer=alice.address, introduction=told)
        bob.tx(partial(learn, now=NOW + number))
    assert [one.name for one in bob.tx(introductions.every)] == ["2", "3", "4"]
    logged = bob.tx(lambda tx: events.page(tx, 0, -1))
    assert [event.type for event in logged].count("contact.introduced") == 5
    bob.tx(lambda tx: bob.contacts.remove(tx, alice.address, NOW))
    assert bob.tx(introductions.every) == []


def test_only_two_contacts_can_be_introduced(alice: Person, bob: Person, carol: Person) -> None:
    friends(alice, bob)
    with pytest.raises(NotFoundError):
        introduce(alice, bob, carol)
    with pytest.raises(LocalProtocolError):
        introduce(alice, bob, bob)
    alice.receive(carol.seal(alice, _first(carol, alice)))
    with pytest.raises(ConflictError):
        introduce(alice, bob, carol)


def _first(one: Person, other: Person) -> bytes:
    one.meet(other)
    return one.write(other, "hello")[1][0]


def test_who_was_dismissed_is_forgotten(alice: Person, bob: Person, carol: Person) -> None:
    told = Introduction(carol.address, "Carol", SECRET)
    bob.tx(lambda tx: introducing.learn(tx, alice.address, told, NOW))
    bob.tx(lambda tx: introducing.dismiss(tx, carol.address))
    with pytest.raises(NotFoundError):
        bob.tx(lambda tx: introducing.dismiss(tx, carol.address))
