"""Counting a relay's envelopes from outside, while its own process holds the database."""

from pathlib import Path

import pytest

from tests.mailbox.support import entry, envelope, mailbox_id
from zentalk.errors import StorageError
from zentalk.mailbox.storage import ChangeSendIds, DeleteEnvelopes, PutEnvelope, Room
from zentalk.mailbox.stored import SaveMailbox
from zentalk.store.mailbox.count import count_envelopes
from zentalk.store.mailbox.sqlite import SqliteMailboxStore

BOB = mailbox_id("bob")


def test_the_count_follows_what_is_committed(tmp_path: Path) -> None:
    path = tmp_path / "queue-0.db"
    store = SqliteMailboxStore(path)
    store.apply([SaveMailbox(BOB, 1, 0, 10**6, last_resort_used=False)])
    store.apply([ChangeSendIds(BOB, (entry("bob"),), ())])
    assert count_envelopes(path) == 0
    store.apply([PutEnvelope(envelope(seq), Room.FREE) for seq in (1, 2, 3)])
    assert count_envelopes(path) == 3
    store.apply([DeleteEnvelopes(BOB, (2,))])
    assert count_envelopes(path) == 2
    store.close()
    assert count_envelopes(path) == 2


def test_what_is_no_queue_database_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        count_envelopes(tmp_path / "queue-0.db")
    assert not list(tmp_path.iterdir()), "counting must not make one"
