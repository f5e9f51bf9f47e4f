"""What is swept every hour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import trio
from trio.testing import MockClock

from zentalk.ids import DAY_SECONDS, UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.housekeeping import SWEEP_SECONDS, Housekeeping
from zentalk.node.messages.requests import REQUEST_SECONDS
from zentalk.store.history import contacts, introductions, invites
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.introductions import IntroductionRow
from zentalk.store.history.models import ContactState, StoredInvite
from zentalk.store.sqlite import Transaction

WALL = 1_800_000_000.0


def _ended_first_contacts(tx: Transaction, now: float) -> None:
    """An invite and an introduction that ended long ago, and one of each that did not."""
    for number, at in ((1, now - 40 * DAY_SECONDS), (2, now)):
        row = StoredInvite(f"{number:016x}", "", True, 1, 0, at, at + 60, None)
        invites.insert(tx, row, bytes(32))
        told = IntroductionRow(UserAddress(b"b" * 32), bytes(16))
        introductions.put(tx, UserAddress(bytes([number]) * 32), told, "", at)


class Outbox:
    """Keeps what it is to carry out."""

    def __init__(self) -> None:
        self.done: list[object] = []

    async def carry_out(self, effects: object) -> None:
        self.done.append(effects)


class Groups:
    """Gives up something each time."""

    def give_up(self, _tx: Transaction, now: float) -> float:
        return now


async def test_k51_a_request_that_nobody_answered_ends_at_the_next_sweep(
    tmp_path: Path, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    runtime = Runtime.virtual(1, WALL)
    database = HistoryDatabase(tmp_path / "history.db", runtime.run_blocking)
    unused: Any = None
    outbox: Any = Outbox()
    groups: Any = Groups()
    housekeeping = Housekeeping(runtime, database, unused, outbox, groups)
    nursery.start_soon(database.run)
    left_seconds = 1.5 * SWEEP_SECONDS
    asked_at = WALL + left_seconds - REQUEST_SECONDS
    await database.write(
        lambda tx: contacts.insert(tx, UserAddress(b"s" * 32), "", ContactState.REQUEST, asked_at)
    )
    await database.write(lambda tx: _ended_first_contacts(tx, WALL))
    nursery.start_soon(housekeeping.run)
    await trio.sleep(SWEEP_SECONDS + 60)
    assert len(await database.read(contacts.listing)) == 1
    await trio.sleep(SWEEP_SECONDS)
    assert await database.read(contacts.listing) == []
    left = await database.read(lambda tx: (invites.every(tx), introductions.every(tx)))
    assert [len(each) for each in left] == [1, 1]
    assert len(outbox.done) == 3, "what waited too long in groups is given up, and confirmed"
    nursery.cancel_scope.cancel()
    with trio.CancelScope(shield=True):
        await trio.testing.wait_all_tasks_blocked()
    database.close()
