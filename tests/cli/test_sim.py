"""`zentalk sim run --json`: where the report goes, known before the run."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.sim.test_report import GOOD
from zentalk.cli import sim
from zentalk.sim.report import Report


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count runs instead of running: a report with a fixed content."""
    seen: list[str] = []

    def run(_wanted: object, _watch: object) -> Report:
        seen.append("ran")
        return GOOD

    monkeypatch.setattr(sim, "_run", run)
    monkeypatch.setattr(sim, "_prepare", lambda: None)
    return seen


@pytest.mark.parametrize("place", ["none/report.json", "."])
def test_a_path_that_cannot_be_written_is_found_before_the_run(
    run: Run, runs: list[str], tmp_path: Path, place: str
) -> None:
    result = run("sim", "run", "--json", tmp_path / place)
    assert result.code == 1
    assert str(tmp_path) in result.err
    assert runs == []


def test_a_path_that_is_tried_keeps_what_is_there(tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_text("{}")
    sim._try(old)
    sim._try(tmp_path / "new.json")
    assert [path.name for path in tmp_path.iterdir()] == ["old.json"]
    assert old.read_text() == "{}"


def test_a_hyphen_prints_the_report_and_no_table(
    run: Run, runs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("sim", "run", "--json", "-")
    assert result.code == 0
    assert "messages" in json.loads(result.out)
    assert list(tmp_path.iterdir()) == []
    assert runs == ["ran"]
