"""When a device is woken, and what each answer of its push server means. Plain code.

A device is woken for what it has missed: an event since which it has made no request. It is woken
once, and not again before it has been here. Wake-ups come late and rarely on purpose: what happens
together makes one, and the push server learns less of when it happened.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, auto
from http import HTTPStatus
from typing import Final

from zentalk.crypto.types import Entropy
from zentalk.directory.allowance import Allowance
from zentalk.ids import DAY_SECONDS
from zentalk.node.notify import schedule
from zentalk.node.notify.schedule import Answer
from zentalk.store.history.push import PushRow

DEFAULT_TYPES: Final = (
    "message.received",
    "contact.requested",
    "group.invited",
    "device.added",
    "node.copied",
)
"""What wakes a device that names no types: what somebody else has done, and what its owner has to
see soon."""
SPACING_SECONDS: Final = 60.0
"""Between two wake-ups of a device."""
BURST: Final = 20
PER_DAY: Final = 180
"""Wake-ups of a device, after the first `BURST`: push servers that ask for no money take 250."""
TEST_BURST: Final = 3
TEST_SECONDS: Final = 60.0
"""After the first ones, one test of a device in so many seconds."""
_GONE: Final = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_NEVER: Final = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
}


class Outcome(Enum):
    """What an answer means for a wake-up."""

    TAKEN = auto()
    LATER = auto()
    """Try again, later and later: 429, 5xx, a redirection, no answer."""
    DROPPED = auto()
    """This one is not tried again; the next may be."""
    GONE = auto()
    """The endpoint does not exist any more."""


def outcome(answer: Answer) -> Outcome:
    """Read an answer as RFC 8030 and UnifiedPush (SERV_1.2.0) say."""
    if answer.is_success:
        return Outcome.TAKEN
    if answer.status in _GONE:
        return Outcome.GONE
    return Outcome.DROPPED if answer.status in _NEVER else Outcome.LATER


def after(row: PushRow, answer: Answer, seq: int, now: float, entropy: Entropy) -> PushRow:
    """Return an endpoint after a wake-up for the events up to `seq` was answered.

    What has failed for three days is given up: the device finds it when it comes by itself.
    """
    result = outcome(answer)
    if result is Outcome.TAKEN:
        return replace(schedule.delivered(row, seq, now), woken_at=now, stopped="")
    row = schedule.failed(row, answer, now, entropy)
    if result is Outcome.GONE:
        return replace(row, stopped=answer.reason())
    if result is Outcome.DROPPED or schedule.is_dead(row, now):
        return replace(row, cursor=seq, woken_at=now)
    return row


def back(row: PushRow, seq: int) -> PushRow:
    """Return an endpoint whose device has been here, and has seen the events up to `seq`."""
    return replace(row, cursor=seq, woken_at=None, failures=0, failing_since=None, next_at=0.0)


def spacing(row: PushRow, now: float) -> float:
    """Return how long a wake-up has to wait for the last one, or for a server that failed."""
    since = SPACING_SECONDS if row.delivered_at is None else now - row.delivered_at
    return max(
        schedule.wait_seconds(row, now), min(SPACING_SECONDS, max(0.0, SPACING_SECONDS - since))
    )


def allowance(now: float) -> Allowance:
    """Return how many wake-ups one device may get; `now` is monotonic seconds."""
    return Allowance(BURST, PER_DAY / DAY_SECONDS, now)


def tested(row: PushRow, answer: Answer, now: float) -> PushRow:
    """Return an endpoint after a test, which settles nothing but whether it can be reached."""
    result = outcome(answer)
    if result is Outcome.TAKEN:
        return replace(schedule.delivered(row, row.cursor, now), stopped="")
    stopped = answer.reason() if result is Outcome.GONE else row.stopped
    return replace(row, last_error=answer.reason(), stopped=stopped)
