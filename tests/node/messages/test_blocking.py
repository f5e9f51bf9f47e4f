"""Refusing, removing and blocking people: what stays, what comes back, and what never does."""

from __future__ import annotations

import pytest

from tests.node.persons import NOW, Deposit, Person
from zentalk.errors import ConflictError, NotFoundError
from zentalk.node.messages import ordering
from zentalk.node.messages.people import BLOCKED
from zentalk.store.history import contacts, events, outbox, pages, ratchets, request_keys
from zentalk.store.history.models import ContactRow, RequestKey
from zentalk.store.sqlite import Transaction


def texts(person: Person, other: Person) -> list[str]:
    page = person.tx(lambda tx: pages.page(tx, other.address, None, 100))
    return [message.text for message in page]


def states(person: Person) -> list[str]:
    return [contact.state for contact in person.tx(contacts.listing)]


def kinds(person: Person, after: int = 0) -> list[str]:
    return [event.type for event in person.tx(lambda tx: events.page(tx, after, -1))]


def kept(tx: Transaction) -> list[list[tuple[object, ...]]]:
    tables = ("ratchets", "prekeys", "contacts", "messages", "held", "parts", "events", "outbox")
    return [tx.execute(f"SELECT * FROM {table}").fetchall() for table in tables]


def letter(sender: Person, reader: Person, text: str) -> Deposit:
    return sender.seal(reader, sender.write(reader, text)[1][0])


def ask(alice: Person, bob: Person) -> None:
    alice.meet(bob)
    bob.receive(letter(alice, bob, "it is me"))


def befriend(alice: Person, bob: Person) -> None:
    ask(alice, bob)
    _, effects = bob.tx(lambda tx: bob.contacts.add(tx, alice.address, "Alice", NOW))
    alice.receive(*bob.answers(effects, alice))


def test_k51_a_refused_request_leaves_no_message_no_key_and_no_line_in_the_log(
    alice: Person, bob: Person
) -> None:
    ask(alice, bob)
    bob.tx(lambda tx: bob.contacts.refuse(tx, alice.address, NOW))
    assert (states(bob), texts(bob, alice)) == (["refused"], [])
    assert bob.tx(lambda tx: ratchets.of_contact(tx, alice.address)) == []
    assert kinds(bob) == ["conversation.deleted", "contact.refused"]
    log = bob.tx(lambda tx: events.page(tx, 0, -1))
    assert "it is me" not in str([event.data for event in log])


def test_k51_what_a_refused_person_sends_is_dropped_also_in_a_new_ratchet(
    alice: Person, bob: Person
) -> None:
    ask(alice, bob)
    bob.tx(lambda tx: bob.contacts.refuse(tx, alice.address, NOW))
    before = bob.tx(kept)
    assert bob.receive(letter(alice, bob, "please")).undecryptable == 1
    bundle = bob.bundle()
    alice.tx(lambda tx: alice.sessions.start(tx, bob.address, bundle, NOW))
    assert bob.receive(letter(alice, bob, "please!")).undecryptable == 1
    assert bob.tx(kept)[2:] == before[2:]


def test_only_a_request_can_be_refused(alice: Person, bob: Person) -> None:
    befriend(alice, bob)
    for _ in range(2):
        with pytest.raises(NotFoundError):
            bob.tx(lambda tx: bob.contacts.refuse(tx, alice.address, NOW))
    assert states(bob) == ["contact"]


def test_a_refused_person_may_be_added_all_the_same(alice: Person, bob: Person) -> None:
    ask(alice, bob)
    bob.tx(lambda tx: bob.contacts.refuse(tx, alice.address, NOW))
    contact, _ = bob.tx(lambda tx: bob.contacts.accept(tx, alice.address, NOW))
    assert contact.state == "contact"
    assert kinds(bob)[-1] == "contact.accepted"


def test_k51_nothing_of_a_blocked_contact_is_kept_or_answered(alice: Person, bob: Person) -> None:
    befriend(alice, bob)
    bob.tx(lambda tx: bob.contacts.block(tx, alice.address, NOW))
    before = bob.tx(kept)
    late = letter(alice, bob, "why?")
    outcome = bob.receive(late)
    assert (outcome.best_effort, outcome.undecryptable) == ((), 1)
    assert bob.tx(kept) == before
    assert texts(bob, alice) == ["it is me"]


