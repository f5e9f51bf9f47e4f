"""What `zentalk relay status` prints, and its exit code."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from zentalk.cli.relay_status import lines, size
from zentalk.relay.status import RelayStatus, StatusFile

STATUS = RelayStatus(
    running=True,
    state="ready",
    pid=os.getpid(),
    port=9001,
    uri="zt-relay:x@h:1",
    network="local",
    version="1",
    started_at=3600,
    counters={
        "forwarded": 1200,
        "bytes_in": 5_000_000,
        "connections": 12,
        "memory_bytes": 3_000_000,
        "relays_known": 7,
    },
    refused={"replay": 3},
    mailbox={"deliverable": 4},
    warnings=["look here"],
    uptime_seconds=93_784,
    memory={"process_bytes": 120 * 2**20},
    disk={"queue_bytes": 4096, "free_bytes": 2**40},
)


def test_groups_and_units() -> None:
    text = [" ".join(line.split()) for line in lines(STATUS)]
    assert text[:2] == ["ready zt-relay:x@h:1", "warning look here"]
    groups = [line for line in lines(STATUS) if line and " " not in line]
    assert groups == ["relay", "traffic", "links", "mail", "refused", "memory", "disk"]
    for expected in (
        "uptime 1 d 2 h",
        "relays known 7 relays",
        "forwarded 1200 packets",
        "bytes in 4.8 MiB",
        "connections 12 links",
        "deliverable 4 envelopes",
        "replay 3",
        "process bytes 120 MiB",
        "memory bytes 2.9 MiB",
        "queue bytes 4.0 KiB",
        "free bytes 1.0 TiB",
    ):
        assert expected in text


def test_every_counter_is_shown_somewhere() -> None:
    counted = dict.fromkeys(("something_new", *STATUS.counters), 1)
    text = "\n".join(lines(replace(STATUS, counters=counted)))
    assert all(name.replace("_", " ") in text for name in counted)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (2**20 * 256, "256 MiB")],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text
    assert size(2**60).endswith("TiB")


def test_the_exit_code_says_whether_it_runs(run: Run, tmp_path: Path) -> None:
    assert run("relay", "init", "--dir", tmp_path).code == 0
    StatusFile(tmp_path).write(STATUS)
    shown = run("relay", "status", "--dir", tmp_path)
    assert shown.code == 0
    assert shown.out.startswith("ready  zt-relay:")
    found = json.loads(run("relay", "status", "--dir", tmp_path, "--json").out)
    assert found["uptime_seconds"] >= 0
    assert found["memory"]["process_bytes"] > 2**20
    assert found["disk"]["free_bytes"] > 0
    StatusFile(tmp_path).write(replace(STATUS, pid=2**22 + 1))
    for more in ([], ["--json"]):
        stopped = run("relay", "status", "--dir", tmp_path, *more)
        assert stopped.code == 1
        assert "stopped" in stopped.out
        assert f"zentalk relay run --dir {tmp_path}" in stopped.err
