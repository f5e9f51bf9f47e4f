"""The command `zentalk sim`, as people run it: real relays and nodes over loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.processes import zentalk
from zentalk.client import Client

pytestmark = pytest.mark.e2e

LONGEST_SECONDS = 120
PROMISED = {
    *("nodes", "users", "net", "seed", "sent", "delivered", "duplicates", "lost", "latency_ms"),
    *("wire_sizes", "relays", "relay_disk_envelopes_left", "startup_seconds", "wall_seconds"),
}


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "zentalk", "sim", *map(str, words)]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder)}


def run(folder: Path, *words: object) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """Run `sim run` with its folders in `folder`; return what came of it and the report."""
    places = folder / "places"
    places.mkdir()
    file = folder / "report.json"
    done = subprocess.run(
        command("run", "--json", file, *words),
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        env=environment(places),
        check=False,
    )
    assert not list(places.iterdir()), "a folder was left behind"
    return done, json.loads(file.read_text("utf-8"))


def test_f3_b1_b2_b3_three_relays_deliver_everything_once(tmp_path: Path) -> None:
    """F3, B1-B3: with an offline period and a switch of entries, in one process."""
    done, report = run(tmp_path, "--nodes", 3, "--seed", 1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert report.keys() >= PROMISED
    assert (report["nodes"], report["users"], report["net"], report["seed"]) == (3, 2, "tcp", 1)
    assert report["sent"] == report["delivered"] == 20
    assert report["lost"] == report["duplicates"] == report["out_of_order"] == 0
    assert report["wire_sizes"] == [2624]
    assert report["relay_disk_envelopes_left"] == 0
    assert report["crashed"] == []
    assert sum(relay["deposited"] for relay in report["relays"].values()) >= 20
    assert "delivered" in done.stdout
    assert "Bob is away" in done.stderr


def test_f3_processes_deliver_everything_once(tmp_path: Path) -> None:
    """F3: the same with each node as a program of its own, over REST."""
    done, report = run(tmp_path, "--nodes", 3, "--messages", 40, "--net", "processes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert report["net"] == "processes"
    assert report["sent"] == report["delivered"] == 40
    assert report["lost"] == report["duplicates"] == 0
    assert report["wire_sizes"] == [2624]
    assert report["crashed"] == []
    assert all(relay["alive"] for relay in report["relays"].values())
    assert sum(relay["deposited"] for relay in report["relays"].values()) >= 40


def test_f3_relays_killed_on_request_cost_nothing(tmp_path: Path) -> None:
    """F3: the demo, in which the entry relay of the first person dies."""
    done, report = run(tmp_path, "--scenario", "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert report["sent"] == report["delivered"] == 20
    assert report["lost"] == report["duplicates"] == 0
    dead = [name for name, relay in report["relays"].items() if not relay["alive"]]
    assert dead == report["killed"]
    assert len(dead) == 1


@contextmanager
def started(folder: Path, *words: object) -> Iterator[subprocess.Popen[str]]:
    """Start a command with its folders in `folder`; it is killed at the end at the latest."""
    with subprocess.Popen(
        command(*words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(folder),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_f3_up_serves_rest_and_commands_until_it_is_told_to_stop(
    tmp_path: Path, how: signal.Signals
) -> None:
    with started(tmp_path, "up", "--nodes", 3) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or not lines[-1].startswith("running"):
            lines.append(process.stdout.readline())
            assert lines[-1], process.communicate()
        words = [line.split() for line in lines]
        urls = [line[1] for line in words if line[0] == "REST"]
        tokens = [Path(line[1]).read_text("ascii").strip() for line in words if line[0] == "token"]
        addresses = [line[1] for line in words if line[1].startswith("zt1")]
        with Client(urls[0], tokens[0]) as alice, Client(urls[1], tokens[1]) as bob:
            assert [alice.me().address, bob.me().address] == addresses
            bob.add_contact(addresses[0], "Alice")
            message = alice.send(addresses[1], "hello")
            arrived = (event for event in bob.stream_events() if event.type == "message.received")
            assert next(arrived).data["id"] == message.id
            arrived.close()
        mine = Path(next(line[1] for line in words if line[0] == "dir"))
        sent = zentalk("message", "send", "--dir", mine, addresses[1], "hi", "--json").stdout
        assert json.loads(sent)["conversation"] == addresses[1]
        assert zentalk("api", "address", "--dir", mine).stdout == f"{addresses[0]}\n"
        status = zentalk("relay", "status", "--dir", mine.parent / "relay-1").stdout
        assert status.startswith("ready  zt-relay:")
        process.send_signal(how)
        _, errors = process.communicate(timeout=LONGEST_SECONDS)
    assert process.returncode == 0, errors
    assert not list(tmp_path.iterdir()), "a folder was left behind"


def test_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    with started(tmp_path, "run", "--messages", 1_000_000) as process:
        assert process.stderr is not None
        while "everybody online" not in (line := process.stderr.readline()):
            assert line, process.communicate()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LONGEST_SECONDS)
    assert process.returncode == 130
    assert not list(tmp_path.iterdir()), "a folder was left behind"
