"""What was made since the last commit is kept, and nothing longer than that."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing

from zentalk.net.runtime import Runtime
from zentalk.store.history import settings
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.sqlite import Transaction
from zentalk.store.writer import MAX_KEPT, SinceCommit


class Makes:
    """Counts how often something was made."""

    def __init__(self) -> None:
        self.times = 0

    async def __call__(self) -> int:
        self.times += 1
        return self.times


async def test_a_value_is_made_once_until_it_is_forgotten() -> None:
    kept, make, other = SinceCommit(), Makes(), Makes()
    assert [await kept.get("a", make) for _ in range(3)] == [1, 1, 1]
    assert await kept.get("b", other) == 1
    kept.forget()
    assert [await kept.get("a", make) for _ in range(3)] == [2, 2, 2]


async def test_what_was_begun_before_a_commit_is_not_kept_after_it() -> None:
    kept = SinceCommit()

    async def overtaken() -> str:
        kept.forget()
        return "old"

    assert await kept.get("a", overtaken) == "old"
    assert await kept.get("a", Makes()) == 1


async def test_an_error_is_not_kept() -> None:
    kept = SinceCommit()

    async def fail() -> int:
        raise KeyError

    with pytest.raises(KeyError):
        await kept.get("a", fail)
    assert await kept.get("a", Makes()) == 1


async def test_there_is_a_bound() -> None:
    kept, make = SinceCommit(), Makes()
    for number in range(MAX_KEPT):
        await kept.get(str(number), make)
    beyond = Makes()
    assert [await kept.get("beyond", beyond) for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("fails", [False, True])
async def test_every_batch_of_a_database_forgets_before_its_callers_go_on(
    tmp_path: Path, nursery: trio.Nursery, fails: bool
) -> None:
    database = HistoryDatabase(tmp_path / "history.db", Runtime.virtual(1, 0.0).run_blocking)
    nursery.start_soon(database.run)

    def job(tx: Transaction) -> None:
        settings.put(tx, "name", b"new")
        if fails:
            raise KeyError

    make = Makes()
    await database.since_commit.get("a", make)
    with pytest.raises(KeyError) if fails else trio.CancelScope():
        await database.write(job)
    assert await database.since_commit.get("a", make) == 2
