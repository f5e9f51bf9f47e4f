"""A code makes one other node the replica, and nobody else speaks as one."""

from __future__ import annotations

import pytest

from tests.node.persons import NOW, Newcomer, Person
from zentalk.errors import ConflictError, NotFoundError, RemoteProtocolError
from zentalk.node.messages.first_contact import linking
from zentalk.node.messages.kinds import synced
from zentalk.store.history import contacts, events, feed, links, messages
from zentalk.store.history.links import LinkRole, LinkRow
from zentalk.store.history.models import ContactRow, ContactState
from zentalk.wire.content import Content
from zentalk.wire.sync import SYNC, Have, decode_rows, encode_sync

SECRET, OTHER = b"s" * 16, b"o" * 16
HELLO = encode_sync(Have(b"", 0, 13, 1))


def code(person: Person, secret: bytes = SECRET, link_id: bytes = b"l" * 8) -> None:
    row = LinkRow(
        link_id, LinkRole.REPLICA, NOW, NOW + 600, None, b"f" * 16, None, 0, None
    )  # fmt: skip
    person.tx(lambda tx: linking.open_code(tx, row, secret))


def say(sender: Person, first: Person, content: Content, secret: bytes = b"") -> int:
    """Write to the first as a node that follows it; return how much was dropped."""
    if sender.tx(lambda tx: contacts.get(tx, first.address)) is None:
        sender.meet(first)
    sender.tx(lambda tx: contacts.set_ticket(tx, first.address, secret))
    row = sender.tx(lambda tx: contacts.get(tx, first.address))
    assert row is not None
    sent = sender.tx(lambda tx: sender.composer.send(tx, row, content, NOW))
    inner = sent.send[-1].item.envelope
    assert inner is not None
    return first.receive(sender.seal(first, inner)).undecryptable


def sync(sender: Person) -> Content:
    return Content(kind=SYNC, message_id=sender.composer.new_message_id(), raw_body=HELLO)


def text(sender: Person) -> Content:
    return Content(kind="text", message_id=sender.composer.new_message_id(), text="hi", sequence=1)


def replica_of(person: Person) -> ContactRow | None:
    link = person.tx(lambda tx: links.linked(tx, LinkRole.REPLICA))
    if link is None or link.address is None:
        return None
    address = link.address
    return person.tx(lambda tx: contacts.get(tx, address))


def test_who_comes_with_a_code_is_the_replica_and_no_person(alice: Person, bob: Person) -> None:
    code(bob)
    assert say(alice, bob, sync(alice), SECRET) == 0
    found = replica_of(bob)
    assert found is not None
    assert found.is_link
    assert bob.tx(contacts.listing) == []
    assert [event.type for event in bob.tx(lambda tx: events.page(tx, 0, -1))] == ["link.added"]
    assert bob.tx(links.inbox_count) == 1
    bob.tx(feed.step)
    changes = bob.tx(lambda tx: decode_rows(feed.page(tx, 0).rows))
    assert {one.place for one in changes} == {"events", "settings"}, "its own row is in no feed"


@pytest.mark.parametrize("shown", [OTHER, b""])
def test_who_shows_another_secret_is_nobody(alice: Person, bob: Person, shown: bytes) -> None:
    code(bob)
    assert say(alice, bob, sync(alice), shown) == 1
    assert replica_of(bob) is None
    assert bob.tx(links.inbox_count) == 0
    assert bob.tx(contacts.listing) == []


def test_a_code_ends_is_used_once_and_gives_way_to_the_next(
    alice: Person, bob: Person, newcomer: Newcomer
) -> None:
    code(bob)
    code(bob, OTHER, b"m" * 8)
    assert say(alice, bob, sync(alice), SECRET) == 1
    carol = newcomer("carol")
    bob.tx(lambda tx: tx.execute("UPDATE links SET expires_at = ?", (NOW - 1,)))
    assert say(carol, bob, sync(carol), OTHER) == 1
    bob.tx(lambda tx: tx.execute("UPDATE links SET expires_at = ?", (NOW + 1,)))
    assert say(carol, bob, sync(carol), OTHER) == 0
    with pytest.raises(ConflictError, match="unlink it first"):
        code(bob)
    eve = newcomer("eve")
    assert say(eve, bob, sync(eve), OTHER) == 1
    found = replica_of(bob)
    assert found is not None
    assert found.address == carol.address


def test_a_person_who_is_known_does_not_become_the_replica(alice: Person, bob: Person) -> None:
    bob.tx(lambda tx: bob.contacts.add(tx, alice.address, "Alice", NOW))
    code(bob)
    assert say(alice, bob, sync(alice), SECRET) == 1
    assert replica_of(bob) is None


def test_a_person_cannot_speak_as_a_node_nor_a_node_as_a_person(
    alice: Person, bob: Person, newcomer: Newcomer
) -> None:
    bob.tx(lambda tx: bob.contacts.add(tx, alice.address, "Alice", NOW))
    assert say(alice, bob, sync(alice)) == 1
    carol = newcomer("carol")
    code(bob)
    assert say(carol, bob, sync(carol), SECRET) == 0
    assert say(carol, bob, text(carol)) == 1
    assert not bob.tx(lambda tx: messages.has_history(tx, carol.address))


def test_control_without_the_check_a_contact_speaks_as_the_owners_node(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synced, "check_sender", lambda _sender, _kind: None)
    bob.tx(lambda tx: bob.contacts.add(tx, alice.address, "Alice", NOW))
    assert say(alice, bob, sync(alice)) == 0
    assert bob.tx(links.inbox_count) == 1


def test_what_is_malformed_or_too_much_is_dropped_and_not_confirmed(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    code(bob)
    assert say(alice, bob, sync(alice), SECRET) == 0
    monkeypatch.setattr(synced, "MAX_INBOX", 2)
    bad = Content(kind=SYNC, message_id=alice.composer.new_message_id(), raw_body=[9])
    assert say(alice, bob, bad) == 1
    assert [say(alice, bob, sync(alice)) for _ in range(3)] == [0, 1, 1]
    assert bob.tx(links.inbox_count) == 2


def test_a_link_ends_with_all_that_it_was(alice: Person, bob: Person) -> None:
    code(bob)
    say(alice, bob, sync(alice), SECRET)
    with pytest.raises(NotFoundError):
        bob.tx(lambda tx: linking.unlink(tx, b"x" * 8, NOW))
    bob.tx(lambda tx: linking.unlink(tx, b"l" * 8, NOW))
    assert replica_of(bob) is None
    assert bob.tx(lambda tx: contacts.get(tx, alice.address)) is None
    assert bob.tx(links.inbox_count) == 0
    bob.tx(feed.step)
    assert bob.tx(lambda tx: feed.page(tx, 0).rows) == b""
    assert say(alice, bob, sync(alice)) == 1


def test_a_replica_begins_with_the_secret_as_its_ticket_and_begins_once(
    alice: Person, bob: Person
) -> None:
    row = LinkRow(b"l" * 8, LinkRole.FIRST, NOW, NOW, None, b"", None, 0, None)
    for _ in range(2):
        alice.tx(lambda tx: linking.follow(tx, row, bob.address, SECRET, NOW))
    known = alice.tx(lambda tx: contacts.get(tx, bob.address))
    assert known is not None
    assert (known.ticket, known.is_link, known.state) == (SECRET, True, ContactState.CONTACT)
    with pytest.raises(RemoteProtocolError):
        synced.check_sender(known, "text")
