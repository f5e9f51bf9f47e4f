"""When devices were last seen, and who is connected, as the node's own task keeps it."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from zentalk.errors import StorageError
from zentalk.net.runtime import Runtime
from zentalk.node.devices import attendance as module
from zentalk.node.devices.attendance import Attendance
from zentalk.store.history import devices_seen
from zentalk.store.history.database import HistoryDatabase

START = 1_800_000_000.0
PHONE = "00" * 8


@pytest.fixture
async def attendance(
    database: HistoryDatabase,
) -> AsyncIterator[Attendance]:
    attendance = Attendance(Runtime.virtual(1, START), database)
    attendance.load()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(attendance.run)
        yield attendance
        nursery.cancel_scope.cancel()


def counted(database: HistoryDatabase, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, float]]:
    """Return a list that grows by what each write holds."""
    written: list[dict[str, float]] = []
    put = devices_seen.put

    def noted(tx: Any, seen: Any) -> None:
        written.append(dict(seen))
        put(tx, seen)

    monkeypatch.setattr(devices_seen, "put", noted)
    return written


async def request(attendance: Attendance) -> None:
    attendance.began(PHONE)
    attendance.ended(PHONE)


async def busy_for(seconds: int, attendance: Attendance) -> None:
    for _ in range(seconds * 2):
        await request(attendance)
        await trio.sleep(0.5)


async def test_e4_a_device_is_written_down_once_a_minute(
    autojump_clock: MockClock,
    database: HistoryDatabase,
    attendance: Attendance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = counted(database, monkeypatch)
    assert attendance.last_seen(PHONE) is None
    await busy_for(600, attendance)
    assert 10 <= len(written) <= 11
    assert attendance.last_seen(PHONE) == START + 540
    again = Attendance(Runtime.virtual(1, START), database)
    again.load()
    assert again.last_seen(PHONE) == START + 540
    assert again.connected() == frozenset()


async def test_e4_control_without_the_minute_every_request_is_a_write(
    autojump_clock: MockClock,
    database: HistoryDatabase,
    attendance: Attendance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = counted(database, monkeypatch)
    monkeypatch.setattr(module, "WRITE_SECONDS", 0.1)
    await busy_for(60, attendance)
    assert len(written) > 100


async def test_e4_a_silent_device_leaves_after_300_seconds(
    autojump_clock: MockClock, attendance: Attendance
) -> None:
    with trio.fail_after(10):
        await request(attendance)
        await attendance.wait_facts(0)
    began = trio.current_time()
    assert attendance.connected() == {PHONE}
    await attendance.wait_facts(1)
    assert trio.current_time() - began == pytest.approx(300)
    assert attendance.connected() == frozenset()
    facts = [(each.number, each.fact.type) for each in attendance.facts(0)]
    assert facts == [(1, "device.connected"), (2, "device.disconnected")]
    assert [each.number for each in attendance.facts(1)] == [2]


async def test_e4_a_stream_holds_a_device_here(
    autojump_clock: MockClock, attendance: Attendance
) -> None:
    attendance.began(PHONE)
    await trio.sleep(10_000)
    assert attendance.connected() == {PHONE}
    attendance.forget(PHONE)
    attendance.ended(PHONE)
    assert attendance.connected() == frozenset()
    assert attendance.last_seen(PHONE) is None


async def test_facts_are_bounded(autojump_clock: MockClock, attendance: Attendance) -> None:
    for number in range(module.MAX_FACTS):
        attendance.began(str(number))
        attendance.forget(str(number))
    facts = attendance.facts(0)
    assert (len(facts), facts[-1].number) == (module.MAX_FACTS, 2 * module.MAX_FACTS)


async def test_a_full_disk_stops_nothing(
    autojump_clock: MockClock,
    attendance: Attendance,
    database: HistoryDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(_tx: object, _seen: object) -> None:
        raise StorageError("the disk is full")

    put: Callable[..., None] = devices_seen.put
    monkeypatch.setattr(devices_seen, "put", full)
    await busy_for(90, attendance)
    assert database.read_now(devices_seen.every) == {}
    monkeypatch.setattr(devices_seen, "put", put)
    await busy_for(60, attendance)
    assert list(database.read_now(devices_seen.every)) == [PHONE]
