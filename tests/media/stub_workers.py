"""Programs that stand in for the worker, to do what a decoder does that was taken over."""

from __future__ import annotations

from pathlib import Path

from tests.media import samples
from zentalk.media import preview

GOOD = samples.jpeg_of()
"""What a worker may answer: a small picture, and nothing beside it."""

_REAL = """\
import importlib.util, mmap, resource, socket, subprocess
spec = importlib.util.spec_from_file_location("worker", {worker!r})
worker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(worker)
"""
_HEAD = f"""\
import os, signal, sys
GOOD = {GOOD!r}
out = sys.stdout.buffer
"""


def stub(folder: Path, body: str, *, real: bool = False) -> Path:
    """Write a program; with `real`, the true worker is a module of it by the name `worker`."""
    path = folder / "stub.py"
    start = _REAL.format(worker=str(preview.WORKER)) if real else ""
    path.write_text(_HEAD + start + body + "\n", "utf-8")
    return path


def answering(folder: Path, answer: bytes, *, code: int = 0) -> Path:
    """Write a program that answers this, whatever it is given."""
    return stub(folder, f"sys.stdin.buffer.read()\nout.write({answer!r})\nsys.exit({code})")
