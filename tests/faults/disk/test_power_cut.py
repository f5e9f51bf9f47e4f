"""The power fails under relays and nodes that write to a real file system (K26).

A process runs a whole network on an ext4 in an image; at a moment drawn at random the file
system is shut down without flushing anything, as xfstests does. The image then holds what a
disk would: it is mounted, its journal replayed, every database opened with the real code, and
every promise that left the network before must be true.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.disk import writer
from tests.faults.disk.promises import Promise, found_in
from tests.faults.disk.volume import Volume, volume, why_no_volume
from zentalk.errors import StorageError

pytestmark = [pytest.mark.faults, pytest.mark.privileged, pytest.mark.slow]

FIRST_PROMISES_BYTES = 4_000
"""Of the log: before that the network is still starting."""
LAST_MOMENT_BYTES = 50_000
PATIENCE_SECONDS = 240.0


@pytest.fixture(autouse=True)
def needs_a_volume(tmp_path_factory: pytest.TempPathFactory) -> None:
    if reason := why_no_volume(tmp_path_factory.getbasetemp()):
        pytest.skip(reason)


def cut_once(disk: Volume, log: Path, moment_bytes: int, *options: str) -> list[Promise]:
    """Let a network write until its log has so many bytes, and cut the power.

    Returns what was promised before the cut.
    """
    disk.make()
    log.write_bytes(b"")
    command = [sys.executable, "-m", "tests.faults.disk.writer", str(disk.place), str(log)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [*command, *options], cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            limit = time.monotonic() + PATIENCE_SECONDS
            while log.stat().st_size < moment_bytes:
                assert process.poll() is None, process.stderr and process.stderr.read()
                assert time.monotonic() < limit, "the network writes nothing"
                time.sleep(0.001)
            said = log.read_bytes()
            disk.cut()
        finally:
            process.kill()
    disk.power_on()
    return writer.read(said)


def lost_in_cuts(
    folder: Path, cuts: int, *options: str, seed: int = 1
) -> tuple[int, list[tuple[int, Promise]]]:
    """Return how many promises were made, and those that the disk did not keep, by cut."""
    draw = random.Random(seed)
    made = 0
    lost: list[tuple[int, Promise]] = []
    with volume(folder) as disk:
        for number in range(cuts):
            moment = draw.randrange(FIRST_PROMISES_BYTES, LAST_MOMENT_BYTES)
            promises = cut_once(disk, folder / "promises.log", moment, *options)
            kept = [promise for promise in promises if promise.kind != "outbox"]
            try:
                held, saved = found_in(disk.place)
            except StorageError:
                held, saved = set(), set()
            made += len(kept)
            lost += [(number, promise) for promise in kept if not promise.kept(held, saved)]
    return made, lost


def test_k26_a_power_cut_loses_nothing_that_was_promised(tmp_path: Path) -> None:
    made, lost = lost_in_cuts(tmp_path, 2)
    assert made > 10
    assert lost == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 12))
def test_k26_fifty_power_cuts_of_a_real_file_system_lose_nothing(tmp_path: Path, seed: int) -> None:
    made, lost = lost_in_cuts(tmp_path, 5, seed=seed)
    assert made > 50
    assert lost == []


def test_k26_control_without_sync_a_power_cut_loses_mail(tmp_path: Path) -> None:
    made, lost = lost_in_cuts(tmp_path, 1, "careless")
    assert made >= len(lost) > 0


@pytest.mark.long
@pytest.mark.e2e
def test_k26_programs_that_lose_power_three_times_deliver_everything_once(tmp_path: Path) -> None:
    """Real relays and API nodes, over loopback, whose people go on writing."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.disk.power_trial", str(tmp_path), "--seed", "1"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert (report["cuts"], report["lost"], report["duplicates"]) == (3, 0, 0)
