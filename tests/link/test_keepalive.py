"""When a link pings and when it is dead; time is an argument."""

import math

import pytest

from zentalk.link.keepalive import DEAD_SECONDS, PING_SECONDS, Due, Keepalive


def test_the_initiator_pings_after_silence_and_gives_up_after_more() -> None:
    keepalive = Keepalive(100.0, pings=True, always=True)
    assert keepalive.next_deadline() == 130.0
    assert keepalive.due(129.9) is Due.NOTHING
    assert keepalive.due(130.0) is Due.PING
    assert keepalive.next_deadline() == 160.0
    assert keepalive.due(160.0) is Due.PING
    assert keepalive.next_deadline() == 175.0
    assert keepalive.due(174.9) is Due.NOTHING
    assert keepalive.due(175.0) is Due.DEAD


def test_whatever_is_heard_starts_the_clock_again() -> None:
    keepalive = Keepalive(0.0, pings=True, always=True)
    keepalive.due(PING_SECONDS)
    keepalive.heard(70.0)
    assert keepalive.next_deadline() == 70.0 + PING_SECONDS
    assert keepalive.due(70.0 + DEAD_SECONDS - 0.1) is Due.PING
    assert keepalive.due(70.0 + DEAD_SECONDS) is Due.DEAD


@pytest.mark.parametrize("now", [0.0, PING_SECONDS, DEAD_SECONDS - 1])
def test_the_responder_only_listens(now: float) -> None:
    keepalive = Keepalive(0.0, pings=False, always=True)
    assert keepalive.next_deadline() == DEAD_SECONDS
    assert keepalive.due(now) is Due.NOTHING
    assert keepalive.due(DEAD_SECONDS) is Due.DEAD


def test_a_relay_link_is_watched_only_after_it_sent_into_silence() -> None:
    keepalive = Keepalive(0.0, pings=True, always=False)
    assert keepalive.next_deadline() == math.inf
    assert keepalive.due(10_000.0) is Due.NOTHING
    keepalive.sent(100.0)
    keepalive.sent(120.0)
    assert keepalive.next_deadline() == 130.0
    assert keepalive.due(130.0) is Due.PING
    keepalive.heard(131.0)
    assert keepalive.next_deadline() == math.inf
    keepalive.sent(200.0)
    assert keepalive.due(275.0) is Due.DEAD


def test_what_is_sent_does_not_excuse_a_silent_peer() -> None:
    keepalive = Keepalive(0.0, pings=True, always=True)
    keepalive.sent(74.0)
    assert keepalive.due(75.0) is Due.DEAD


def test_who_is_always_watched_is_looked_at_at_its_next_deadline_only() -> None:
    listening = Keepalive(0.0, pings=False, always=True)
    assert listening.next_look(0.0) == DEAD_SECONDS
    listening.heard(70.0)
    assert listening.next_look(DEAD_SECONDS) == 70.0 + DEAD_SECONDS
    asking = Keepalive(0.0, pings=True, always=True)
    assert asking.next_look(0.0) == PING_SECONDS


def test_a_relay_link_is_looked_at_before_a_deadline_that_may_come_into_being() -> None:
    keepalive = Keepalive(0.0, pings=True, always=False)
    assert keepalive.next_deadline() == math.inf
    assert keepalive.next_look(100.0) == 100.0 + PING_SECONDS
    keepalive.sent(110.0)
    assert keepalive.next_look(130.0) == 110.0 + PING_SECONDS
