"""Queries of the history database that are easy to get wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from zentalk.ids import MailboxId, MessageId, NodeId, UserAddress
from zentalk.store.history import (
    contacts,
    events,
    later_schema,
    messages,
    outbox,
    parts,
    prekeys,
    ratchets,
    request_keys,
    settings,
)
from zentalk.store.history.models import (
    ContactState,
    Direction,
    MessageState,
    RequestKey,
    StoredEvent,
)
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.sqlite import open_database

CONTACT = UserAddress(b"c" * 32)
MESSAGE = MessageId(b"m" * 16)


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_database(tmp_path / "history.db", MIGRATIONS)
    yield connection
    connection.close()


def add_item(tx: sqlite3.Connection) -> int:
    item = outbox.add(
        tx, message_id=MESSAGE, contact=CONTACT, content=b"x", item_key=b"k" * 16,
        now=1.0, expires_at=2.0,
    )  # fmt: skip
    assert outbox.get(tx, item.item) == item
    return item.item


def test_holders_of_an_item_are_kept_as_bytes_and_counted_once(tx: sqlite3.Connection) -> None:
    item = add_item(tx)
    one, two = NodeId(b"\xff" * 32), NodeId(b"\x80" * 32)
    assert outbox.add_holder(tx, item, one) == MESSAGE
    assert outbox.add_holder(tx, item, one) is None
    assert outbox.add_holder(tx, item, two) == MESSAGE
    stored = outbox.get(tx, item)
    assert stored is not None
    assert stored.held_by == {one, two}


def test_states_of_a_message_only_go_forward(tx: sqlite3.Connection) -> None:
    messages.insert(
        tx, message_id=MESSAGE, contact=CONTACT, direction=Direction.OUT, kind="text", text="x",
        state=MessageState.QUEUED, sender_sequence=1, sent_at=1.0, now=1.0,
    )  # fmt: skip
    assert messages.set_state(tx, MESSAGE, CONTACT, MessageState.SENT)
    assert not messages.set_state(tx, MESSAGE, CONTACT, MessageState.SENT)
    assert messages.set_state(tx, MESSAGE, CONTACT, MessageState.DELIVERED)
    assert not messages.set_state(tx, MESSAGE, CONTACT, MessageState.SENT)
    assert not messages.set_state(tx, MESSAGE, CONTACT, MessageState.FAILED)
    assert not messages.set_state(tx, MESSAGE, UserAddress(b"d" * 32), MessageState.DELIVERED)


def test_parts_become_whole_once_all_are_there_in_any_order(tx: sqlite3.Connection) -> None:
    def add(part: int) -> bytes | None:
        return parts.add_part(
            tx, contact=CONTACT, message_id=MESSAGE, part=part, parts=3,
            data=b"abc"[part : part + 1], now=1.0,
        )  # fmt: skip

    assert [add(2), add(0), add(2), add(1)] == [None, None, None, b"abc"]


def test_the_newest_one_time_keys_of_one_mailbox_are_kept(tx: sqlite3.Connection) -> None:
    here, there = MailboxId(b"h" * 32), MailboxId(b"t" * 32)
    for at in range(5):
        prekeys.add(tx, "once", b"secret", float(at), here)
        prekeys.add(tx, "once", b"secret", float(at), there)
    prekeys.add(tx, "signed", b"secret", 1.0)
    prekeys.keep_newest_once(tx, here, 2)
    assert [n for n in range(1, 12) if prekeys.get(tx, "once", n)] == [2, 4, 6, 7, 8, 9, 10]
    assert prekeys.get(tx, "signed", 1) == b"secret"


def test_a_contact_knows_the_version_of_our_route_from_its_first_row_on(
    tx: sqlite3.Connection,
) -> None:
    assert contacts.insert(tx, CONTACT, "", ContactState.CONTACT, 1.0).own_route_version == 0
    settings.put(tx, settings.ROUTE_VERSION, (300).to_bytes(8, "big"))
    row = contacts.get(tx, CONTACT)
    assert row is not None
    assert (row.own_route_known, row.own_route_version) == (0, 300)
    other = contacts.insert(tx, UserAddress(b"d" * 32), "", ContactState.REQUEST, 1.0)
    assert other.own_route_version == 300


def test_the_tail_of_the_log_tells_each_event_once_and_in_order(tx: sqlite3.Connection) -> None:
    events.append(tx, "old", 1.0, {})
    told: list[StoredEvent] = []
    tail = events.EventTail(events.last_seq(tx))
    tail.on_events = told.extend
    assert tail.after_commit(tx) is None
    for number in range(3):
        events.append(tx, "new", 2.0, {"number": number})
    tell = tail.after_commit(tx)
    assert tell is not None
    assert told == []
    tell()
    assert [(event.type, event.data["number"]) for event in told] == [
        ("new", 0),
        ("new", 1),
        ("new", 2),
    ]
    assert tail.after_commit(tx) is None


def test_k50_what_was_read_before_version_4_is_still_known(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with closing(open_database(path, MIGRATIONS[:3])) as earlier:
        earlier.execute("INSERT INTO seen VALUES (?, ?, ?, 9e9)", (b"h", b"bob", b"id"))
    with closing(open_database(path, MIGRATIONS)) as tx:
        known = ratchets.seen(tx, b"h")
        assert known is not None
        assert (known.message_id, known.envelopes, known.confirmation) == (b"id", b"", None)


def test_a_key_of_before_devices_had_their_own_holds_for_all_of_them(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    before = MIGRATIONS.index(later_schema._V8)
    made = (b"request", MessageId(b"i" * 16))
    with closing(open_database(path, MIGRATIONS[:before])) as earlier:
        earlier.execute("INSERT INTO idempotency VALUES ('k', ?, ?, 1.0)", made)
    with closing(open_database(path, MIGRATIONS)) as tx:
        assert request_keys.by_key(tx, RequestKey("k", "phone")) == made
        assert request_keys.by_key(tx, RequestKey("k")) == made
        assert request_keys.by_key(tx, RequestKey("other")) is None
        own = (b"another", MessageId(b"j" * 16))
        request_keys.remember_key(tx, RequestKey("k", "phone"), *own, 2.0)
        assert request_keys.by_key(tx, RequestKey("k", "phone")) == own
        assert request_keys.by_key(tx, RequestKey("k")) == made
