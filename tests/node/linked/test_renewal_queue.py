"""After a promotion contacts are begun with in turn, at most 30 in a minute."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import trio
from trio.testing import MockClock

from zentalk.crypto.ed25519 import SigningKey
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.linked import renewal_queue
from zentalk.node.linked.renewal_queue import RenewalQueue
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.node.messages.linked.resuming import Resuming
from zentalk.node.sessions.sessions import Sessions
from zentalk.store.history import contacts, resumption
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import ContactState

PEOPLE = [UserAddress(bytes([number]) * 32) for number in range(1, 71)]


class Asked:
    """Notes when whose session was asked for."""

    def __init__(self) -> None:
        self.times: list[tuple[float, UserAddress]] = []

    async def carry_out(self, effects: CommitEffects) -> None:
        self.times += [(trio.current_time(), contact) for contact in effects.needs_session]


@pytest.mark.parametrize("blocked", [False, True])
async def test_thirty_contacts_have_their_turn_in_a_minute_in_their_order(
    tmp_path: Path, autojump_clock: MockClock, nursery: trio.Nursery, blocked: bool
) -> None:
    runtime = Runtime.virtual(1, 1_800_000_000.0)
    database = HistoryDatabase(tmp_path / "history.db", runtime.run_blocking)
    nursery.start_soon(database.run)
    state = ContactState.BLOCKED if blocked else ContactState.CONTACT
    for contact in PEOPLE:
        await database.write(
            lambda tx, contact=contact: contacts.insert(tx, contact, "", state, 1.0)  # type: ignore[misc]  # binds the loop variable
        )
    await database.write(lambda tx: resumption.put_all(tx, PEOPLE[::-1]))
    asked, registered = Asked(), trio.Event()
    sessions = Sessions(SigningKey.generate(runtime.entropy), runtime.entropy)
    composer = Composer(sessions, runtime.entropy, 3600.0)
    how = Resuming(composer, lambda _tx, _group, _now: NO_EFFECTS)
    queue = RenewalQueue(runtime, database, how, cast("Outbox", asked), registered)
    nursery.start_soon(queue.run)
    await trio.sleep(1000)
    assert asked.times == [], "not before there is a mailbox that they are told of"
    registered.set()
    await trio.sleep(1000)
    if blocked:
        assert asked.times == []
        return
    assert [contact for _, contact in asked.times] == PEOPLE[::-1]
    starts = [at for at, _ in asked.times]
    for at in starts:
        assert sum(at <= other < at + 60 for other in starts) <= renewal_queue.A_MINUTE == 30
    assert await database.read(resumption.left) == 0
    nursery.cancel_scope.cancel()
