"""How long a person waits for a command: in starts of Python that do nothing.

Both sides of a ratio are processes of the same run, one after the other.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.rounds import Row, Seconds, ratio_row, wall_seconds

ROUNDS = 15
MOST_FOR_HELP = 12.0
MOST_FOR_A_CALL = 20.0
_NOBODY = "zt-relay:" + "a" * 52 + "@127.0.0.1:9"


def rows() -> list[Row]:
    """Two rows: help, and a command that asks a running node."""
    with tempfile.TemporaryDirectory(prefix="zentalk-bench-") as name, _node(Path(name)) as folder:
        return [
            _row("zentalk --help beside python -c pass", MOST_FOR_HELP, ["--help"]),
            _row(
                "zentalk contact list, of a running node, beside python -c pass",
                MOST_FOR_A_CALL,
                ["contact", "list", "--dir", str(folder)],
            ),
        ]


def _row(name: str, target: float, command: list[str]) -> Row:
    def one_round(seconds: Seconds) -> float:
        return seconds(lambda: _python("-m", "zentalk", *command)) / seconds(
            lambda: _python("-c", "pass")
        )

    return ratio_row(name, target, one_round, ROUNDS, wall_seconds)


def _python(*arguments: str) -> None:
    # As installed: with compiled modules, also where this process was told to write none.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(
        [sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment
    )


@contextmanager
def _node(folder: Path) -> Iterator[Path]:
    """Run an API node whose relay does not exist: its REST answers all the same."""
    own = folder / "node"
    _python(
        "-m", "zentalk", "api", "init", "--dir", str(own), "--port", "0", "--bootstrap", _NOBODY
    )
    command = [sys.executable, "-m", "zentalk", "api", "run", "--dir", str(own)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            if not process.stdout.readline().startswith("ready "):
                raise RuntimeError("the API node did not start")
            yield own
        finally:
            process.kill()
