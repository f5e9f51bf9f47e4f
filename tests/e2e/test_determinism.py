"""The same seed gives the same run, byte count for byte count."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.e2e.world import World
from tests.schedule import one_order


def run_once(seed: int) -> str:
    """Run a small network in virtual time; return the hash of everything on the wire."""
    trace = hashlib.sha256()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            world = World(Path(folder), nursery, seed)
            world.memory.on_wire = lambda source, target, data: trace.update(
                f"{trio.current_time():.6f} {source} {target} {len(data)}\n".encode()
            )
            await world.relay_net(4)
            await world.person("alice")
            await world.person("bob")
            await world.friends("alice", "bob")
            for number in range(5):
                await world.send("alice", "bob", f"there {number}")
                await world.send("bob", "alice", f"back {number}")
            await world.until_inbox("bob", "alice", [f"there {n}" for n in range(5)])
            await world.until_inbox("alice", "bob", [f"back {n}" for n in range(5)])
            await world.crash("bob")
            await world.send("alice", "bob", "while away")
            await trio.sleep(30)
            await world.person("bob")
            await world.until_inbox(
                "bob", "alice", [*[f"there {n}" for n in range(5)], "while away"]
            )
            nursery.cancel_scope.cancel()

    with tempfile.TemporaryDirectory() as folder, one_order(seed):
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return trace.hexdigest()


@pytest.mark.e2e
def test_two_runs_with_one_seed_are_equal_and_with_another_are_not(repository: Path) -> None:
    """In processes of their own, with different hash seeds, as two people would run it."""

    def in_process(seed: int, hash_seed: int) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
        command = [sys.executable, "-m", "tests.e2e.test_determinism", str(seed)]
        done = subprocess.run(
            command, cwd=repository, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    first, second, other = in_process(1, 1), in_process(1, 2), in_process(2, 1)
    assert first == second
    assert first != other


if __name__ == "__main__":
    sys.stdout.write(run_once(int(sys.argv[1])))
