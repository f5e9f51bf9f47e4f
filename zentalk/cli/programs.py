"""Every long-running program raises limits, logs, locks its folder, and stops on a signal.

The first SIGTERM or SIGINT drains; the second ends the process at once, which is safe: what
was accepted is on disk. That holds also where SIGINT was ignored at the start: a script's shell
ignores it for what runs in the background, and whoever interrupts the script means all of it.
SIGHUP never ends a relay or a node: it reads its settings again, and uses what a running one can.
A simulation has no settings to read, and is stopped by it: its terminal was closed.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog
import trio

from zentalk.cli.logs import configure_logging
from zentalk.config import hold_lock
from zentalk.errors import ZentalkError

_FORCED: Final = 1
_LOG: Final = structlog.get_logger("zentalk.cli")


def run_program(
    directory: Path, program: Callable[[], Awaitable[None]], log_level: str = "info"
) -> int:
    """Run a program of a folder under trio until it ends; raises what it raises."""
    configure_logging(logging.getLevelNamesMapping()[log_level.upper()])
    raise_file_limit()
    # Until the program listens to signals: a reload that comes early must not end it.
    with hang_ups_ignored(), hold_lock(directory):
        trio.run(program)
    return 0


@contextmanager
def hang_ups_ignored() -> Iterator[bool]:
    """Let SIGHUP end nothing inside unless somebody listens to it; tell whether it did before.

    It did not where the program was started by `nohup`.
    """
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield before is not signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def raise_file_limit() -> None:
    """Allow as many open files and connections as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):
            return  # Some systems name a hard limit that they do not grant.


def ignore() -> None:
    """Do nothing at a SIGHUP, as `nohup` wants."""


def reload_nothing() -> None:
    """Say that a changed setting needs a restart."""
    _LOG.info("settings_need_a_restart")


async def stop_on_signal(
    stop: Callable[[], None],
    reload: Callable[[], None] | None = None,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Call `stop` at the first signal, and end the process at the second.

    With `reload`, SIGHUP calls it: settings that are wrong change nothing and are logged. Without,
    it stops as well, and more of them change nothing: a terminal that closes may send several.
    """
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        task_status.started()
        asked = False
        async for number in signals:
            if number == signal.SIGHUP and reload is not None:
                _try(reload)
                continue
            if asked and number == signal.SIGHUP:
                continue
            if asked:
                os._exit(_FORCED)
            asked = True
            stop()


def _try(reload: Callable[[], None]) -> None:
    try:
        reload()
    except ZentalkError as error:
        _LOG.warning("settings_not_reloaded", reason=str(error))
