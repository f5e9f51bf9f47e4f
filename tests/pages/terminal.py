"""A terminal in which somebody follows a page: a shell that keeps its variables and its jobs.

It types a command only after the one before has ended and printed what the page shows. A
command that fails fails the page. Everything that was started is ended by its id.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.pages.blocks import Step
from tests.pages.printed import is_printed

LONGEST_SECONDS = 100.0
"""How long a page may take to print a thing: far longer than it takes on a busy machine."""
LOOK_SECONDS = 0.03
_STRICT = """set -eE
trap : INT
trap 'echo "[failed with $?: $BASH_COMMAND]"' ERR
"""


class PageFailedError(AssertionError):
    """A page whose commands do not do what it says."""


class Terminal:
    """A shell in `home`; scripts and output go into `notes`, which no page knows."""

    def __init__(self, home: Path, notes: Path, environment: Mapping[str, str]) -> None:
        notes.mkdir(parents=True)
        self._notes = notes
        self._output = notes / "output.txt"
        self._count = 0
        self._shown_from = 0
        with self._output.open("ab") as output:
            self._shell = subprocess.Popen(
                ["/bin/bash", "--noprofile", "--norc"],
                cwd=home,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                text=True,
                start_new_session=True,
            )
        self._type(_STRICT)

    def follow(self, step: Step, *, soon: bool = False, stays: bool = False) -> None:
        """Run a step and wait for what it prints.

        `soon` repeats it until it prints that; `stays` does not wait for its end.
        """
        deadline = time.monotonic() + LONGEST_SECONDS
        while True:
            self._shown_from = self._output.stat().st_size
            ended = self._start(step.commands).exists
            self._wait(stays.__bool__ if stays else ended, step, deadline)
            if not soon:
                return self.expect(step)
            if is_printed(step.printed, self._printed()):
                return None
            if time.monotonic() > deadline:
                raise self._failed(step, "did not print what the page shows")

    def expect(self, step: Step) -> None:
        """Wait until what ran last has printed the lines of the step."""
        deadline = time.monotonic() + LONGEST_SECONDS
        self._wait(lambda: is_printed(step.printed, self._printed()), step, deadline)

    def end(self) -> None:
        """End what runs, the shell last, which takes the exit codes of its jobs."""
        group = self._shell.pid
        try:
            if self._shell.poll() is None:
                os.killpg(group, signal.SIGINT)  # Ctrl-C; jobs in the background do not see it
                self._type("set +e; trap - ERR; kill $(jobs -p); wait; exit 0\n")
                self._shell.wait(timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            pass  # what is left is killed
        finally:
            with contextlib.suppress(OSError):
                os.killpg(group, signal.SIGKILL)
            with contextlib.suppress(OSError):
                if self._shell.stdin is not None:
                    self._shell.stdin.close()
            self._shell.wait(timeout=30)

    def _start(self, commands: str) -> Path:
        """Give commands to the shell; return the file that it makes when they have ended."""
        self._count += 1
        script = self._notes / f"{self._count}.sh"
        script.write_text(f"{commands}\n", "utf-8")
        done = self._notes / f"{self._count}.done"
        self._type(f". '{script}' </dev/null\n: >'{done}'\n")
        return done

    def _type(self, text: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(text)
        self._shell.stdin.flush()

    def _printed(self) -> str:
        return self._output.read_bytes()[self._shown_from :].decode("utf-8", "replace")

    def _wait(self, reached: Callable[[], bool], step: Step, deadline: float) -> None:
        while not reached():
            if self._shell.poll() is not None:
                raise self._failed(step, "failed")
            if time.monotonic() > deadline:
                raise self._failed(step, "did not end, or not print what the page shows")
            time.sleep(LOOK_SECONDS)

    def _failed(self, step: Step, what: str) -> PageFailedError:
        shown = "\n".join(step.printed)
        return PageFailedError(
            f"this {what}:\n{step.commands}\n--- shown\n{shown}\n--- printed\n{self._printed()}"
        )
