"""A network that lives on one disk: `python -m tests.faults.disk.writer FOLDER LOG [OPTION...]`.

Relays and nodes run in FOLDER until the process is killed. What they promise each other goes
to LOG, which lies on another disk: one line of JSON for each promise and each known hash.
`careless` opens databases without waiting for the disk: the control. `once` ends after one
exchange.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.faults.disk.lives import live, without_sync
from tests.faults.disk.promises import Promise, Promises


def main(arguments: Sequence[str]) -> None:
    """Live until killed."""
    folder, log = Path(arguments[0]), os.open(arguments[1], os.O_WRONLY | os.O_APPEND)

    def say(**words: object) -> None:
        os.write(log, json.dumps(words).encode() + b"\n")

    def made(promise: Promise) -> None:
        held = [copy.hex() for copy in promise.held]
        say(kind=promise.kind, saved=promise.saved.hex(), held=held)

    with pytest.MonkeyPatch.context() as patch:
        Promises(made, lambda front, digest: say(front=front.hex(), digest=digest.hex())).listen(
            patch
        )
        with without_sync() if "careless" in arguments else nullcontext():
            live(folder, rounds=1 if "once" in arguments else None)


class Reader:
    """Reads the lines of a log, in order."""

    def __init__(self) -> None:
        self._hashes: dict[bytes, bytes] = {}

    def line(self, line: bytes) -> Promise | None:
        """Return the promise of a line, None if it tells a hash."""
        words = json.loads(line)
        if "front" in words:
            self._hashes[bytes.fromhex(words["front"])] = bytes.fromhex(words["digest"])
            return None
        held = tuple(bytes.fromhex(copy) for copy in words["held"])
        return Promise(words["kind"], bytes.fromhex(words["saved"]), held, self._hashes)


def read(log: bytes) -> list[Promise]:
    """Return the promises of a log."""
    reader = Reader()
    found = [reader.line(line) for line in log.splitlines()]
    return [promise for promise in found if promise is not None]


if __name__ == "__main__":
    main(sys.argv[1:])
