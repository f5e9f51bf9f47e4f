"""Programs of a network: one that was told to end has not crashed."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import trio
import trio.testing

from zentalk.sim.launcher import Launcher, Process
from zentalk.sim.processes import _Program

ROUNDS = 30
"""Who of two tasks runs first is drawn anew each time; in so many, each was first."""


class Programs:
    """A launcher of programs that are ready at once and end when they get a signal."""

    def __init__(self) -> None:
        self.last = Process("none")

    async def start(self, name: str, arguments: Sequence[str], log: Path) -> Process:
        self.last = Process(name)
        self.last.take({"line": "ready here"})
        return self.last

    async def signal(self, process: Process, number: signal.Signals) -> None:
        process.take({"exited": -number})


async def test_a_program_that_is_restarted_at_once_did_not_crash(tmp_path: Path) -> None:
    crashed: list[str] = []
    program = _Program("relay", cast("Launcher", Programs()), crashed.append)
    async with trio.open_nursery() as nursery:
        for _ in range(ROUNDS):
            assert await program.start(nursery, "relay", tmp_path) == "here"
            await trio.testing.wait_all_tasks_blocked()
            await program.end(signal.SIGKILL)
    assert not crashed


async def test_a_program_that_ends_by_itself_has_crashed(tmp_path: Path) -> None:
    crashed: list[str] = []
    programs = Programs()
    program = _Program("relay", cast("Launcher", programs), crashed.append)
    (tmp_path / "log").write_text("starting\nno space left\n", "utf-8")
    async with trio.open_nursery() as nursery:
        await program.start(nursery, "relay", tmp_path)
        await program.end(signal.SIGKILL)
        await program.start(nursery, "relay", tmp_path)
        programs.last.take({"exited": 3})
    assert crashed == ["relay: ended with code 3: no space left"]
