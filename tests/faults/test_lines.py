"""Bad lines between real programs: everything that was accepted arrives once all the same."""

from __future__ import annotations

import pytest

from tests.faults.trials import trial

pytestmark = [pytest.mark.faults, pytest.mark.e2e, pytest.mark.slow]


LONG = 1_000


def long(line: str) -> object:
    return pytest.param(line, LONG, marks=pytest.mark.long)


@pytest.mark.parametrize(
    ("line", "messages"),
    [("delays", 40), ("cuts", 60), *map(long, ("delays", "cuts", "stalls", "half-opens"))],
)
def test_everything_arrives_once_over(line: str, messages: int) -> None:
    """200 ms and more each way; cuts within a record; stand-stills; dead but open."""
    report = trial(line, "--relays", 6, "--messages", messages, "--in-flight", 32)
    assert report["delivered"] == report["sent"] == messages
    assert report["lost"] == report["duplicates"] == 0
    assert report["connections"] > 0
