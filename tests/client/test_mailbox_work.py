"""Work for a new mailbox: it adds up for a day, and a relay takes it as it is shown."""

from __future__ import annotations

from zentalk.client.mailbox_work import MailboxWork, ShownWork
from zentalk.ids import MailboxId, NodeId, day_at
from zentalk.mailbox.work import mailbox_worth
from zentalk.wire.deposit import Stamp

RELAY, MAILBOX = NodeId(b"r" * 32), MailboxId(b"m" * 32)
A_DAY = 86_400.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def worth(shown: ShownWork | None, clock: Clock) -> int:
    assert shown is not None
    stamp = Stamp(shown.day % 256, shown.nonce)
    return mailbox_worth(RELAY, MAILBOX, stamp, day_at(clock()))


async def test_what_is_found_is_worth_what_was_wanted_and_more_adds_to_it() -> None:
    clock = Clock()
    work = MailboxWork(RELAY, MAILBOX, clock)
    assert work.shown() is None
    await work.reach(8)
    first = work.shown()
    assert worth(first, clock) >= 8
    await work.reach(6)
    assert work.shown() == first, "nothing is to be done"
    await work.reach(12)
    assert worth(work.shown(), clock) >= 12


async def test_work_is_shown_for_a_day_more_and_then_done_anew() -> None:
    clock = Clock()
    work = MailboxWork(RELAY, MAILBOX, clock)
    await work.reach(8)
    clock.now += A_DAY
    assert worth(work.shown(), clock) >= 8
    clock.now += A_DAY
    assert work.shown() is None
    await work.reach(8)
    assert worth(work.shown(), clock) >= 8
