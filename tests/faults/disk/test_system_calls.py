"""The same order, one level lower: what the kernel was asked for, seen by strace (K26).

`test_order` sees SQLite ask for syncs. Here a network runs under strace, with its promises as
writes into a file, and the trace must show each thing written and synced before its promise.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.disk.promises import Order
from tests.faults.disk.vfs import Step
from tests.faults.disk.writer import Reader

_ESCAPED = rb"(?:\\x[0-9a-f]{2})*"
_CALL = re.compile(
    rb'(?P<call>\w+)\(\d+<(?P<path>[^>]+)>(?:, "(?P<data>' + _ESCAPED + rb')", .*)?\) += \d+'
)


def _can_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    done = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False)
    return done.returncode == 0


pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.skipif(not _can_trace(), reason="needs strace, and leave to trace"),
]


def _unescaped(text: bytes) -> bytes:
    return bytes.fromhex(text.replace(b"\\x", b"").decode()) if text.startswith(b"\\x") else text


def traced(folder: Path, *options: str) -> Order:
    """Run the exchange once under strace and hold its promises against the trace."""
    world, log, trace = folder / "world", folder / "promises.log", folder / "trace"
    world.mkdir()
    log.touch()
    calls = "trace=pwrite64,write,fsync,fdatasync"
    command = ["strace", "-qq", "-y", "-xx", "-s", "70000", "-e", calls, "-o", str(trace)]
    program = [sys.executable, "-m", "tests.faults.disk.writer", str(world), str(log), "once"]
    subprocess.run([*command, *program, *options], cwd=Path(__file__).parents[3], check=True)
    order, reader = Order(world), Reader()
    with trace.open("rb") as lines:
        for line in lines:
            found = _CALL.match(line)
            if found is None:
                continue
            path = Path(_unescaped(found["path"]).decode())
            data = _unescaped(found["data"] or b"")
            if path == log and (promise := reader.line(data)) is not None:
                order.made(promise)
            elif path.is_relative_to(world):
                synced = found["call"] in {b"fsync", b"fdatasync"}
                order.step(Step("sync" if synced else "write", path, 0, data))
    return order


def test_k26_the_kernel_is_asked_to_sync_before_anything_is_promised(tmp_path: Path) -> None:
    order = traced(tmp_path)
    assert order.broken == Counter()
    assert set(order.kept) == {"ack", "mail.ack", "confirmation", "outbox"}


def test_k26_control_without_sync_the_kernel_is_never_asked(tmp_path: Path) -> None:
    order = traced(tmp_path, "careless")
    assert order.kept == Counter()
    assert set(order.broken) == {"ack", "mail.ack", "confirmation", "outbox"}
