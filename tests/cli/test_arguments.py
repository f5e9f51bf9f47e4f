"""What was typed for a time."""

from __future__ import annotations

import time

import pytest

from zentalk.cli.arguments import moment


def clock(unix_seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(unix_seconds))


@pytest.mark.parametrize(
    ("day", "next_day"),
    [
        ("2026-11-29", "2026-11-30"),
        ("2026-11-30", "2026-12-01"),
        ("2026-12-31", "2027-01-01"),
        ("2028-02-28", "2028-02-29"),
    ],
)
def test_a_day_is_its_beginning_or_its_end(day: str, next_day: str) -> None:
    assert clock(moment(day)) == f"{day} 00:00:00"
    assert clock(moment(day, is_end=True)) == f"{next_day} 00:00:00"


@pytest.mark.parametrize("typed", ["2026-11-30 17:05", "2026-11-30T17:05", "2026-11-30 17:05:00"])
def test_a_time_is_itself_also_as_an_end(typed: str) -> None:
    assert clock(moment(typed)) == clock(moment(typed, is_end=True)) == "2026-11-30 17:05:00"
