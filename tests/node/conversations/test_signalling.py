"""Whoever was told that the owner is there is told that it is over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock as Clock

from zentalk.chat.signals import BEAT_SECONDS, PRESENCE_SECONDS
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.conversations.signal_board import SignalBoard
from zentalk.node.conversations.signalling import LOOK_SECONDS, Signalling
from zentalk.node.messages.conversation import signals
from zentalk.node.messages.effects import BestEffortInner
from zentalk.store.history.database import HistoryDatabase

BOB, CAROL = UserAddress(b"b" * 32), UserAddress(b"c" * 32)


class Sent:
    """In the place of the outbox: whether the owner is there, as it was told, and when."""

    def __init__(self) -> None:
        self.told: list[tuple[float, bool]] = []

    def send_best_effort(self, made: BestEffortInner) -> None:
        self.told.append((trio.current_time(), made.inner == b"True"))

    def shown(self) -> bool:
        """Return what its reader shows now."""
        at, there = self.told[-1] if self.told else (0.0, False)
        return there and trio.current_time() < at + PRESENCE_SECONDS


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def signalling(tmp_path: Path, sent: Sent, monkeypatch: pytest.MonkeyPatch) -> Iterator[Signalling]:
    virtual = Runtime.virtual(1, 0.0)
    monkeypatch.setattr(
        signals, "make", lambda _tx, _composer, _person, body: str(body.online).encode()
    )
    with closing(HistoryDatabase(tmp_path / "history.db", virtual.run_blocking)) as database:
        outbox: Any = sent
        composer: Any = None  # nothing is encrypted here
        yield Signalling(virtual, database, composer, outbox, SignalBoard(virtual))


@asynccontextmanager
async def running(signalling: Signalling) -> AsyncIterator[None]:
    """Let signals be sent, to people of whom something comes all the time."""

    async def hear() -> None:
        while True:
            signalling.board.took_in([BOB, CAROL], [])
            await trio.sleep(LOOK_SECONDS)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(signalling._database.run)
        nursery.start_soon(hear)
        nursery.start_soon(signalling.run)
        await trio.testing.wait_all_tasks_blocked()
        yield
        nursery.cancel_scope.cancel()


async def beat(signalling: Signalling, times: int) -> None:
    for _ in range(times):
        await signalling.shows("phone", [BOB])
        await trio.sleep(BEAT_SECONDS)


async def test_e3_who_was_there_for_minutes_is_told_of_as_gone(
    signalling: Signalling, sent: Sent, autojump_clock: Clock
) -> None:
    async with running(signalling):
        await beat(signalling, 5)
        await signalling.shows("phone", [BOB])
        assert sent.shown()
        await signalling.shows("phone", [])
        await trio.sleep(BEAT_SECONDS + LOOK_SECONDS)
    assert not sent.told[-1][1]
    assert [there for _, there in sent.told].count(False) == 1


async def test_who_comes_back_before_that_could_be_said_is_still_there(
    signalling: Signalling, sent: Sent, autojump_clock: Clock
) -> None:
    async with running(signalling):
        await beat(signalling, 5)
        await signalling.shows("phone", [])
        await signalling.shows("phone", [BOB])
        await beat(signalling, 3)
        assert sent.shown()


async def test_nothing_is_said_of_it_once_its_readers_have_forgotten(
    signalling: Signalling, sent: Sent, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(signalling):
        await beat(signalling, 2)
        monkeypatch.setattr(signalling.board, "may_send", lambda *_: False)
        await signalling.shows("phone", [])
        assert signalling._told
        await trio.sleep(PRESENCE_SECONDS + LOOK_SECONDS)
        assert not signalling._told
    assert all(there for _, there in sent.told)


async def test_two_devices_that_leave_at_once_say_it_once(
    signalling: Signalling, sent: Sent, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = signalling._database.write

    async def slow(job: Any) -> Any:
        await trio.sleep(0.1)
        return await write(job)

    async with running(signalling):
        await signalling.shows("phone", [BOB, CAROL])
        monkeypatch.setattr(signalling._database, "write", slow)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(signalling.shows, "phone", [])
            await trio.sleep(0.05)
            nursery.start_soon(signalling.shows, "laptop", [])
    assert [there for _, there in sent.told] == [True, True, False, False]
