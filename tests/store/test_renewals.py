"""What speaks against a contact's ratchets survives a restart, and stays short."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from zentalk.ids import UserAddress
from zentalk.store.history import renewals
from zentalk.store.history.renewals import RenewalRow
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.sqlite import open_database

ALICE, BOB = UserAddress(b"a" * 32), UserAddress(b"b" * 32)
HASHES = frozenset(bytes([number]) * 32 for number in range(3))


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path / "history.db", MIGRATIONS)) as connection:
        yield connection


def test_a_row_comes_back_as_it_was(tx: sqlite3.Connection) -> None:
    assert renewals.get(tx, ALICE) == RenewalRow()
    row = RenewalRow(HASHES, 7_200.0, 5.0, 2, 6.0, b"prekeys!")
    renewals.put(tx, ALICE, RenewalRow())
    renewals.put(tx, ALICE, row)
    assert (renewals.get(tx, ALICE), renewals.get(tx, BOB)) == (row, RenewalRow())


def test_success_takes_evidence_back_and_leaves_the_limit(tx: sqlite3.Connection) -> None:
    renewals.put(tx, ALICE, RenewalRow(HASHES, 7_200.0, 5.0, 2, 6.0, b"prekeys!"))
    assert renewals.suspects(tx, 3) == [ALICE]
    renewals.clear(tx, ALICE)
    assert renewals.get(tx, ALICE) == RenewalRow(frozenset(), 7_200.0, 5.0, 0, None, None)
    assert renewals.suspects(tx, 3) == []


def test_an_older_database_gets_the_table(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    open_database(path, MIGRATIONS[:1]).close()
    with closing(open_database(path, MIGRATIONS)) as connection:
        assert renewals.suspects(connection, 1) == []
