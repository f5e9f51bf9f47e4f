"""The status file: true about whether the relay runs, and coarse about what it did."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from zentalk.errors import ConfigError
from zentalk.relay import machine
from zentalk.relay.machine import own_peak_memory
from zentalk.relay.status import (
    STATUS_FILE,
    RelayStatus,
    StatusFile,
    coarse,
    process_mark,
    read_status,
)

STATUS = RelayStatus(
    running=True,
    state="ready",
    pid=os.getpid(),
    port=9001,
    uri="zt-relay:x@h:1",
    network="local",
    version="1",
    started_at=3600,
    counters={"forwarded": 1200},
    refused={"replay": 3},
)


def test_what_is_written_is_read_and_private(tmp_path: Path) -> None:
    StatusFile(tmp_path).write(STATUS)
    found = read_status(tmp_path)
    assert replace(found, uptime_seconds=None, memory={}, disk={}) == STATUS
    assert stat.S_IMODE((tmp_path / STATUS_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [STATUS_FILE]


def test_a_newer_status_takes_the_place_of_the_older(tmp_path: Path) -> None:
    file = StatusFile(tmp_path)
    file.write(STATUS)
    file.write(replace(STATUS, state="stopping"))
    assert read_status(tmp_path).state == "stopping"


def test_a_relay_that_was_killed_is_not_running(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        StatusFile(tmp_path).write(replace(STATUS, pid=process.pid))
        assert read_status(tmp_path).running
        process.kill()
    status = read_status(tmp_path)
    assert not status.running
    assert status.state == "stopped"


def test_without_proc_there_are_the_peak_of_memory_and_the_hours_of_uptime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = 5 * 3600
    began = int(time.time()) - hours - 100
    StatusFile(tmp_path).write(replace(STATUS, started_at=began, memory=own_peak_memory()))
    with_proc = read_status(tmp_path)
    assert with_proc.memory.keys() == {"process_bytes", "peak_bytes"}
    assert with_proc.uptime_seconds != hours, "it is that of this process"

    def no_proc(_pid: int) -> list[str]:
        raise FileNotFoundError

    monkeypatch.setattr(machine, "_fields", no_proc)
    without = read_status(tmp_path)
    assert without.running
    assert without.memory.keys() == {"peak_bytes"}
    assert without.memory["peak_bytes"] > 2**20
    assert without.uptime_seconds == hours


def test_another_process_with_the_same_number_is_not_the_relay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    StatusFile(tmp_path).write(STATUS)
    assert read_status(tmp_path).running
    monkeypatch.setattr(
        "zentalk.relay.status.process_mark", lambda pid: process_mark(pid) + "-later"
    )
    assert not read_status(tmp_path).running


def test_a_folder_without_a_relay_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="zentalk relay run --dir") as error:
        read_status(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"nonsense", b'{"process": 1}'])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / STATUS_FILE).write_bytes(content)
    with pytest.raises(ConfigError, match="damaged"):
        read_status(tmp_path)


def test_numbers_are_rounded_to_two_digits() -> None:
    assert coarse({"a": 0, "b": 9, "c": 99, "d": 1234, "e": 98765}) == {
        "a": 0,
        "b": 9,
        "c": 99,
        "d": 1200,
        "e": 98000,
    }
