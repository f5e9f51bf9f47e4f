"""When an owner is told that another program collects the mail."""

from __future__ import annotations

from zentalk.ids import DAY_SECONDS
from zentalk.node.mailboxes.copies import WITHIN_SECONDS, CopyAlarm

NOW = 1_800_000_000.0


def test_once_is_not_told_and_twice_within_an_hour_is() -> None:
    alarm = CopyAlarm()
    assert not alarm.noticed(NOW)
    assert not alarm.noticed(NOW + WITHIN_SECONDS)
    assert not alarm.is_active(NOW + WITHIN_SECONDS)
    assert alarm.noticed(NOW + WITHIN_SECONDS + 1)
    assert alarm.is_active(NOW + WITHIN_SECONDS + 1)


def test_while_it_goes_on_it_is_news_only_once_and_a_day_later_it_is_over() -> None:
    alarm = CopyAlarm()
    assert [alarm.noticed(NOW + number) for number in range(100)] == [False, True] + 98 * [False]
    over = NOW + 99 + DAY_SECONDS
    assert alarm.is_active(over - 1)
    assert not alarm.is_active(over)
    assert [alarm.noticed(over + number) for number in range(2)] == [False, True]
