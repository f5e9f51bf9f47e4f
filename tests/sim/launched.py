"""Run by test_launcher.py as a program: starts three programs and then does what it is told.

A process of its own, because a launcher must be forked while there is one thread.
"""

# ruff: noqa: T201  # it speaks to the test over its output

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import trio

from zentalk.sim.launcher import Launcher


def program(arguments: Sequence[str]) -> int:
    if arguments[0] == "fail":
        print("that cannot be", file=sys.stderr)
        return 3
    print(f"ready {arguments[0]}")
    print("second line")
    signal.pause()
    return 0


def preload() -> None:
    """Nothing to load."""


async def use(launcher: Launcher, what: str, folder: Path) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(launcher.run)
        sleepers = [
            await launcher.start(name, [name], folder / name) for name in ("one", "two", "three")
        ]
        for sleeper in sleepers:
            assert await sleeper.line_with("ready ") == sleeper.name
            assert os.getpgid(sleeper.pid) != os.getpgid(0)
        print("pids", *(sleeper.pid for sleeper in sleepers), flush=True)
        if what == "signals":
            await launcher.signal(sleepers[0], signal.SIGKILL)
            await sleepers[0].ended.wait()
            print("killed", sleepers[0].exit_code)
            await launcher.signal(sleepers[0], signal.SIGKILL)
            failed = await launcher.start("fail", ["fail"], folder / "fail")
            await failed.ended.wait()
            print("failed", failed.exit_code, (folder / "fail").read_text().strip())
        elif what == "error":
            raise ValueError(what)
        elif what == "hang":
            await trio.sleep_forever()
        nursery.cancel_scope.cancel()


def main() -> None:
    with Launcher(program, preload) as launcher:
        trio.run(use, launcher, sys.argv[1], Path(sys.argv[2]))


if __name__ == "__main__":
    main()
