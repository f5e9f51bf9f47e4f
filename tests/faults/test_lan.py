"""Whole programs in one house, and no relay: they find each other, or nothing is sent."""

from __future__ import annotations

import pytest

from tests.faults.trials import trial

pytestmark = [
    pytest.mark.faults,
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.privileged,
]


def test_d2_two_in_one_house_write_to_each_other_while_no_relay_runs() -> None:
    report = trial(program="lan")
    assert report["met"]
    assert report["messages"] >= 40


@pytest.mark.long
def test_d2_addresses_of_the_link_are_enough() -> None:
    report = trial("--ipv6", program="lan")
    assert report["met"]
    assert report["messages"] >= 40


def test_d2_control_without_the_setting_they_do_not() -> None:
    report = trial("--without", "--wait", 15, program="lan")
    assert not report["met"]
