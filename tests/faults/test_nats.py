"""Whole programs behind real NATs and firewalls: which connect directly, and nothing needs it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.trials import trial
from tests.needed import program

pytestmark = [
    pytest.mark.faults,
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.privileged,
]
BLOCKED = ["direct", "relay", "direct", "relay", "direct"]
"""What both see when UDP is blocked twice."""


@pytest.fixture(autouse=True)
def _needs_nats() -> None:
    program("nft")
    program("conntrack")


def nats(*options: object) -> dict[str, Any]:
    """Run a trial; all that was written is there once, and in order."""
    report = trial(*options, program="nats")
    assert [report[what] for what in ("lost", "duplicates", "out_of_order")] == [0, 0, 0]
    return report


def test_d2_behind_a_symmetric_and_a_strict_nat_all_goes_over_relays() -> None:
    report = nats("--left", "symmetric", "--right", "port-restricted", "--trouble")
    assert report["paths"] == [[], []]
    assert all("NAT" in why for why in report["why_not"])
    assert report["deposited"] >= report["quiet"], "the control of the others"


def test_d2_behind_full_cones_and_then_strict_nats_it_is_direct_whenever_udp_passes() -> None:
    """Relays get nothing meanwhile. Both sides get other addresses, then UDP is blocked twice."""
    report = nats("--at-first", "full-cone", "--trouble", "move", "block")
    assert report["deposited"] == 0
    assert report["paths"] == [["direct", "relay", *BLOCKED]] * 2


@pytest.mark.long
def test_d2_over_ipv6_alone_it_is_direct_through_firewalls() -> None:
    """No NAT is between them, and nothing new is let in on either side."""
    report = nats("--ipv6", "--trouble")
    assert report["deposited"] == 0
    assert report["paths"] == [["direct"]] * 2


@pytest.mark.long
def test_d2_a_thousand_messages_each_way_while_udp_is_blocked_twice() -> None:
    report = nats("--trouble", "block", "--messages", 1000, "--blocked-seconds", 40)
    assert report["paths"] == [BLOCKED, BLOCKED]
    assert min(report["written"]) >= 1000
