"""Reads share hops to a thread, and nothing else: neither their errors nor their fate."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
import trio
import trio.testing

from zentalk.errors import StorageError
from zentalk.store.reader import MAX_BATCH, BatchReader
from zentalk.store.sqlite import Transaction

T = TypeVar("T")


class Hops:
    """Runs blocking calls inline, each when it is let go."""

    def __init__(self) -> None:
        self.count = 0
        self.under_way = 0
        self.most = 0
        self.go = trio.Event()
        self.error: Exception | None = None

    async def __call__(self, function: Callable[[], T], /) -> T:
        self.count += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.go.wait()
            await trio.lowlevel.checkpoint()
            if self.error is not None:
                raise self.error
            return function()
        finally:
            self.under_way -= 1


@pytest.fixture
def connections() -> Iterator[list[sqlite3.Connection]]:
    opened = [sqlite3.connect(":memory:") for _ in range(2)]
    yield opened
    for one in opened:
        one.close()


@pytest.fixture
def hops() -> Hops:
    return Hops()


@pytest.fixture
def reader(connections: list[sqlite3.Connection], hops: Hops, tmp_path: Path) -> BatchReader:
    return BatchReader(connections, hops, tmp_path)


def number(n: int) -> Callable[[Transaction], int]:
    return lambda tx: int(tx.execute("SELECT ?", (n,)).fetchone()[0])


def broken(tx: Transaction) -> int:
    return int(tx.execute("SELECT nothing").fetchone()[0])


def buggy(_tx: Transaction) -> int:
    raise KeyError


@pytest.mark.parametrize("count", [3, 40, 200])
async def test_those_who_wait_share_hops_and_each_has_its_own_answer(
    reader: BatchReader, hops: Hops, count: int
) -> None:
    found: dict[int, int] = {}

    async def ask(n: int) -> None:
        found[n] = await reader.read(number(n))

    async with trio.open_nursery() as nursery:
        for n in range(count):
            nursery.start_soon(ask, n)
        await trio.testing.wait_all_tasks_blocked()
        assert hops.count == 2, "one for each connection"
        hops.go.set()
    assert found == {n: n for n in range(count)}
    # Two that are let go at once share what is left, however little it is.
    fewest = 2 + math.ceil((count - 2) / MAX_BATCH)
    assert fewest <= hops.count <= fewest + 1
    assert hops.most == 2, "no connection has two readers"


async def test_nobody_is_passed_over_while_others_come(reader: BatchReader, hops: Hops) -> None:
    hops.go.set()
    left = [MAX_BATCH * 6]

    async def ask_again_and_again() -> None:
        while left[0] > 0:
            left[0] -= 1
            await reader.read(number(1))

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(ask_again_and_again)
    assert (hops.most, hops.under_way) == (2, 0)
    assert await reader.read(number(7)) == 7


async def test_an_error_is_that_of_its_own_query(reader: BatchReader, hops: Hops) -> None:
    said: list[object] = []

    async def ask(query: Callable[[Transaction], int]) -> None:
        try:
            said.append(await reader.read(query))
        except (StorageError, KeyError) as error:
            said.append(type(error))

    async with trio.open_nursery() as nursery:
        for query in (number(1), number(2), broken, buggy, number(3)):
            nursery.start_soon(ask, query)
        await trio.testing.wait_all_tasks_blocked()
        hops.go.set()
    assert sorted(map(str, said)) == sorted(map(str, [1, 2, 3, StorageError, KeyError]))


async def test_trouble_is_that_of_the_last_query(reader: BatchReader, hops: Hops) -> None:
    hops.go.set()
    with pytest.raises(StorageError) as failed:
        await reader.read(broken)
    assert reader.trouble == failed.value.public
    assert await reader.read(number(1)) == 1
    assert reader.trouble is None


async def test_whoever_is_cancelled_leaves_the_others_their_answers(
    reader: BatchReader, hops: Hops
) -> None:
    found: list[int] = []

    async def ask(n: int) -> None:
        found.append(await reader.read(number(n)))

    async with trio.open_nursery() as nursery, trio.open_nursery() as leaving:
        for n in range(4):  # two that read and two that wait
            leaving.start_soon(ask, n)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(ask, 9)
        await trio.testing.wait_all_tasks_blocked()
        leaving.cancel_scope.cancel()
        hops.go.set()
    assert 9 in found
    assert await reader.read(number(8)) == 8


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_whoever_was_cancelled_does_not_go_on(
    reader: BatchReader, hops: Hops, when: str
) -> None:
    """It would go on to write into a database that was closed behind it."""
    scope = trio.CancelScope()

    async def ask() -> None:
        with scope:
            await reader.read(number(1))
            pytest.fail("it went on")

    if when == "before":
        scope.cancel()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        scope.cancel()
        hops.go.set()
    assert scope.cancelled_caught


async def test_a_hop_that_fails_fails_all_that_it_was_for_and_no_more(
    reader: BatchReader, hops: Hops
) -> None:
    failed: list[int] = []
    hops.error = RuntimeError("no thread")

    async def ask(n: int) -> None:
        with pytest.raises(RuntimeError):
            await reader.read(number(n))
        failed.append(n)

    async with trio.open_nursery() as nursery:
        for n in range(5):
            nursery.start_soon(ask, n)
        await trio.testing.wait_all_tasks_blocked()
        hops.go.set()
    assert sorted(failed) == [0, 1, 2, 3, 4]
    hops.error = None
    assert await reader.read(number(6)) == 6
