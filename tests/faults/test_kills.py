"""Programs are killed with SIGKILL while people write: nothing accepted is lost (B13, K11, K29).

Relays and nodes are programs of their own, over loopback; `tests/faults/run.py` is what runs
here and prints the same when it is run by hand.
"""

from __future__ import annotations

import pytest

from tests.faults.trials import trial

pytestmark = [pytest.mark.faults, pytest.mark.e2e]

SHORT = 300
LONG = pytest.param(10_000, marks=pytest.mark.long)


@pytest.mark.slow
@pytest.mark.parametrize("messages", [SHORT, LONG])
def test_b13_k11_k37_nothing_is_lost_while_relays_are_killed(messages: int) -> None:
    """One of ten relays dies every two seconds (short run: every second)."""
    pace = (
        ("--every", 2, "--in-flight", 512)
        if messages > SHORT
        else ("--every", 1, "--in-flight", 64)
    )
    report = trial("relays", "--messages", messages, *pace)
    assert report["kills"] > 0
    assert report["delivered"] == report["sent"] == messages


@pytest.mark.slow
@pytest.mark.parametrize("messages", [SHORT, LONG])
def test_b13_k29_nothing_is_lost_while_nodes_are_killed(messages: int) -> None:
    """One of two people's nodes dies every five seconds (short run: every second)."""
    pace = ("--every", 5, "--in-flight", 256) if messages > SHORT else ("--every", 1)
    report = trial("nodes", "--messages", messages, *pace, "--relays", 5)
    assert report["kills"] > 0
    assert report["delivered"] == report["sent"] == messages
