"""No test sleeps above a second of real time, and both guards against it work."""

import time
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.sleeps import RHYTHMS, TESTS, long_sleeps


def test_no_test_sleeps_for_long() -> None:
    found = [
        call
        for path in sorted(TESTS.rglob("*.py"))
        for call in long_sleeps(path.read_text("utf-8"), path.relative_to(TESTS).as_posix())
    ]
    assert not found


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("time.sleep(1)", 0),
        ("time.sleep(1.5)", 1),
        ("await trio.sleep(2)", 1),
        ("await trio.sleep(TICK)", 0),
        ("await trio.sleep(30 * TICK)", 1),
        ("await trio.sleep(1 / TICK)", 1),
        ("await trio.sleep(TICK + LONG)", 1),
        ("await trio.sleep(self.pace)", 0),
    ],
)
def test_a_long_sleep_is_found(body: str, found: int) -> None:
    source = f"TICK = 0.1\nLONG: float = 5\nasync def test() -> None:\n    {body}\n"
    assert len(list(long_sleeps(source))) == found


def test_in_virtual_time_only_threads_may_not_sleep() -> None:
    source = "def test(autojump_clock):\n    trio.sleep(60)\n    time.sleep(60)\n"
    assert list(long_sleeps(source, "a.py")) == ["a.py:3 time.sleep(60)"]


@pytest.mark.parametrize(("file", "function"), sorted(RHYTHMS))
def test_each_exception_is_still_one(file: str, function: str) -> None:
    source = Path(TESTS, file).read_text("utf-8")
    assert list(long_sleeps(source, "another name"))
    assert f"def {function}(" in source


def test_a_long_sleep_fails() -> None:
    seconds = 1.5
    with pytest.raises(pytest.fail.Exception, match=r"sleeps for 1.5 s"):
        time.sleep(seconds)
    time.sleep(0.001)


async def test_a_long_sleep_of_a_task_fails() -> None:
    with pytest.raises(pytest.fail.Exception, match="sleeps for 2 s"):
        await trio.sleep(2)
    await trio.sleep(0.001)


async def test_a_long_sleep_in_virtual_time_is_none(autojump_clock: MockClock) -> None:
    await trio.sleep(1000)
    assert trio.current_time() == 1000
