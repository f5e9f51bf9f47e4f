"""Nodes in the background: a crash stays with its node and is told."""

import pytest
import trio

from zentalk.errors import ConfigError, StorageError, UnavailableError
from zentalk.sim.background import Background


class Entry:
    """Serves until told to fail."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.fail = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[str]) -> None:
        task_status.started("here")
        await self.fail.wait()
        async with trio.open_nursery():
            if self.error is not None:
                raise self.error


async def test_a_crash_is_told_and_ends_nobody_else(nursery: trio.Nursery) -> None:
    crashes: list[str] = []
    broken, sound = Entry(KeyError("zt1secret")), Entry()
    first, second = Background("one", crashes.append), Background("two", crashes.append)
    assert await first.start(nursery, broken.run) == "here"
    await second.start(nursery, sound.run)
    broken.fail.set()
    await trio.testing.wait_all_tasks_blocked()
    assert first.ended
    assert not second.ended
    assert len(crashes) == 1
    assert crashes[0].startswith("one: KeyError at ")
    assert "secret" not in crashes[0]


@pytest.mark.parametrize("error", [StorageError("the disk is gone"), None])
async def test_an_end_that_nobody_asked_for_is_a_crash(
    nursery: trio.Nursery, error: Exception | None
) -> None:
    crashes: list[str] = []
    entry = Entry(error)
    await Background("one", crashes.append).start(nursery, entry.run)
    entry.fail.set()
    await trio.testing.wait_all_tasks_blocked()
    assert crashes == [f"one: {error or 'it ended by itself'}"]


async def test_a_kill_is_no_crash(nursery: trio.Nursery) -> None:
    crashes: list[str] = []
    running = Background("one", crashes.append)
    await running.start(nursery, Entry().run)
    await running.kill()
    assert running.ended
    assert crashes == []


async def test_the_end_of_the_run_is_no_crash() -> None:
    crashes: list[str] = []
    async with trio.open_nursery() as nursery:
        await Background("one", crashes.append).start(nursery, Entry().run)
        nursery.cancel_scope.cancel()
    assert crashes == []


async def test_what_cannot_start_raises_its_own_error(nursery: trio.Nursery) -> None:
    async def run(*, task_status: trio.TaskStatus[str]) -> None:
        raise ExceptionGroup("of a nursery", [ConfigError("the port is taken")])

    crashes: list[str] = []
    with pytest.raises(ConfigError, match="the port is taken"):
        await Background("one", crashes.append).start(nursery, run)
    assert crashes == []


async def test_what_ends_before_it_serves_did_not_start(nursery: trio.Nursery) -> None:
    async def run(*, task_status: trio.TaskStatus[str]) -> None:
        await trio.lowlevel.checkpoint()

    with pytest.raises(UnavailableError, match="did not start"):
        await Background("one", print).start(nursery, run)


async def test_calls_end_with_the_node(nursery: trio.Nursery) -> None:
    running = Background("one", print)
    await running.start(nursery, Entry().run)

    async def ask() -> None:
        with pytest.raises(UnavailableError):
            await running.call(trio.sleep_forever)

    async with trio.open_nursery() as asking:
        asking.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        await running.kill()
    with pytest.raises(UnavailableError):
        await running.call(trio.lowlevel.checkpoint)
