"""Programs as a person starts them: own processes, their output, their end."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import IO

from zentalk.cli import main

READY = "ready "


def zentalk(*arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [sys.executable, "-m", "zentalk", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert "Traceback" not in done.stderr
    if check:
        assert done.returncode == 0, done.stderr
    return done


def init(program: str, folder: Path, bootstraps: Sequence[str] = (), *lines: str) -> None:
    """Make a folder as `zentalk relay init` and `zentalk api init` do; add lines to its settings.

    In this process: a program of its own takes half a second, of which all but a little loads code.
    """
    known = [word for uri in bootstraps for word in ("--bootstrap", uri)]
    with redirect_stdout(io.StringIO()):
        assert main([program, "init", "--dir", str(folder), "--port", "0", *known]) == 0
    add(folder, *lines)


def add(folder: Path, *lines: str) -> None:
    """Add lines to the settings of a folder."""
    config = folder / "config.toml"
    config.write_text("\n".join([config.read_text("utf-8"), *lines, ""]), "utf-8")


class Program:
    """A program that runs until it is told to stop."""

    def __init__(self, directory: Path, process: subprocess.Popen[str], log: IO[str]) -> None:
        self.directory = directory
        self.process = process
        self._log = log

    def ready(self) -> str:
        """Return what the line `ready ...` says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith(READY), self.errors()
        return line.removeprefix(READY).removesuffix("\n")

    def errors(self) -> str:
        """Return what is on standard error."""
        return Path(self._log.name).read_text("utf-8")

    def arguments(self) -> str:
        """Return what everybody on the machine can see of the process."""
        return Path(f"/proc/{self.process.pid}/cmdline").read_text("utf-8")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(how)
        return self.wait()

    def wait(self) -> int:
        """Return the exit code."""
        return self.process.wait(timeout=60)


@contextmanager
def running(program: str, directory: Path, *, in_background: bool = False) -> Iterator[Program]:
    """Start `zentalk relay run` or `zentalk api run`, and kill it at the end.

    `in_background` starts it as a script does with `&`: SIGINT is ignored.
    """
    command = [sys.executable, "-m", "zentalk", program, "run", "--dir", str(directory)]
    if in_background:
        command = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *command]
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    with (
        (directory / "stderr.txt").open("w+", encoding="utf-8") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        ) as process,
    ):
        try:
            yield Program(directory, process, log)
        finally:
            process.kill()
