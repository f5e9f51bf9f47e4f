"""Starts programs quickly: forks a process that has everything loaded already.

Three generations: this process, the launcher, the programs. The launcher is forked
before trio or any thread starts here, because a fork copies only one thread. Programs
die with the launcher, and it dies with this process, whatever happened to it: each
holds one end of a pipe and ends when the other end is gone. Only pids of own children
are ever signalled.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import trio

from zentalk.errors import UnavailableError
from zentalk.sim.launching import serve

START_SECONDS: Final = 60.0


class Process:
    """A program that the launcher has started."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pid = 0
        self.lines: list[str] = []
        self.ended = trio.Event()
        self.exit_code: int | None = None
        # Tells a kill from a crash. Of the process, not the program, which may run again by
        # the time that somebody looks.
        self.told_to_end = False
        self._changed = trio.Event()

    async def line_with(self, start: str) -> str:
        """Return the rest of the first line it prints that begins so.

        Raises UnavailableError if it ends before, or takes too long.
        """
        with trio.move_on_after(START_SECONDS):
            while True:
                for line in self.lines:
                    if line.startswith(start):
                        return line.removeprefix(start)
                if self.ended.is_set():
                    raise UnavailableError(f"{self.name} ended with code {self.exit_code}")
                await self._changed.wait()
        raise UnavailableError(f"{self.name} was not ready after {START_SECONDS:g} s")

    def take(self, message: dict[str, Any]) -> None:
        """Take in what the launcher says about it."""
        if "line" in message:
            self.lines.append(message["line"])
        elif "exited" in message:
            self.exit_code = message["exited"]
            self.ended.set()
        self._changed.set()
        self._changed = trio.Event()


class Launcher:
    """A fork server, as a context manager around `trio.run`.

    `program` gets arguments and returns an exit code; `preload` imports what it needs.
    Must be entered while this process has one thread.
    """

    def __init__(
        self, program: Callable[[Sequence[str]], int], preload: Callable[[], None]
    ) -> None:
        self._program = program
        self._preload = preload
        self._processes: dict[int, Process] = {}
        self._starting: dict[int, tuple[Process, trio.Event]] = {}
        self._numbers = 0
        self._pid = 0
        self._socket: socket.socket | None = None
        self._stream: trio.SocketStream | None = None
        self._one_at_a_time = trio.Lock()

    def __enter__(self) -> Self:
        """Fork the launcher."""
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            serve(theirs, self._program, self._preload)
        theirs.close()
        self._pid, self._socket = pid, ours
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the launcher and with it every program, and wait until they are gone."""
        if self._socket is not None:
            self._socket.close()
        os.waitpid(self._pid, 0)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Carry messages from the launcher; must run while programs are used."""
        assert self._socket is not None, "enter the launcher first"
        # A copy, because `__exit__` must still find something to close.
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(self._socket.dup()))
        self._stream = stream
        task_status.started()
        rest = b""
        async with stream:
            async for data in stream:
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._take(json.loads(line))
        raise UnavailableError("the process that starts programs is gone")

    async def start(self, name: str, arguments: Sequence[str], log: Path) -> Process:
        """Start a program whose errors go to `log`; returns once it has a pid."""
        self._numbers += 1
        process, event = Process(name), trio.Event()
        self._starting[self._numbers] = process, event
        await self._say({"start": self._numbers, "arguments": list(arguments), "log": str(log)})
        await event.wait()
        return process

    async def signal(self, process: Process, number: signal.Signals) -> None:
        """Send a signal; nothing happens if the program has ended."""
        await self._say({"signal": int(number), "pid": process.pid})

    def _take(self, message: dict[str, Any]) -> None:
        pid = message["pid"]
        if "started" in message:
            process, event = self._starting.pop(message["started"])
            process.pid = pid
            self._processes[pid] = process
            event.set()
            return
        self._processes[pid].take(message)
        if "exited" in message:
            del self._processes[pid]

    async def _say(self, message: dict[str, Any]) -> None:
        assert self._stream is not None, "run the launcher first"
        async with self._one_at_a_time:
            await self._stream.send_all(json.dumps(message).encode() + b"\n")
