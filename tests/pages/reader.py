"""Somebody who follows a page: a clone of the tree, a new home, and only the programs named.

Ports of pages are fixed, so only one page at a time is followed on a machine.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.needed import program
from tests.pages.blocks import Block, Step, blocks, prerequisites
from tests.pages.terminal import Terminal
from tests.pages.tools import BASE

_LOCK = "zentalk-fixed-ports.lock"
_PORT = re.compile(r"--port (\d+)|https?://127\.0\.0\.1:(\d+)")


def follow(page: str, repository: Path, folder: Path) -> int:
    """Run all commands of a page that are run; return how many blocks that were."""
    wanted = blocks(page)
    with _ports_of(wanted), ExitStack() as stack:
        environment = _environment(page, repository, folder)
        terminals: dict[int, Terminal] = {}
        ran = 0
        for block in wanted:
            if block.is_output:
                for line in block.text.splitlines():  # of several programs: in any order
                    terminals[block.terminal].expect(Step("", (line,)))
            elif block.is_run or block.file is not None:
                if block.terminal not in terminals:
                    notes = folder / f"terminal-{block.terminal}"
                    terminal = Terminal(folder / "clone", notes, environment)
                    stack.callback(terminal.end)
                    terminals[block.terminal] = terminal
                ran += block.is_run
                for step in block.steps():
                    terminals[block.terminal].follow(
                        step, soon="soon" in block.mark, stays="keeps running" in block.mark
                    )
    return ran


def make_clone(repository: Path, clone: Path) -> None:
    """Make what a reader has after `git clone` and `make venv`, out of links."""
    clone.mkdir(parents=True)
    for entry in repository.iterdir():
        if not entry.name.startswith("."):
            (clone / entry.name).symlink_to(entry)
    venv = clone / ".venv"
    venv.mkdir()
    for entry in Path(sys.prefix).iterdir():
        if not entry.name.startswith(".stamp"):
            (venv / entry.name).symlink_to(entry)
    (venv / ".stamp-run").touch()  # Newer than all it depends on: `make venv` has nothing to do.


def _environment(page: str, repository: Path, folder: Path) -> dict[str, str]:
    make_clone(repository, folder / "clone")
    tools = folder / "bin"
    for made in (tools, folder / "home", folder / "tmp"):
        made.mkdir()
    for name in {*BASE, *prerequisites(page)}:
        inside = Path(sys.prefix, "bin", name)
        path = str(inside) if inside.exists() else shutil.which(name)
        if path is None and name not in BASE:
            path = program(name)
        if path is not None:
            (tools / name).symlink_to(path)
    return {
        "PATH": str(tools),
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "PYTHONPATH": str(repository),
        "LANG": "C.UTF-8",
    }


@contextmanager
def _ports_of(wanted: Sequence[Block]) -> Iterator[None]:
    """Hold the lock of all pages; skip if somebody else has one of this page's ports."""
    path = Path(tempfile.gettempdir(), _LOCK)
    if not path.exists():
        path.touch(0o644)
    with path.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        text = "\n".join(block.text for block in wanted if block.is_run or block.file)
        for port in sorted({int(a or b) for a, b in _PORT.findall(text)}):
            _check_free(port)
        yield


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            reason = f"needs port {port}, which another program of this machine has"
            if os.environ.get("ZENTALK_REQUIRE_PROGRAMS"):
                pytest.fail(reason)
            pytest.skip(reason)
