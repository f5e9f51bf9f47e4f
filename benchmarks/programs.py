"""Nodes as processes of their own, and how much CPU time each has used.

Used by `benchmarks.messages` and `benchmarks.peers`. Relays and API nodes are the commands a user
runs; a program is killed at the end, because what is measured lies before that.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import PIPE
from typing import Any

import trio

READY_SECONDS = 60.0


class Program:
    """One running process; lines of its output are read one by one."""

    def __init__(self, name: str, process: trio.Process) -> None:
        self.name = name
        self.process = process
        self._rest = b""

    @classmethod
    async def start(cls, name: str, nursery: trio.Nursery, *arguments: str) -> Program:
        """Run Python with these arguments; its errors go to ours."""
        process: trio.Process = await nursery.start(_run, [sys.executable, *arguments])
        return cls(name, process)

    async def line(self) -> str:
        """Return the next line that it prints."""
        stdout = self.process.stdout
        assert stdout is not None
        while b"\n" not in self._rest:
            data = await stdout.receive_some(1 << 20)
            if not data:
                raise RuntimeError(f"{self.name} ended: {self._rest.decode()}")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    async def ready(self) -> str:
        """Return what it prints after the word `ready`."""
        with trio.fail_after(READY_SECONDS):
            return (await self.line()).removeprefix("ready ")

    async def tell(self, command: dict[str, Any]) -> None:
        """Write a command to its input."""
        assert self.process.stdin is not None
        await self.process.stdin.send_all(json.dumps(command).encode() + b"\n")

    async def ask(self, command: dict[str, Any]) -> Any:
        """Write a command and return the JSON that it prints next."""
        await self.tell(command)
        return json.loads(await self.line())

    def cpu_seconds(self) -> float:
        """Return the CPU time that it has used, 0 where the system does not tell."""
        return cpu_seconds(self.process.pid)


async def _run(
    command: Sequence[str], *, task_status: trio.TaskStatus[trio.Process] = trio.TASK_STATUS_IGNORED
) -> None:
    process = await trio.lowlevel.open_process(command, stdin=PIPE, stdout=PIPE)
    task_status.started(process)
    try:
        await process.wait()
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def start_relays(
    root: Path, count: int, nursery: trio.Nursery, *, web: bool = False
) -> list[Program]:
    """Start relays on free ports, each knowing those before it; their URIs are in `uris`.

    With `web` they take WebSockets, too, and these are in `uris(root, web=True)`.
    """
    relays: list[Program] = []
    for number in range(count):
        folder = root / f"relay{number}"
        bootstraps = [word for uri in uris(root) for word in ("--bootstrap", uri)]
        await _command("relay", "init", "--dir", str(folder), "--port", "0", *bootstraps)
        port = _announce_websocket(folder) if web else 0
        relay = await Program.start(
            f"relay {number}", nursery, "-m", "zentalk", "relay", "run", "--dir", str(folder)
        )
        uri = await relay.ready()
        (folder / "uri").write_text(uri)
        (folder / "web").write_text(f"{uri.partition('@')[0]}@ws://127.0.0.1:{port}/relay/link")
        relays.append(relay)
    return relays


def _announce_websocket(folder: Path) -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    lines = ("http = true", f"http_port = {port}")
    place = f'announce_websockets = ["ws://127.0.0.1:{port}/relay/link"]'
    _add(folder, *lines, place)
    return port


def _add(folder: Path, *lines: str) -> None:
    config = folder / "config.toml"
    config.write_text("\n".join([config.read_text("utf-8"), *lines, ""]), "utf-8")


def uris(root: Path, *, web: bool = False) -> list[str]:
    """Return the URIs of the relays started so far, with `web` those of their WebSockets."""
    return [path.read_text() for path in sorted(root.glob(f"relay*/{'web' if web else 'uri'}"))]


async def start_api(
    root: Path,
    name: str,
    nursery: trio.Nursery,
    program: str = "zentalk",
    *,
    web: bool = False,
    settings: Sequence[str] = (),
) -> tuple[Program, str, str, str]:
    """Start an API node, as a command of a program; return it with address, URL and token.

    With `web` it reaches relays by WebSockets only; `settings` are further lines of its file.
    """
    folder = root / name
    bootstraps = [word for uri in uris(root, web=web)[:2] for word in ("--bootstrap", uri)]
    address = await _command("api", "init", "--dir", str(folder), "--port", "0", *bootstraps)
    if web:
        settings = ('reach_relays_by = "websocket"', *settings)
    if settings:
        _add(folder, *settings)
    token = await _command("api", "token", "--dir", str(folder))
    node = await Program.start(name, nursery, "-m", program, "api", "run", "--dir", str(folder))
    return node, address, await node.ready(), token


async def _command(*words: str) -> str:
    done = await trio.run_process([sys.executable, "-m", "zentalk", *words], capture_stdout=True)
    return re.sub(r"\s+$", "", done.stdout.decode())
