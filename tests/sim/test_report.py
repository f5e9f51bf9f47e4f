"""Reports: percentiles, the promised JSON keys, and what counts as failed."""

import json
from dataclasses import replace

import pytest

from zentalk.sim.report import Latency, RelayLoad, Report, summarize

GOOD = Report(
    nodes=3,
    users=2,
    net="tcp",
    seed=0,
    messages=4,
    killed=(),
    sent=4,
    delivered=4,
    duplicates=0,
    lost=0,
    out_of_order=0,
    altered=0,
    confirmed=4,
    confirmed_but_missing=0,
    latency_ms=Latency(1.0, 2.0, 3.0),
    latency_disturbed_ms=Latency(0.0, 0.0, 0.0),
    wire_sizes=(2624,),
    relays={"relay-1": RelayLoad(forwarded=7, deposited=2, alive=True)},
    relay_disk_envelopes_left=0,
    crashed=(),
    startup_seconds=0.5,
    wall_seconds=1.5,
    peak_memory_mib=80.0,
)


def test_f3_json_has_the_keys_that_others_build_on() -> None:
    report = json.loads(json.dumps(GOOD.to_json()))
    promised = {
        *("nodes", "users", "net", "seed", "sent", "delivered", "duplicates", "lost"),
        *("latency_ms", "wire_sizes", "relays", "relay_disk_envelopes_left"),
        *("startup_seconds", "wall_seconds"),
    }
    assert promised <= report.keys()
    assert report["latency_ms"] == {"p50": 1.0, "p99": 2.0, "max": 3.0}
    assert report["wire_sizes"] == [2624]
    assert report["relays"] == {"relay-1": {"forwarded": 7, "deposited": 2, "alive": True}}
    assert report["passed"] is True


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"sent": 3}, "1 not accepted by the sender's node"),
        ({"lost": 2}, "2 lost"),
        ({"duplicates": 1}, "1 duplicated"),
        ({"out_of_order": 1}, "1 out of order"),
        ({"altered": 1}, "1 altered"),
        ({"confirmed_but_missing": 1}, "1 confirmed but missing"),
        ({"crashed": ("relay-1: it ended",)}, "1 nodes crashed"),
    ],
)
def test_each_fault_fails_the_run(change: dict[str, object], fault: str) -> None:
    assert GOOD.passed
    report = replace(GOOD, **change)  # type: ignore[arg-type]  # fields by name
    assert not report.passed
    assert report.faults() == [fault]


def test_missing_confirmations_and_waiting_envelopes_are_no_faults() -> None:
    assert replace(GOOD, confirmed=0, relay_disk_envelopes_left=3).passed


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([], Latency(0.0, 0.0, 0.0)),
        ([0.002], Latency(2.0, 2.0, 2.0)),
        ([0.003, 0.001, 0.002], Latency(2.0, 3.0, 3.0)),
        ([n / 1000 for n in range(1, 101)], Latency(50.0, 99.0, 100.0)),
    ],
)
def test_percentiles_are_values_that_occurred(seconds: list[float], expected: Latency) -> None:
    assert summarize(seconds) == expected
