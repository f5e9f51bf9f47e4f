"""Where a follower of the log is, and what it does about each kind of failure; no I/O."""

import math

import pytest

from zentalk.client import AccessDeniedError, ApiError, Event, LogEndedError, NodeGoneError
from zentalk.client.errors import error_of
from zentalk.client.following import Following
from zentalk.errors import (
    ConflictError,
    ConnectFailedError,
    DeadlineError,
    LinkClosedError,
    NotFoundError,
    UnavailableError,
    ZentalkError,
)
from zentalk.net.backoff import RECONNECT_FIRST_SECONDS, RECONNECT_LONGEST_SECONDS

GONE = ConnectFailedError("127.0.0.1:3001", "nothing answers there")


def highest(count: int) -> bytes:
    """Entropy that draws the longest waits."""
    return b"\xff" * count


def event(seq: int) -> Event:
    return Event(seq=seq, type="message.state", at=1.0, data={})


def following(after: int = 0, patience: float = 300.0) -> Following:
    return Following(after, patience, 0.0, highest)


def test_what_was_handed_over_is_not_again() -> None:
    place = following(after=3)
    assert [seq for seq in (2, 3, 4, 4, 6, 5, 7) if place.is_new(event(seq), 0.0)] == [4, 6, 7]
    assert place.last_seq == 7


def test_waits_grow_to_a_bound_and_are_short_again_after_progress() -> None:
    place = following(patience=math.inf)
    waits = [place.wait_after(GONE, 0.0) for _ in range(10)]
    assert waits == sorted(waits)
    assert waits[0] <= RECONNECT_FIRST_SECONDS
    assert RECONNECT_LONGEST_SECONDS * 0.99 < waits[-1] <= RECONNECT_LONGEST_SECONDS
    place.connected(1.0)
    assert place.wait_after(None, 1.0) > RECONNECT_FIRST_SECONDS  # reached, but of no use
    place.is_new(event(1), 2.0)
    assert place.wait_after(None, 2.0) <= RECONNECT_FIRST_SECONDS


def test_a_node_that_stays_away_is_given_up_with_where_to_go_on() -> None:
    place = following(after=41, patience=10.0)
    place.is_new(event(42), 5.0)
    now = 5.0
    while now <= 15.0:
        now += place.wait_after(GONE, now)
    with pytest.raises(NodeGoneError, match="after event 42") as caught:
        place.wait_after(GONE, now)
    assert 15.0 < now < 15.2
    assert caught.value.last_seq == 42
    assert "nothing answers there" in str(caught.value)


def test_reaching_the_node_begins_the_patience_anew() -> None:
    place = following(patience=10.0)
    place.wait_after(GONE, 9.0)
    place.connected(9.0)
    place.wait_after(GONE, 18.0)
    with pytest.raises(NodeGoneError):
        place.wait_after(GONE, 19.5)


@pytest.mark.parametrize(
    "error",
    [
        GONE,
        LinkClosedError("cut"),
        DeadlineError("silent"),
        UnavailableError("the disk is full"),
        error_of(500, "a bug"),
        error_of(502, "a proxy"),
        error_of(429, "slower"),
    ],
)
def test_what_passes_is_waited_for(error: ZentalkError) -> None:
    assert following().wait_after(error, 0.0) > 0


@pytest.mark.parametrize(
    "error",
    [
        AccessDeniedError(401, "the token is wrong"),
        NotFoundError("no such path"),
        ConflictError("contradicts"),
        ApiError(200, "the answer does not come from an API node"),
    ],
)
def test_what_does_not_pass_is_raised_at_once(error: ZentalkError) -> None:
    with pytest.raises(type(error)) as caught:
        following().wait_after(error, 0.0)
    assert caught.value is error


def test_a_log_that_ends_before_the_last_event_is_told() -> None:
    with pytest.raises(LogEndedError, match="before event 7"):
        following(after=7).check_log([])
    following(after=7).check_log([event(7)])
    following().check_log([])


@pytest.mark.parametrize(("after", "patience"), [(-1, 1.0), (0, -1.0), (0, math.nan)])
def test_numbers_that_make_no_sense(after: int, patience: float) -> None:
    with pytest.raises(ValueError, match="from 0"):
        following(after, patience)
