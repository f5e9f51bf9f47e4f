"""The calendar of a mailbox: K16, clocks that jump."""

import pytest

from tests.mailbox.support import HOUR, START_WALL, Desk
from zentalk.ids import DAY_SECONDS
from zentalk.mailbox import clock as clock_module
from zentalk.mailbox.clock import MailClock
from zentalk.mailbox.events import WallClockRead

START_HOUR = int(START_WALL // HOUR)


def test_hours_follow_the_monotonic_clock() -> None:
    clock = MailClock(START_WALL, 50.0, 0)
    assert clock.hour(50.0) == START_HOUR
    assert clock.hour(50.0 + 5 * HOUR) == START_HOUR + 5


def test_an_expiry_is_rounded_up() -> None:
    clock = MailClock(10 * HOUR, 0.0, 0)
    assert clock.hour_after(0.0, HOUR) == 11
    assert clock.hour_after(1.0, HOUR) == 12


def test_k16_a_step_of_the_wall_clock_is_followed_slowly() -> None:
    clock = MailClock(START_WALL, 0.0, 0)
    clock.read(START_WALL + DAY_SECONDS, 0.0)
    assert clock.hour(0.0) == START_HOUR
    clock.read(START_WALL + DAY_SECONDS + HOUR, HOUR)
    assert clock.hour(HOUR) in (START_HOUR + 1, START_HOUR + 2)
    assert clock.day(HOUR) == int((START_WALL + DAY_SECONDS + HOUR) // DAY_SECONDS)


def test_k16_time_never_runs_backwards() -> None:
    clock = MailClock(START_WALL, 0.0, 0)
    hours = []
    for hour in range(30):
        clock.read(START_WALL - DAY_SECONDS + hour * HOUR, hour * HOUR)
        hours.append(clock.hour(hour * HOUR))
    assert hours == sorted(hours)


def test_a_restart_with_an_earlier_clock_goes_on_at_the_kept_hour() -> None:
    clock = MailClock(START_WALL - 3 * DAY_SECONDS, 0.0, START_HOUR)
    assert clock.hour(0.0) == START_HOUR


@pytest.mark.parametrize("jump", [DAY_SECONDS, -DAY_SECONDS])
def test_k16_a_jump_of_a_day_expires_nothing_early(jump: float) -> None:
    assert _left_after_jump(jump) == 1


def test_k16_control_a_clock_that_believes_the_wall_loses_mail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock_module, "SLEW", 1e9)
    assert _left_after_jump(DAY_SECONDS) == 0


def _left_after_jump(jump: float) -> int:
    """Deposit with a TTL of 12 hours, jump, sweep an hour later; how many are left?"""
    desk = Desk()
    desk.lose(desk.mailbox())
    desk.deposit(1, ttl_seconds=12 * HOUR)
    desk.pass_time(60)
    desk.wall += jump
    desk.feed(WallClockRead(desk.wall))
    desk.pass_time(2 * HOUR)
    desk.feed(WallClockRead(desk.wall))
    desk.pass_time(2 * HOUR)
    return desk.stored()
