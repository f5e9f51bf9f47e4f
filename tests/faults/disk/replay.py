"""What a disk may hold after a power cut, from the log of writes and syncs.

What was synced is there. Of what was not, each write may be there or not, whole or torn at
sectors, in any combination: a drive may reorder its cache. A file that was never synced may
be missing, and one that was removed may be back.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.faults.disk.vfs import Step

SECTOR_BYTES: Final = 512
LOSSES: Final = (1.0, 1.0, 0.5, 0.1, 0.9)
"""Chances that one write that was not synced is lost, drawn for each cut: often all are."""


@dataclass
class _File:
    durable: bytearray | None = None
    pending: list[Step] = field(default_factory=list)


class Disk:
    """The files of one log, step by step."""

    def __init__(self) -> None:
        self._files: dict[Path, _File] = {}
        self._removed: dict[Path, bytes] = {}

    def do(self, steps: Iterable[Step]) -> None:
        """Take the next steps of the log."""
        for step in steps:
            file = self._files.setdefault(step.path, _File())
            if step.kind == "sync":
                if file.durable is None:
                    self._sync_folder(step.path.parent)
                file.durable = bytearray(file.durable or b"")
                for waiting in file.pending:
                    _apply(file.durable, waiting)
                file.pending = []
            elif step.kind == "delete":
                gone = self._files.pop(step.path)
                if gone.durable is not None:
                    self._removed[step.path] = bytes(gone.durable)
            elif step.kind != "open":
                file.pending.append(step)

    def _sync_folder(self, folder: Path) -> None:
        """SQLite syncs the folder of a new file with the file, and so what was removed there."""
        for path in [path for path in self._removed if path.parent == folder]:
            del self._removed[path]

    def after_cut(self, draw: random.Random) -> dict[Path, bytes]:
        """Return what may be found when the power is back."""
        loss = draw.choice(LOSSES)
        found = {path: data for path, data in self._removed.items() if draw.random() < loss / 2}
        for path, file in self._files.items():
            content = _surviving(file, loss, draw)
            if content is not None:
                found[path] = content
        return found


def _surviving(file: _File, loss: float, draw: random.Random) -> bytes | None:
    kept = [piece for step in file.pending for piece in _pieces(step) if draw.random() >= loss]
    if file.durable is None and not kept:
        return None
    content = bytearray(file.durable or b"")
    for piece in kept:
        _apply(content, piece)
    return bytes(content)


def _pieces(step: Step) -> Sequence[Step]:
    """Cut a write where a drive may tear it."""
    if step.kind != "write":
        return [step]
    pieces, at, data = [], step.at, step.data
    while data:
        size = SECTOR_BYTES - at % SECTOR_BYTES
        pieces.append(Step("write", step.path, at, data[:size]))
        at, data = at + size, data[size:]
    return pieces


def _apply(content: bytearray, step: Step) -> None:
    if step.kind == "truncate":
        del content[step.at :]
        return
    if len(content) < step.at:
        content += bytes(step.at - len(content))
    content[step.at : step.at + len(step.data)] = step.data


def put_back(files: dict[Path, bytes], root: Path, folder: Path) -> None:
    """Write the files of a cut below `folder` instead of `root`."""
    for path, content in files.items():
        place = folder / path.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
