"""What `zentalk sim` shows: plain lines without a terminal, one moving line in it, tables."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from tests.sim.test_report import GOOD
from zentalk.cli import sim_display
from zentalk.cli.sim_display import LiveWatching, Watching, say_report, watching
from zentalk.sim.report import RelayLoad
from zentalk.sim.scenario import Scenario
from zentalk.sim.workload import Progress


def test_without_a_terminal_each_phase_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(Scenario()) as watch:
        assert type(watch) is Watching
        watch(Progress("starting", 0, 0))
        watch(Progress("starting", 3, 0))
        watch(Progress("everybody online", 5, 2, sent=4, delivered=3))
        watch.warn("that is a lot")
    out, errors = capsys.readouterr()
    assert out == ""
    assert errors.splitlines() == [
        "starting: relays 0/5, people 0/2, delivered 0/20",
        "everybody online: relays 5/5, people 2/2, delivered 3/20",
        "warning: that is a lot",
    ]


def test_in_a_terminal_it_is_one_line_that_goes_away() -> None:
    screen = io.StringIO()
    watch = LiveWatching(Scenario(), Console(file=screen, force_terminal=True, width=120))
    watch(Progress("everybody online", 5, 2, sent=4, delivered=3))
    watch.warn("[bold]not markup[/bold]")
    watch.close()
    shown = screen.getvalue()
    assert "delivered 3/20" in shown
    assert "warning: [bold]not markup[/bold]" in shown


def test_a_small_network_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    relays = {"relay-1": RelayLoad(7, 2, alive=True), "relay-2": RelayLoad(0, 0, alive=False)}
    say_report(replace(GOOD, relays=relays, crashed=("relay-9: it ended",)))
    out = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines()]
    assert ["relay-1", "7", "2", "alive"] in rows
    assert ["relay-2", "0", "0", "killed"] in rows
    assert ["together", "7", "2", "1 killed"] in rows
    assert ["delivered", "4"] in rows
    assert "crashed  relay-9: it ended" in out


def test_of_a_large_network_the_busiest_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    relays = {f"relay-{n}": RelayLoad(n, 0, alive=True) for n in range(100)}
    say_report(replace(GOOD, relays=relays))
    out = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines()]
    shown = {row[0] for row in rows if row and row[0].startswith("relay-")}
    assert shown == {f"relay-{n}" for n in range(80, 100)}
    assert ["80 others", str(sum(range(80))), "0", ""] in rows
    assert ["together", str(sum(range(100))), "0", ""] in rows
    assert sim_display.MOST_ROWS == 20
