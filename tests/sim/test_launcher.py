"""The launcher: it starts, signals and tells; nothing outlives whoever started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("launched.py")
LONGEST_SECONDS = 30


def launch(what: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), what, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def pids_of(process: subprocess.Popen[str]) -> list[int]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("pids "), process.communicate()
    return [int(word) for word in line.split()[1:]]


def rest_of(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Return what a program still writes until it ends.

    `communicate` would pass over what came together with the first line: that is read already.
    """
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        return process.stdout.read(), process.stderr.read()


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until_gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + LONGEST_SECONDS
    while any(map(is_running, pids)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_programs_are_started_signalled_and_told_of(tmp_path: Path) -> None:
    process = launch("signals", tmp_path)
    pids = pids_of(process)
    out, errors = rest_of(process)
    assert sorted(out.splitlines()) == ["failed 3 that cannot be", "killed -9"]
    assert errors == ""
    assert process.returncode == 0
    assert wait_until_gone(pids)


@pytest.mark.parametrize("what", ["end", "error"])
def test_programs_end_with_the_block(tmp_path: Path, what: str) -> None:
    process = launch(what, tmp_path)
    pids = pids_of(process)
    process.communicate(timeout=LONGEST_SECONDS)
    # No waiting: leaving the block has waited for them.
    assert not any(map(is_running, pids))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_programs_end_when_their_starter_is_killed(tmp_path: Path, how: signal.Signals) -> None:
    process = launch("hang", tmp_path)
    pids = pids_of(process)
    assert all(map(is_running, pids))
    process.send_signal(how)
    process.communicate(timeout=LONGEST_SECONDS)
    assert wait_until_gone(pids)


def test_programs_end_when_the_launcher_is_killed(tmp_path: Path) -> None:
    process = launch("hang", tmp_path)
    pids = pids_of(process)
    parent = int(Path(f"/proc/{pids[0]}/stat").read_text("ascii").rpartition(")")[2].split()[1])
    assert parent != process.pid
    os.kill(parent, signal.SIGKILL)
    assert wait_until_gone(pids)
    process.communicate(timeout=LONGEST_SECONDS)
    assert process.returncode != 0
