"""When it is tried again, and when it is given up: plain numbers."""

from __future__ import annotations

import pytest

from zentalk.net.runtime import seeded_entropy
from zentalk.node.notify import schedule
from zentalk.node.notify.schedule import Answer
from zentalk.store.history.event_filter import EVERYTHING
from zentalk.store.history.webhooks import WebhookRow

ROW = WebhookRow("a", "http://x/", EVERYTHING, "ids", b"s", 0.0, 5)
DOWN = Answer(0, "no answer")


def failing(times: int, now: float = 0.0, answer: Answer = DOWN) -> WebhookRow:
    row, entropy = ROW, seeded_entropy(b"x")
    for _ in range(times):
        row = schedule.failed(row, answer, now, entropy)
    return row


@pytest.mark.parametrize("times", [1, 2, 5, 40, 10_000])
def test_waits_grow_to_an_hour(times: int) -> None:
    wait = schedule.wait_seconds(failing(times), 0.0)
    longest = min(schedule.LONGEST_SECONDS, schedule.FIRST_SECONDS * 2.0 ** min(times - 1, 30))
    assert longest / 2 <= wait <= longest


def test_a_clock_that_jumps_makes_no_wait_longer_than_a_day() -> None:
    row = failing(3, now=1e9)
    assert schedule.wait_seconds(row, 0.0) == schedule.MAX_RETRY_AFTER_SECONDS
    assert schedule.wait_seconds(row, 2e9) == 0


def test_only_three_days_without_any_success_end_a_letter() -> None:
    row = failing(3, now=1000.0)
    assert schedule.dead_before(ROW, 1e9) is None
    assert schedule.dead_before(row, 999.0 + schedule.DEAD_SECONDS) is None
    assert schedule.dead_before(row, 1000.0 + schedule.DEAD_SECONDS) == 1000.0
    assert schedule.delivered(row, 6, 1001.0).failing_since is None


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_successes(status: int) -> None:
    assert Answer(status).is_success


@pytest.mark.parametrize("status", [0, 100, 301, 302, 400, 404, 410, 429, 500])
def test_failures_have_a_reason(status: int) -> None:
    answer = Answer(status, "" if status else "no answer")
    assert not answer.is_success
    assert answer.reason() in {"no answer", f"the answer was {status}"}


def test_only_a_refusal_of_the_body_is_final() -> None:
    row = failing(schedule.MAX_REFUSALS)
    assert schedule.refuses_for_good(row, Answer(422))
    for status in (401, 403, 404, 410, 429, 500, 503, 0):
        assert not schedule.refuses_for_good(row, Answer(status))
