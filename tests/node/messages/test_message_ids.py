"""K54: ids are chosen by whoever writes; those of a contact never stand for ours."""

from __future__ import annotations

import pytest

from tests.node.persons import NOW, Person
from zentalk.errors import ConflictError
from zentalk.ids import MessageId
from zentalk.store.history import messages, pages
from zentalk.store.history.models import StoredMessage


def befriend(alice: Person, bob: Person) -> None:
    """Both have added each other, and the first message was confirmed."""
    alice.meet(bob)
    bob.tx(lambda tx: bob.contacts.add(tx, alice.address, "", NOW))
    outcome = bob.receive(alice.seal(bob, alice.write(bob, "hello")[1][0]))
    alice.receive(*bob.answers(outcome, alice))


def page(person: Person, other: Person) -> list[StoredMessage]:
    return person.tx(lambda tx: pages.page(tx, other.address, None, 100))


def draw(person: Person, message_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let somebody choose the id of everything that it writes from now on."""
    chosen = MessageId(bytes.fromhex(message_id))
    monkeypatch.setattr(person.composer, "new_message_id", lambda: chosen)


def test_k54_a_contact_that_reuses_our_ids_changes_nothing_of_ours(
    alice: Person, bob: Person, carol: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    befriend(alice, bob)
    befriend(alice, carol)
    ours, inners = alice.write(bob, "ours")
    for other in (bob, carol):
        draw(other, ours.id, monkeypatch)
        alice.receive(other.seal(alice, other.write(alice, "theirs")[1][0]))
        assert page(alice, other)[-1].text == "theirs"
        assert page(alice, other)[-1].id == ours.id
    raw = MessageId(bytes.fromhex(ours.id))
    assert alice.tx(lambda tx: messages.by_id(tx, raw)) == ours
    assert alice.tx(lambda tx: messages.by_id(tx, raw, bob.address)) == ours
    of_carol = alice.tx(lambda tx: messages.by_id(tx, raw, carol.address))
    assert of_carol is not None
    assert (of_carol.text, of_carol.direction) == ("theirs", "in")
    confirmed = bob.receive(alice.seal(bob, inners[0]))
    monkeypatch.undo()
    alice.receive(*bob.answers(confirmed, alice))
    states = {(m.text, m.state) for m in page(alice, bob)}
    assert states == {("hello", "delivered"), ("ours", "delivered"), ("theirs", "received")}


def collide(alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch) -> StoredMessage:
    """Let Alice draw an id that Bob has used before, as if he had known it."""
    befriend(alice, bob)
    theirs, inners = bob.write(alice, "theirs")
    alice.receive(bob.seal(alice, inners[0]))
    draw(alice, theirs.id, monkeypatch)
    ours, _ = alice.write(bob, "ours", "key")
    assert ours.id == theirs.id
    return ours


def test_k54_an_idempotency_key_names_our_message_whoever_has_its_id(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = collide(alice, bob, monkeypatch)
    assert alice.write(bob, "ours", "key") == (ours, [])
    raw = MessageId(bytes.fromhex(ours.id))
    assert alice.tx(lambda tx: messages.by_id(tx, raw)) == ours
    with pytest.raises(ConflictError):
        alice.write(bob, "something else", "key")


def test_k54_control_by_the_id_alone_the_key_names_the_contacts_message(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    collide(alice, bob, monkeypatch)
    by_id_alone = "SELECT seq FROM messages WHERE id = ? ORDER BY seq"

    def first(tx: object, message_id: MessageId) -> StoredMessage:
        [seq] = alice.connection.execute(by_id_alone, (message_id,)).fetchone()
        return next(message for message in page_in(alice, bob) if message.seq == seq)

    monkeypatch.setattr(messages, "own", first)
    assert alice.write(bob, "ours", "key")[0].text == "theirs"


def page_in(person: Person, other: Person) -> list[StoredMessage]:
    """Return a conversation from within an open transaction."""
    return pages.page(person.connection, other.address, None, 100)
