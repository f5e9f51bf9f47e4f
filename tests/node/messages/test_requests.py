"""K51: how many strangers may ask, how much of each is kept, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.node.persons import NOW, Newcomer, Person
from zentalk.errors import RemoteProtocolError
from zentalk.ids import DAY_SECONDS, UserAddress
from zentalk.node.messages import ordering, requests
from zentalk.store.history import contacts, events, messages, pages, ratchets
from zentalk.store.history.models import ContactState, StoredEvent
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.sqlite import Transaction, open_database, transaction


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Transaction]:
    with (
        closing(open_database(tmp_path / "history.db", MIGRATIONS)) as connection,
        transaction(connection) as open_transaction,
    ):
        yield open_transaction


def stranger(number: int) -> UserAddress:
    return UserAddress(number.to_bytes(32, "big"))


def asks(tx: Transaction, number: int, day: int) -> bool:
    """Let a stranger ask on a day; tell whether it became a request."""
    try:
        requests.admit(tx, stranger(number), NOW + day * DAY_SECONDS + number)
    except RemoteProtocolError:
        return False
    return True


def by_day(tx: Transaction) -> list[int]:
    return [count for _, count in sorted(contacts.requests_by_day(tx).items())]


def removed(tx: Transaction) -> list[StoredEvent]:
    return [event for event in events.page(tx, 0, -1) if event.type == "contact.removed"]


def test_k51_a_flood_of_one_day_leaves_every_later_day_its_places(tx: Transaction) -> None:
    flood = sum(asks(tx, number, 0) for number in range(1_200))
    assert flood == requests.MAX_REQUESTS
    for day in range(1, 30):
        came = [asks(tx, 2_000 + 100 * day + number, day) for number in range(40)]
        assert came == [True] * requests.SURE_A_DAY + [False] * 7
    assert by_day(tx) == [requests.MAX_REQUESTS - 29 * requests.SURE_A_DAY] + [33] * 29
    assert {event.data["reason"] for event in removed(tx)} == {requests.NO_ROOM}


def test_k51_control_without_places_of_each_day_a_flood_shuts_everybody_out(
    tx: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "SURE_A_DAY", 0)
    assert sum(asks(tx, number, 0) for number in range(1_200)) == requests.MAX_REQUESTS
    assert not any(asks(tx, 2_000 + number, 1) for number in range(40))


def test_k51_no_request_gives_way_while_its_day_is_within_its_share(
    tx: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MAX_REQUESTS", 66)
    for day in (0, 1):
        assert all(asks(tx, 100 * day + number, day) for number in range(33))
    assert not asks(tx, 999, 2)
    assert by_day(tx) == [33, 33]


def test_k51_unanswered_requests_and_the_memory_of_refusals_end_after_30_days(
    tx: Transaction,
) -> None:
    lasting = {ContactState.CONTACT, ContactState.BLOCKED, ContactState.MEMBER, ContactState.GROUP}
    for number, state in enumerate(ContactState):
        contacts.insert(tx, stranger(number), "", state, NOW)
    requests.expire(tx, NOW + 30 * DAY_SECONDS)
    assert len(contacts.addresses(tx)) == len(ContactState)
    requests.expire(tx, NOW + 31 * DAY_SECONDS)
    rows = [contacts.get(tx, address) for address in contacts.addresses(tx)]
    assert {row.state for row in rows if row} == lasting
    assert [event.data["reason"] for event in removed(tx)] == [requests.NOT_ANSWERED]


def test_k51_an_expired_request_leaves_no_message_and_no_key(
    newcomer: Newcomer, bob: Person
) -> None:
    alice = newcomer("alice")
    alice.meet(bob)
    bob.receive(alice.seal(bob, alice.write(bob, "it is me")[1][0]))
    bob.tx(lambda tx: requests.expire(tx, NOW + 31 * DAY_SECONDS))
    assert bob.tx(contacts.listing) == []
    assert bob.tx(lambda tx: pages.page(tx, alice.address, None, 10)) == []
    assert bob.tx(lambda tx: ratchets.of_contact(tx, alice.address)) == []


def test_k51_what_is_held_of_a_stranger_counts_as_what_is_shown(
    newcomer: Newcomer, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MAX_MESSAGES", 5)
    alice = newcomer("alice")
    alice.meet(bob)
    letters = [alice.seal(bob, alice.write(bob, f"{n}")[1][0]) for n in range(12)]
    # Without their predecessors all but the first are held.
    kept = sum(not bob.receive(letter).deferred for letter in letters[::2])
    kept += sum(not bob.receive(letter).deferred for letter in letters[1::2])
    assert kept == 5
    bob.tx(lambda tx: ordering.release_all(tx, alice.address, NOW))
    assert len(bob.tx(lambda tx: pages.page(tx, alice.address, None, 100))) == 5


def test_k51_all_bytes_of_a_stranger_count_parts_among_them(
    newcomer: Newcomer, bob: Person
) -> None:
    alice = newcomer("alice")
    alice.meet(bob)
    for letter in "abcdefgh":
        for inner in alice.write(bob, letter * 60_000)[1][:2]:  # the last part never comes
            bob.receive(alice.seal(bob, inner))
    _, size_bytes = bob.tx(lambda tx: messages.kept(tx, alice.address))
    assert requests.MAX_BYTES - 62_000 < size_bytes <= requests.MAX_BYTES


def test_k51_what_finds_no_room_is_deferred_and_is_read_once_there_is_some(
    newcomer: Newcomer, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = []
    for name in ("alice", "carol"):
        person = newcomer(name)
        person.meet(bob)
        letters.append(person.seal(bob, person.write(bob, "it is me")[1][0]))
    with monkeypatch.context() as patch:
        patch.setattr(requests, "MAX_REQUESTS", 1)
        patch.setattr(requests, "SURE_A_DAY", 1)
        effects = bob.receive(*letters)
        assert (effects.deferred, effects.undecryptable) == (frozenset({1}), 0)
        assert len(bob.tx(contacts.addresses)) == 1
    assert not bob.receive(letters[1]).deferred
    assert len(bob.tx(contacts.addresses)) == 2


def test_k51_what_a_removed_contact_sends_under_its_own_id_is_not_deferred(
    newcomer: Newcomer, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = newcomer("alice")
    alice.meet(bob)
    bob.receive(alice.seal(bob, alice.write(bob, "it is me")[1][0]))
    answer, effects = bob.write(alice, "hello")
    alice.receive(*[bob.seal(alice, inner) for inner in effects])
    bob.tx(lambda tx: bob.contacts.remove(tx, alice.address, NOW))
    monkeypatch.setattr(requests, "MAX_REQUESTS", 0)
    monkeypatch.setattr(requests, "SURE_A_DAY", 0)
    send_id, envelope = alice.seal(bob, alice.write(bob, "again")[1][0])
    assert send_id != bob.public.send_id
    dropped = bob.receive((send_id, envelope))
    assert (dropped.deferred, dropped.undecryptable) == (frozenset(), 1)
    assert answer.text == "hello"


def test_a_contact_is_not_bounded_as_a_stranger_is(
    newcomer: Newcomer, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MAX_MESSAGES", 0)
    alice = newcomer("alice")
    alice.meet(bob)
    bob.tx(lambda tx: bob.contacts.add(tx, alice.address, "", NOW))
    assert bob.receive(alice.seal(bob, alice.write(bob, "hello")[1][0])).undecryptable == 0


def test_a_database_of_the_version_before_keeps_its_people(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with closing(open_database(path, MIGRATIONS[:2])) as old, transaction(old):
        old.execute(
            "INSERT INTO contacts (address, name, state, added_at, unread, last_sequence)"
            " VALUES (?, 'Bob', 'contact', 5.0, 2, 7)",
            (stranger(1),),
        )
        old.execute(
            "INSERT INTO events (type, at, data) VALUES"
            " ('message.received', 1.0, '{\"conversation\":\"zt1\"}'), ('device.added', 1.0, '{}')"
        )
    with closing(open_database(path, MIGRATIONS)) as new:
        columns = "name, state, added_at, unread, last_sequence, state_at"
        assert new.execute(f"SELECT {columns} FROM contacts").fetchall() == [
            ("Bob", "contact", 5.0, 2, 7, 5.0)
        ]
        found = new.execute("SELECT conversation FROM events ORDER BY seq").fetchall()
        assert found == [("zt1",), (None,)]
