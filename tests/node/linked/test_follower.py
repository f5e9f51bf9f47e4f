"""A replica takes pages into its copy; those of another feed replace everything, bit by bit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple, cast

import pytest
import trio
from trio.testing import MockClock

from zentalk.errors import StorageError
from zentalk.ids import MessageId
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.linked.follower import Follower
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import CommitEffects
from zentalk.store.history import feed, links
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.sqlite import Transaction
from zentalk.wire.content import Content, encode_content
from zentalk.wire.sync import SYNC, Cell, Chunk, RowChange, encode_row, encode_sync

BEFORE, AFTER = b"b" * 16, b"a" * 16
ROWS = 450
"""Of the feed before: more than one transaction forgets."""


class Nobody:
    """An outbox to which nothing is given."""

    async def carry_out(self, _effects: CommitEffects) -> None:
        await trio.lowlevel.checkpoint()


def event(number: int) -> RowChange:
    cells: dict[str, Cell] = {"seq": number, "type": "x", "at": 1.5, "data": "{}"}
    return RowChange("events", str(number).encode().hex(), cells)


def first_page(name: bytes, row: RowChange) -> bytes:
    """Return what brings the first page of a feed."""
    chunk = Chunk(name, b"p" * 8, 0, 1, feed.SCHEMA, 0, 1, encode_row(row))
    content = Content(kind=SYNC, message_id=MessageId(b"m" * 16), raw_body=encode_sync(chunk))
    return encode_content(content)


def follow_before(tx: Transaction) -> None:
    feed.apply(tx, [event(number) for number in range(1, ROWS + 1)])
    feed.set_cursor(tx, BEFORE, ROWS)


def state(tx: Transaction) -> tuple[bytes, list[int]]:
    """Return which feed the copy is of, and the events that are there."""
    seqs = [row[0] for row in tx.execute("SELECT seq FROM events ORDER BY seq")]
    return feed.cursor(tx)[0], seqs


class Replica(NamedTuple):
    """A copy, and what follows into it; `follow` starts that, at first or after a crash."""

    copy: HistoryDatabase
    follow: Callable[[], Awaitable[None]]


async def beginning_anew(tmp_path: Path, nursery: trio.Nursery) -> Replica:
    """Let a replica with a copy of one feed get the first page of another."""
    runtime = Runtime.virtual(1, 1_800_000_000.0)
    database = HistoryDatabase(tmp_path / "link.db", runtime.run_blocking)
    copy = HistoryDatabase(tmp_path / "copy.db", runtime.run_blocking)
    nursery.start_soon(database.run)
    nursery.start_soon(copy.run)
    await copy.write(follow_before)
    await database.write(lambda tx: links.put_inbox(tx, first_page(AFTER, event(9))))

    async def follow() -> None:
        outbox, composer = cast("Outbox", Nobody()), cast("Composer", None)
        with trio.move_on_after(1):
            await Follower(runtime, database, copy, composer, outbox).run()

    await follow()
    return Replica(copy, follow)


async def test_another_feed_replaces_everything(
    tmp_path: Path, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    copy, _ = await beginning_anew(tmp_path, nursery)
    assert await copy.read(state) == (AFTER, [9])
    nursery.cancel_scope.cancel()


async def test_it_does_so_although_it_was_stopped_half_way(
    tmp_path: Path,
    autojump_clock: MockClock,
    nursery: trio.Nursery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reset, calls = feed.reset, iter((True, False))

    def once(tx: Transaction) -> bool:
        if not next(calls):
            raise StorageError("the disk is full")
        return reset(tx)

    with monkeypatch.context() as patch:
        patch.setattr(feed, "reset", once)
        copy, follow = await beginning_anew(tmp_path, nursery)
    name, left = await copy.read(state)
    assert name == BEFORE
    assert 0 < len(left) < ROWS
    await follow()
    assert await copy.read(state) == (AFTER, [9])
    nursery.cancel_scope.cancel()


async def test_control_if_the_page_did_not_wait_for_that_rows_of_two_feeds_would_be_mixed(
    tmp_path: Path,
    autojump_clock: MockClock,
    nursery: trio.Nursery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reset = feed.reset
    monkeypatch.setattr(feed, "reset", lambda tx: reset(tx) and False)
    copy, _ = await beginning_anew(tmp_path, nursery)
    name, left = await copy.read(state)
    assert name == AFTER
    assert len(left) > 1
    nursery.cancel_scope.cancel()
