"""How holders are asked: what is read of each, and what that says."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from tests.node.files.care.support import book_of, flip, piece
from tests.node.files.conftest import Opened, Owner
from tests.node.files.shelves import Shelf, Shelves
from tests.node.files.test_library import MIB, calls_of, data_of, reads
from zentalk.mesh.audit import SAMPLES, ShardVerdict
from zentalk.net.runtime import Runtime
from zentalk.node.files.care import checking
from zentalk.node.files.care.books import FileBook
from zentalk.node.files.care.checking import CheckResult, FileChecker
from zentalk.node.files.holders.calls import HolderCalls


async def check(owner: Owner, book: FileBook, chance: float = 1.0) -> CheckResult:
    runtime = Runtime.virtual(3, 1_800_000_000.0)
    return await FileChecker(runtime, HolderCalls(runtime, owner.links)).check(book, chance)


def found(book: FileBook, shelf: Shelf, verdict: ShardVerdict) -> int:
    """Return how many shards of a holder are known to be that."""
    known = list(book.known.known)
    return sum((one.holder, one.verdict) == (shelf.node_id, verdict) for one in known)


@pytest.mark.parametrize("chance", [0.0, 1.0])
async def test_of_each_holder_three_shards_are_read_or_as_many_as_there_is_room_for(
    opened: Opened, autojump_clock: MockClock, chance: float
) -> None:
    shelves = Shelves(15)
    async with opened(shelves) as alice:
        cid = await alice.put(data_of(12 * MIB))
        before = reads(shelves)
        result = await check(alice, await book_of(alice, cid), chance)
        assert len(result.answered) == 15
        assert reads(shelves) - before == 15 * SAMPLES * chance
        assert calls_of(shelves, "shard.look") == 15


async def test_where_one_is_not_right_more_are_read(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(15)
    async with opened(shelves) as alice:
        cid = await alice.put(data_of(15 * MIB))
        book = await book_of(alice, cid)
        assert flip(shelves[4], piece) == 15
        await check(alice, book)
        assert found(book, shelves[4], ShardVerdict.CORRUPT) >= 15
        assert not found(book, shelves[5], ShardVerdict.CORRUPT)


async def test_control_without_that_three_are_found(
    opened: Opened, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "MORE_SAMPLES", 0)
    shelves = Shelves(15)
    async with opened(shelves) as alice:
        cid = await alice.put(data_of(15 * MIB))
        book = await book_of(alice, cid)
        flip(shelves[4], piece)
        await check(alice, book)
        assert 0 < found(book, shelves[4], ShardVerdict.CORRUPT) <= SAMPLES


async def test_who_says_that_it_has_a_shard_and_has_it_not_is_given_no_more(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(15)
    async with opened(shelves) as alice:
        cid = await alice.put(data_of(70_000))
        book = await book_of(alice, cid)
        lying = shelves[3]
        for one in [one for one, content in lying.contents.items() if piece(content)]:
            lying.promised[one] = lying.kept[one].expiry_hour
            del lying.contents[one]
        await check(alice, book)
        assert found(book, lying, ShardVerdict.CORRUPT) == 1
        assert lying.node_id in book.known.spoilers


async def test_timeout_missing_and_corrupt_are_kept_apart(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(15)
    async with opened(shelves) as alice:
        cid = await alice.put(data_of(70_000))
        book = await book_of(alice, cid)
        shelves[0].dead = True
        flip(shelves[1], piece)
        for one in [one for one, content in shelves[2].contents.items() if piece(content)]:
            del shelves[2].contents[one], shelves[2].kept[one]
        result = await check(alice, book)
        assert result.silent == {shelves[0].node_id} == set(book.known.silent_since)
        verdicts = (ShardVerdict.CORRUPT, ShardVerdict.MISSING)
        counts = [[found(book, shelves[at], one) for one in verdicts] for at in range(4)]
        assert counts == [[0, 0], [1, 0], [0, 1], [0, 0]]
