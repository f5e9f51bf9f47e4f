"""A simulation whose terminal is closed leaves no folders: tokens and keys are in them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

UP = ("sim", "up", "--nodes", "3", "--users", "2")
NOT_ENDING = ("sim", "run", "--nodes", "3", "--users", "2", "--messages", "100000")

START = """
import os, signal, sys
signal.signal(signal.SIGHUP, signal.Handlers[sys.argv[1]])
os.execv(sys.executable, [sys.executable, "-m", "zentalk", *sys.argv[2:]])
"""
"""Starts a program that takes a hang-up as said, however this suite itself was started."""


@contextmanager
def running(
    folder: Path, *words: str, nohup: bool = False
) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Start a simulation, and wait until it has written a token."""
    command = [sys.executable, "-c", START, "SIG_IGN" if nohup else "SIG_DFL", *words]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    ) as process:
        try:
            while not any(folder.rglob("token")):
                assert process.poll() is None
            yield process, folder
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = process.communicate(timeout=60)
    return process.returncode, said


@pytest.mark.parametrize(("words", "code"), [(UP, 0), (NOT_ENDING, 130)], ids=["up", "run"])
@pytest.mark.parametrize("how", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_leaves_nothing(
    tmp_path: Path, words: tuple[str, ...], code: int, how: signal.Signals
) -> None:
    with running(tmp_path, *words) as (process, folder):
        process.send_signal(how)
        if how is signal.SIGHUP:
            process.send_signal(how)  # the shell and the kernel both do
        found, said = ended(process)
    assert found == code, said
    assert "Traceback" not in said
    assert "internal error" not in said
    assert list(folder.iterdir()) == []


def test_nohup_keeps_it_running(tmp_path: Path) -> None:
    with running(tmp_path, *UP, nohup=True) as (process, folder):
        assert process.stdout is not None
        process.send_signal(signal.SIGHUP)
        while "relay-3" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        found, said = ended(process)
    assert found == 0, said
    assert list(folder.iterdir()) == []


def test_control_one_that_is_killed_leaves_its_tokens(tmp_path: Path) -> None:
    with running(tmp_path, *UP) as (process, folder):
        process.kill()
        ended(process)
    assert any(folder.rglob("token"))
