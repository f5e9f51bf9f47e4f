"""Who publishes our mailboxes knows all that work, in whichever order they are written down."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from zentalk.ids import MailboxId, NodeId, SendId
from zentalk.net.runtime import Runtime
from zentalk.node.mailboxes.announcer import Announcer
from zentalk.store.history.models import OwnMailbox

FIRST, SECOND = MailboxId(b"1" * 32), MailboxId(b"2" * 32)


class Doubles:
    """A database that writes what came first last, and the publisher and ack points."""

    def __init__(self) -> None:
        self.second_written = trio.Event()
        self.told: list[frozenset[MailboxId]] = []
        self._writes = 0

    async def write(self, _job: object) -> tuple[SendId | None, set[MailboxId]]:
        self._writes += 1
        if self._writes == 1:
            await self.second_written.wait()
        else:
            await trio.lowlevel.checkpoint()
        return None, {FIRST, SECOND}

    def changed(self, working: frozenset[MailboxId]) -> None:
        self.told.append(working)


def mailbox(number: MailboxId) -> OwnMailbox:
    return OwnMailbox(number, NodeId(number), 0, bytes(32), 1, 0.0, None)


async def announced(doubles: Any, *, alive: bool) -> frozenset[MailboxId]:
    """Two mailboxes begin to work, one right after the other; return what is said last.

    With `alive` they are said as they are then, otherwise as they were when each began.
    """
    announcer = Announcer(Runtime.virtual(1, 0.0), doubles, doubles, doubles, doubles, doubles)
    working: set[MailboxId] = set()
    async with trio.open_nursery() as nursery:
        for one in (FIRST, SECOND):
            working.add(one)
            said = working if alive else frozenset(working)
            nursery.start_soon(announcer.announce, mailbox(one), said)
            await trio.testing.wait_all_tasks_blocked()
        doubles.second_written.set()
    return doubles.told[-1]  # type: ignore[no-any-return]


@pytest.mark.parametrize("alive", [True, False], ids=["as it is", "control"])
async def test_a_mailbox_that_is_written_down_late_hides_no_other(alive: bool) -> None:
    """Else a node that starts waits ten seconds for a mailbox that works."""
    last = await announced(Doubles(), alive=alive)
    assert last == ({FIRST, SECOND} if alive else {FIRST})
