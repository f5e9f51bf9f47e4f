"""Work for new mailboxes: kept when it is refused, made better, bounded, and let go."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.mailbox.support import RELAY, mailbox_id
from zentalk.errors import UnavailableError
from zentalk.ids import DAY_SECONDS, day_at
from zentalk.mailbox.work import mailbox_worth
from zentalk.net.runtime import Runtime
from zentalk.node.mailboxes import registration_work
from zentalk.node.mailboxes.registration_work import RegistrationWork
from zentalk.store.history.models import OwnMailbox
from zentalk.wire.deposit import NO_STAMP

START = 1_800_000_000.0
BOX = OwnMailbox(mailbox_id("alice"), RELAY, 0, bytes(32), 0, START, None)


def worth(work: RegistrationWork, at: float = START) -> int:
    return mailbox_worth(RELAY, BOX.mailbox, work.stamp(BOX.mailbox), day_at(at))


async def test_k45_refused_work_is_kept_and_made_better(autojump_clock: Clock) -> None:
    work = RegistrationWork(Runtime.virtual(1, START))
    assert work.stamp(BOX.mailbox) == NO_STAMP
    await work.reach(BOX, 8)
    first = worth(work)
    assert first >= 8
    await work.reach(BOX, first + 2)
    assert worth(work) >= first + 2
    better = work.stamp(BOX.mailbox)
    await work.reach(BOX, 8)
    assert work.stamp(BOX.mailbox) == better
    assert work.has_begun(BOX.mailbox)
    assert work.is_asked_for(), "its owner is told"
    work.forget(BOX.mailbox)
    assert not work.has_begun(BOX.mailbox)
    assert not work.is_asked_for()
    assert work.begun_seconds_ago(BOX.mailbox) == 0


async def test_work_of_the_day_before_yesterday_is_done_anew(autojump_clock: Clock) -> None:
    work = RegistrationWork(Runtime.virtual(1, START))
    await work.reach(BOX, 8)
    old = work.stamp(BOX.mailbox)
    await trio.sleep(2 * DAY_SECONDS)
    assert work.stamp(BOX.mailbox) == NO_STAMP
    await work.reach(BOX, 8)
    assert work.stamp(BOX.mailbox) != old
    assert worth(work, START + 2 * DAY_SECONDS) >= 8
    assert work.begun_seconds_ago(BOX.mailbox) >= 2 * DAY_SECONDS


async def test_k45_beyond_22_bits_a_quarter_of_the_time_is_worked_and_not_for_ever(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slice takes a second here, and no nonce is ever good enough."""
    slices = 0

    async def one_second(_function: object) -> None:
        nonlocal slices
        slices += 1
        await trio.sleep(1)

    runtime = Runtime.virtual(1, START)
    monkeypatch.setattr(registration_work.RegistrationWork, "_try_some", lambda *_: one_second(0))
    for bits, most in ((22, 602), (23, 152)):
        slices, began = 0, trio.current_time()
        with pytest.raises(UnavailableError):
            await RegistrationWork(runtime).reach(BOX, bits)
        assert most - 4 <= slices <= most
        assert trio.current_time() - began <= registration_work.ATTEMPT_SECONDS + 5
