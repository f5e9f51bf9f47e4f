"""Every long-running program raises limits, logs, locks its folder, and stops on a signal.

The first SIGTERM or SIGINT drains; the second ends the process at once, which is safe: what
was accepted is on disk. That holds also where SIGINT was ignored at the start: a script's shell
ignores it for what runs in the background, and whoever interrupts the script means all of it.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import trio

from zentalk.cli.logs import configure_logging
from zentalk.config import hold_lock

_FORCED: Final = 1


def run_program(
    directory: Path, program: Callable[[], Awaitable[None]], log_level: str = "info"
) -> int:
    """Run a program of a folder under trio until it ends; raises what it raises."""
    configure_logging(logging.getLevelNamesMapping()[log_level.upper()])
    raise_file_limit()
    with hold_lock(directory):
        trio.run(program)
    return 0


def raise_file_limit() -> None:
    """Allow as many open files and connections as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):
            return  # Some systems name a hard limit that they do not grant.


async def stop_on_signal(
    stop: Callable[[], None],
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Call `stop` at the first signal, and end the process at the second."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        asked = False
        async for _ in signals:
            if asked:
                os._exit(_FORCED)
            asked = True
            stop()
