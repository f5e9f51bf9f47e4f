"""Rows about holders: silence, what is left over, and places in a file's list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.store.test_files import FILE
from zentalk.errors import UnavailableError
from zentalk.ids import NodeId, ShardId
from zentalk.store.history import file_care, files
from zentalk.store.history.file_care import Leftover
from zentalk.store.history.files import FilePart, FileState, PartKind
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.sqlite import Transaction, open_database

A, B, C = (NodeId(letter * 32) for letter in (b"a", b"b", b"c"))
ONE, TWO = ShardId(b"1" * 32), ShardId(b"2" * 32)
KEPT = replace(FILE, cid=b"c" * 32, state=FileState.KEPT, holders=(A, B), slots=bytes(15))


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Transaction]:
    with closing(open_database(tmp_path / "history.db", MIGRATIONS)) as connection:
        files.insert(connection, KEPT)
        files.put_part(connection, KEPT.id, FilePart(PartKind.DATA, 0, b"x" * 480, bytes(15)))
        yield connection


def test_what_is_left_over_stays_until_it_is_gone(tx: Transaction) -> None:
    file_care.leave(tx, KEPT.id, [Leftover(A, ONE, 90.0, is_due=False), Leftover(B, TWO, 80.0)])
    assert file_care.with_leftovers(tx, 10.0) == [KEPT.id]
    file_care.not_left(tx, KEPT.id, [(B, TWO)])
    assert file_care.with_leftovers(tx, 10.0) == []
    assert file_care.with_leftovers(tx, 90.0) == [KEPT.id]
    file_care.leave(tx, KEPT.id, [Leftover(A, ONE, 70.0)])
    assert file_care.leftovers(tx, KEPT.id) == [Leftover(A, ONE, 90.0, is_due=True)]
    files.forget(tx, KEPT.id)
    assert file_care.leftovers(tx, KEPT.id) == []


def test_silence_does_not_outlast_the_sleep_of_the_node(tx: Transaction) -> None:
    file_care.awake(tx, 1000.0, 50.0)
    file_care.set_silence(tx, KEPT.id, {A: 5.0})
    file_care.awake(tx, 1049.0, 50.0)
    assert file_care.silence(tx, KEPT.id) == {A: 5.0}
    file_care.awake(tx, 1099.0, 50.0)
    assert file_care.silence(tx, KEPT.id) == {}


def test_holders_get_places_and_those_that_nobody_has_are_given_again(
    tx: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert file_care.numbers_of(tx, KEPT, [B, C, B]) == [1, 2, 1]
    now = files.get(tx, KEPT.id)
    assert now is not None
    assert now.holders == (A, B, C)
    monkeypatch.setattr(file_care, "MAX_HOLDERS", 3)
    new, newer, none = (NodeId(letter * 32) for letter in (b"d", b"e", b"f"))
    assert sorted(file_care.numbers_of(tx, now, [new, newer])) == [1, 2]
    full = files.get(tx, KEPT.id)
    assert full is not None
    assert full.holders[0] == A
    with pytest.raises(UnavailableError):
        file_care.numbers_of(tx, full, [new, newer, none])


def test_a_file_is_found_by_the_cid_it_had(tx: Transaction) -> None:
    files.rotated(tx, replace(KEPT, cid=b"d" * 32, share_secret=b"n" * 32))
    assert files.by_cid(tx, b"c" * 32) is None
    for cid in (b"c" * 32, b"d" * 32):
        found = files.by_cid(tx, cid) or files.by_former_cid(tx, cid)
        assert found is not None
        assert (found.id, found.share_secret) == (KEPT.id, b"n" * 32)


def test_a_new_version_is_shown_once_it_takes_the_place_of_the_old(tx: Transaction) -> None:
    new = replace(KEPT, id=b"n" * 16, cid=b"n" * 32, version=2, replaces=KEPT.id)
    files.insert(tx, new)
    assert [file.id for file in files.every(tx)] == [KEPT.id]
    assert files.older_than(tx, 2) == KEPT
    assert files.moving(tx) == new
    files.replaced(tx, KEPT.id, new.id)
    assert files.moving(tx) is None
    assert files.older_than(tx, 2) is None
    assert [file.state for file in files.every(tx)] == [FileState.DELETING, FileState.KEPT]
    found = files.by_former_cid(tx, b"c" * 32)
    assert found is not None
    assert found.id == new.id
