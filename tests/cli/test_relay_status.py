"""The exit code of `zentalk relay status`."""

import json
from dataclasses import replace
from pathlib import Path

from tests.cli.conftest import Run
from tests.relay.test_shown import STATUS
from zentalk.relay.status import StatusFile


def test_the_exit_code_says_whether_it_runs(run: Run, tmp_path: Path) -> None:
    assert run("relay", "init", "--dir", tmp_path).code == 0
    StatusFile(tmp_path).write(STATUS)
    shown = run("relay", "status", "--dir", tmp_path)
    assert shown.code == 0
    assert shown.out.startswith("ready  zt-relay:")
    found = json.loads(run("relay", "status", "--dir", tmp_path, "--json").out)
    assert found["uptime_seconds"] >= 0
    assert found["memory"]["process_bytes"] > 2**20
    assert found["disk"]["free_bytes"] > 0
    StatusFile(tmp_path).write(replace(STATUS, pid=2**22 + 1))
    for more in ([], ["--json"]):
        stopped = run("relay", "status", "--dir", tmp_path, *more)
        assert stopped.code == 1
        assert "stopped" in stopped.out
        assert f"zentalk relay run --dir {tmp_path}" in stopped.err
