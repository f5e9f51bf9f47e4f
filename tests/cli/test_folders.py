"""A11, A12: two programs, each with its own folder and default port, and nothing else shared."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.processes import running
from zentalk.config import load_api_settings, load_relay_settings
from zentalk.wire.text import parse_relay_uri

NOBODY = "zt-relay:" + "a" * 52 + "@127.0.0.1:9"


def test_a11_default_ports_are_9001_and_3001_and_more_follow_them(run: Run, tmp_path: Path) -> None:
    first = run("relay", "init", "--dir", tmp_path / "relay1").out.strip()
    second = run("relay", "init", "--dir", tmp_path / "relay2", "--port", 9002).out.strip()
    run("api", "init", "--dir", tmp_path / "alice", "--bootstrap", first)
    run("api", "init", "--dir", tmp_path / "bob", "--port", 3002, "--bootstrap", first)
    assert [parse_relay_uri(uri).port for uri in (first, second)] == [9001, 9002]
    assert [load_relay_settings(tmp_path / f"relay{n}", {}).port for n in (1, 2)] == [9001, 9002]
    assert [load_api_settings(tmp_path / name, {}).port for name in ("alice", "bob")] == [
        3001,
        3002,
    ]


@pytest.mark.e2e
def test_a11_programs_write_into_the_folder_they_were_given_and_nowhere_else(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run with an empty home, temporary folder and working directory: they stay empty."""
    outside = tmp_path / "outside"
    for name in ("home", "tmp", "here"):
        (outside / name).mkdir(parents=True)
    root = Path(__file__).parents[2]
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(outside / "home"))
    for name in ("TMPDIR", "SQLITE_TMPDIR"):
        monkeypatch.setenv(name, str(outside / "tmp"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(root), *sys.path]))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.chdir(outside / "here")
    relay, alice = tmp_path / "relay", tmp_path / "alice"
    run("relay", "init", "--dir", relay, "--port", 0)
    run("api", "init", "--dir", alice, "--port", 0, "--bootstrap", NOBODY)
    for program, folder in (("relay", relay), ("api", alice)):
        with running(program, folder) as started:
            started.ready()
            names = {path.name for path in folder.iterdir()}
            assert started.stop() == 0
        assert ("history.db" in names) is (program == "api")
        assert ("queue.db" in names) is (program == "relay")
    assert {path.name for path in tmp_path.iterdir()} == {"outside", "relay", "alice"}
    assert [path for path in outside.rglob("*") if not path.is_dir()] == []


@pytest.mark.parametrize(
    ("program", "other"),
    [
        ("zentalk.relay.relay", ("zentalk.node", "zentalk.api", "zentalk.store.history")),
        ("zentalk.api.server", ("zentalk.relay", "zentalk.store.mailbox.sqlite")),
        ("zentalk.node.node", ("zentalk.relay", "zentalk.store.mailbox.sqlite")),
    ],
)
def test_a12_neither_program_loads_the_other(program: str, other: tuple[str, ...]) -> None:
    code = f"import sys, {program}; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = done.stdout.split()
    assert program in loaded
    assert [name for name in loaded if name.startswith(other)] == []
