"""Half of the relays and people cannot reach the other half, in real network namespaces."""

from __future__ import annotations

import socket

import pytest

from tests.faults.trials import trial
from zentalk.net import tcp

pytestmark = [
    pytest.mark.faults,
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.privileged,
]
HEALS_SECONDS = 10.0


def needs_frequent_retransmission() -> None:
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.IPPROTO_TCP, tcp._TCP_RTO_MAX_MS, tcp.RETRANSMIT_MILLISECONDS)
        except OSError:
            pytest.skip("needs Linux 6.15, whose TCP can be told to try again every few seconds")


def apart(*options: object) -> float:
    """Part the network while people write; return how long the last message took afterwards."""
    report = trial(*options, program="partition")
    assert report["delivered"] == report["sent"] == report["messages"]
    assert report["lost"] == report["duplicates"] == 0
    assert report["arrived_while_apart"] == 0
    seconds: float = report["seconds_to_heal"]
    return seconds


def test_what_was_written_while_the_network_was_apart_arrives_afterwards() -> None:
    apart("--seconds", 5)


@pytest.mark.long
@pytest.mark.parametrize("ways", ["both ways", "one way"])
def test_after_thirty_seconds_apart_all_is_there_within_ten(ways: str) -> None:
    needs_frequent_retransmission()
    assert apart("--seconds", 30, *(["--one-way"] if ways == "one way" else [])) <= HEALS_SECONDS


@pytest.mark.long
def test_control_without_frequent_retransmission_it_takes_longer() -> None:
    needs_frequent_retransmission()
    assert apart("--seconds", 30, "--slow-retransmission") > HEALS_SECONDS
