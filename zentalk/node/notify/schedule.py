"""When a request is made again, and when it is given up. Plain code: time comes as an argument.

The first part holds for webhooks and for push endpoints, the rest for webhooks alone.

An event is delivered before the next one is tried, so that the order is kept. Attempts grow rarer
up to one an hour. An event is given up when its receiver has refused that very event a few times,
or when nothing has been delivered for three days and the event is as old. Then it is a dead letter.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Final, NamedTuple, TypeVar

from zentalk.crypto.types import Entropy
from zentalk.ids import DAY_SECONDS
from zentalk.net.backoff import half_jitter
from zentalk.store.history.push import PushRow
from zentalk.store.history.webhooks import WebhookRow

R = TypeVar("R", WebhookRow, PushRow)

FIRST_SECONDS: Final = 10.0
LONGEST_SECONDS: Final = 3_600.0
MAX_RETRY_AFTER_SECONDS: Final = float(DAY_SECONDS)
"""As long as a receiver may ask us to wait."""
DEAD_SECONDS: Final = 3.0 * DAY_SECONDS
MAX_REFUSALS: Final = 5
"""Attempts for an event that its receiver answers with one of `_REFUSALS`."""
_REFUSALS: Final = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}


class Answer(NamedTuple):
    """The result of one request: a status, or 0 and why there was none.

    `retry_after` is how many seconds the other side wants us to wait.
    """

    status: int
    error: str = ""
    retry_after: float | None = None

    @property
    def is_success(self) -> bool:
        """Whether the other side has taken it. A redirection is not followed, and none."""
        return 200 <= self.status < 300

    @property
    def is_refusal(self) -> bool:
        """Whether the other side will not take this body, however often it comes."""
        return self.status in _REFUSALS

    def reason(self) -> str:
        """Return what went wrong, for the owner."""
        return self.error or f"the answer was {self.status}"


def delivered(row: R, seq: int, now: float) -> R:
    """Return a row whose receiver has taken what was sent of an event."""
    return replace(
        row,
        cursor=seq,
        failures=0,
        failing_since=None,
        next_at=0.0,
        last_error="",
        delivered_at=now,
    )


def failed(row: R, answer: Answer, now: float, entropy: Entropy) -> R:
    """Return a row after a failed attempt, with the time of the next one."""
    wait = half_jitter(row.failures, FIRST_SECONDS, LONGEST_SECONDS, entropy)
    if answer.retry_after is not None:
        wait = max(wait, min(answer.retry_after, MAX_RETRY_AFTER_SECONDS))
    since = now if row.failing_since is None else min(row.failing_since, now)
    return replace(
        row,
        failures=row.failures + 1,
        failing_since=since,
        next_at=now + wait,
        last_error=answer.reason(),
    )


def wait_seconds(row: R, now: float) -> float:
    """Return how long nothing is to be tried; a clock that went back makes that no longer."""
    return max(0.0, min(row.next_at - now, MAX_RETRY_AFTER_SECONDS))


def is_dead(row: R, now: float) -> bool:
    """Say whether nothing has been taken for so long that what is as old is given up."""
    return row.failing_since is not None and now - row.failing_since >= DEAD_SECONDS


def refuses_for_good(row: WebhookRow, answer: Answer) -> bool:
    """Say whether the event of this attempt is given up because its receiver does not want it."""
    return answer.is_refusal and row.failures >= MAX_REFUSALS


def dead_before(row: WebhookRow, now: float) -> float | None:
    """Return up to which time (unix seconds) events are given up; None if none are."""
    return now - DEAD_SECONDS if is_dead(row, now) else None


def after_refusal(row: WebhookRow, seq: int) -> WebhookRow:
    """Return a webhook after one event was refused for good: whoever refuses is there."""
    return replace(row, cursor=seq, failures=0, failing_since=None, next_at=0.0)


def after_death(row: WebhookRow, seq: int) -> WebhookRow:
    """Return a webhook after all up to an event was given up; the next attempt comes no sooner."""
    return replace(row, cursor=seq)
