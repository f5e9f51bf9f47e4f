"""Rows of push endpoints: one for each device, and no news of one is written over another."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from zentalk.store.history import push
from zentalk.store.history.push import PushRow
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.sqlite import open_database

ROW = PushRow(
    "01", "https://a/1", b"k" * 65, b"a" * 16, True, False, ("message.", "x.y"), 5.0, 7
)  # fmt: skip


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path / "history.db", MIGRATIONS)) as connection:
        yield connection


def test_what_is_put_is_read_and_a_device_has_one(tx: sqlite3.Connection) -> None:
    other = replace(ROW, device="02", created_at=4.0, woken_at=6.5, stopped="gone", failures=3)
    for row in (ROW, other):
        push.put(tx, row)
    assert push.every(tx) == [other, ROW]
    changed = replace(ROW, endpoint="https://a/2", is_signed=False, types=())
    push.put(tx, changed)
    assert push.get(tx, "01") == changed
    assert push.remove(tx, "01")
    assert not push.remove(tx, "01")
    assert push.get(tx, "01") is None


def test_news_of_an_endpoint_that_was_replaced_or_removed_are_dropped(
    tx: sqlite3.Connection,
) -> None:
    push.put(tx, ROW)
    news = replace(ROW, woken_at=8.0)
    assert push.update(tx, news)
    for newer in (replace(ROW, endpoint="https://a/2"), replace(ROW, created_at=6.0)):
        push.put(tx, newer)
        assert not push.update(tx, news)
        assert push.get(tx, "01") == newer
    push.remove(tx, "01")
    assert not push.update(tx, news)
    assert push.every(tx) == []