def test_k51_control_without_the_state_a_blocked_contact_is_read(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    befriend(alice, bob)
    bob.tx(lambda tx: bob.contacts.block(tx, alice.address, NOW))
    monkeypatch.setattr(ContactRow, "is_shut_out", False)
    bob.receive(letter(alice, bob, "why?"))
    assert texts(bob, alice) == ["it is me", "why?"]


def test_k51_after_unblocking_new_messages_are_read_and_those_meanwhile_never(
    alice: Person, bob: Person
) -> None:
    befriend(alice, bob)
    bob.tx(lambda tx: bob.contacts.block(tx, alice.address, NOW))
    meanwhile = letter(alice, bob, "why?")
    bob.receive(meanwhile)
    bob.tx(lambda tx: bob.contacts.unblock(tx, alice.address, NOW))
    assert bob.receive(meanwhile).best_effort == ()
    assert bob.receive(letter(alice, bob, "thanks")).best_effort == ()
    later = NOW + ordering.HOLD_SECONDS
    assert len(bob.tx(lambda tx: bob.inbox.release_overdue(tx, later)).best_effort) == 1
    assert texts(bob, alice) == ["it is me", "thanks"]
    assert [kind for kind in kinds(bob) if "block" in kind] == [
        "contact.blocked",
        "contact.unblocked",
    ]


def test_what_was_on_its_way_to_a_blocked_contact_is_given_up(alice: Person, bob: Person) -> None:
    befriend(alice, bob)
    written, _ = bob.write(alice, "see you")
    [item] = bob.tx(outbox.under_way)
    _, effects = bob.tx(lambda tx: bob.contacts.block(tx, alice.address, NOW))
    assert effects.dropped == (item.item,)
    assert bob.tx(outbox.under_way) == []
    shown = bob.tx(lambda tx: pages.page(tx, alice.address, None, 100))[-1]
    assert (shown.id, shown.state, shown.reason) == (written.id, "failed", BLOCKED)
    told = bob.tx(lambda tx: events.page(tx, 0, -1))[-2]
    assert (told.type, told.data["reason"]) == ("message.state", BLOCKED)


def test_nobody_writes_to_or_adds_a_blocked_person_by_mistake(alice: Person, bob: Person) -> None:
    bob.tx(lambda tx: bob.contacts.block(tx, alice.address, NOW))
    with pytest.raises(ConflictError, match="unblock"):
        bob.write(alice, "hello")
    with pytest.raises(ConflictError, match="unblock"):
        bob.tx(lambda tx: bob.contacts.add(tx, alice.address, "Alice", NOW))
    assert states(bob) == ["blocked"]


def test_somebody_who_never_wrote_can_be_blocked_and_is_forgotten_when_unblocked(
    alice: Person, bob: Person
) -> None:
    for _ in range(2):
        bob.tx(lambda tx: bob.contacts.block(tx, alice.address, NOW))
    alice.meet(bob)
    bob.receive(letter(alice, bob, "it is me"))
    assert (states(bob), texts(bob, alice)) == (["blocked"], [])
    bob.tx(lambda tx: bob.contacts.unblock(tx, alice.address, NOW))
    assert states(bob) == []
    with pytest.raises(NotFoundError):
        bob.tx(lambda tx: bob.contacts.unblock(tx, alice.address, NOW))
    bundle = bob.bundle()
    alice.tx(lambda tx: alice.sessions.start(tx, bob.address, bundle, NOW))
    bob.receive(letter(alice, bob, "may I?"))
    assert states(bob) == ["request"]
    assert kinds(bob) == ["contact.removed", "contact.requested"]


def test_a_blocked_request_loses_its_messages(alice: Person, bob: Person) -> None:
    ask(alice, bob)
    bob.tx(lambda tx: bob.contacts.block(tx, alice.address, NOW))
    assert (states(bob), texts(bob, alice)) == (["blocked"], [])
    assert kinds(bob) == ["contact.requested", "conversation.deleted", "contact.blocked"]


def test_a_removed_contact_leaves_nothing_that_was_said_and_comes_back_as_a_request(
    alice: Person, bob: Person
) -> None:
    befriend(alice, bob)
    bob.write(alice, "hello Alice", "key")
    effects = bob.tx(lambda tx: bob.contacts.remove(tx, alice.address, NOW))
    assert len(effects.dropped) == 1
    assert (states(bob), texts(bob, alice), bob.tx(outbox.under_way)) == ([], [], [])
    assert bob.tx(lambda tx: request_keys.by_key(tx, RequestKey("key"))) is None
    log = bob.tx(lambda tx: events.page(tx, 0, -1))
    assert "it is me" not in str([event.data for event in log])
    assert [event.type for event in log][-2:] == ["conversation.deleted", "contact.removed"]
    with pytest.raises(NotFoundError):
        bob.tx(lambda tx: bob.contacts.remove(tx, alice.address, NOW))
    outcome = bob.receive(letter(alice, bob, "still there?"))
    assert outcome.best_effort == ()
    assert (states(bob), texts(bob, alice)) == (["request"], ["still there?"])
    [shown] = bob.tx(lambda tx: pages.page(tx, alice.address, None, 100))
    assert shown.missing == 0


def test_removing_a_blocked_person_deletes_what_was_said_and_keeps_the_block(
    alice: Person, bob: Person
) -> None:
    befriend(alice, bob)
    bob.tx(lambda tx: bob.contacts.block(tx, alice.address, NOW))
    bob.tx(lambda tx: bob.contacts.remove(tx, alice.address, NOW))
    assert (states(bob), texts(bob, alice)) == (["blocked"], [])
    bob.receive(letter(alice, bob, "why?"))
    assert texts(bob, alice) == []


def test_only_people_in_the_list_can_be_accepted_or_removed(alice: Person, bob: Person) -> None:
    with pytest.raises(NotFoundError):
        bob.tx(lambda tx: bob.contacts.accept(tx, alice.address, NOW))
    with pytest.raises(NotFoundError):
        bob.tx(lambda tx: bob.contacts.remove(tx, alice.address, NOW))
