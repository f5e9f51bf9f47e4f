"""The output of `zentalk sim`: progress on standard error, results on standard output.

Colours and moving lines only where a person watches a terminal; plain lines elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from zentalk.cli.output import answering, say
from zentalk.sim.report import Latency, RelayLoad, Report
from zentalk.sim.scenario import Scenario
from zentalk.sim.workload import Progress as Standing
from zentalk.web.token import TOKEN_FILE

MOST_ROWS: Final = 20
"""Relays shown one by one; of a larger network, the busiest."""


class Watching:
    """Shows where a run stands; call it with each news."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._phase = ""

    def __call__(self, standing: Standing) -> None:
        """Say each phase once, with the numbers at its beginning."""
        if standing.phase != self._phase:
            self._phase = standing.phase
            self.say(f"{standing.phase}: {self.numbers(standing)}")

    def numbers(self, standing: Standing) -> str:
        """Return what is running and what has arrived."""
        scenario = self._scenario
        return (
            f"relays {standing.relays_running}/{scenario.nodes},"
            f" people {standing.users_running}/{scenario.users},"
            f" delivered {standing.delivered}/{scenario.messages}"
        )

    def say(self, line: str) -> None:
        """Write a line."""
        print(line, file=sys.stderr, flush=True)

    def warn(self, sentence: str) -> None:
        """Write a warning."""
        self.say(f"warning: {sentence}")

    def close(self) -> None:
        """Stop showing anything."""


class LiveWatching(Watching):
    """Shows a run as one moving line in a terminal."""

    def __init__(self, scenario: Scenario, console: Console) -> None:
        super().__init__(scenario)
        self._bar = Progress(
            TextColumn("[bold]{task.description:36.36}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[numbers]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        total = scenario.nodes + scenario.users + scenario.messages
        self._task: TaskID = self._bar.add_task("starting", total=total, numbers="")
        self._most = 0
        self._bar.start()

    def __call__(self, standing: Standing) -> None:
        """Move the line."""
        running = standing.relays_running + standing.users_running
        # Nodes that leave or die later still count as started.
        self._most = max(self._most, running)
        self._bar.update(
            self._task,
            description=standing.phase,
            completed=self._most + standing.delivered,
            numbers=self.numbers(standing),
        )

    def say(self, line: str) -> None:
        """Write a line above the moving one."""
        self._bar.console.print(line, markup=False, highlight=False)

    def close(self) -> None:
        """Remove the line."""
        self._bar.stop()


@contextmanager
def watching(scenario: Scenario) -> Iterator[Watching]:
    """Give something that shows progress in the way that suits standard error."""
    console = Console(stderr=True)
    watch = LiveWatching(scenario, console) if console.is_terminal else Watching(scenario)
    try:
        yield watch
    finally:
        watch.close()


def say_report(report: Report) -> None:
    """Print the tables of a run."""
    with answering():
        console = Console(highlight=False)
        console.print(_relay_table(report))
        console.print(_summary(report))
    for crash in report.crashed:
        say(f"crashed  {crash}")


class Place(Protocol):
    """A relay that runs."""

    @property
    def name(self) -> str:
        """The name of the relay."""
        ...

    @property
    def uri(self) -> str:
        """The URI under which it is reached."""
        ...


class ShownPerson(Protocol):
    """A person whose API node serves REST."""

    name: str
    address: str
    url: str
    folder: Path


def say_network(relays: Sequence[Place], people: Sequence[ShownPerson]) -> None:
    """Print where everything of a running network is."""
    for relay in relays:
        say(f"{relay.name:10} {relay.uri}")
    for person in people:
        say(f"{person.name:10} {person.address}")
        say(f"           REST  {person.url}")
        say(f"           token {person.folder / TOKEN_FILE}")
        say(f"           dir   {person.folder}")
    say("running until Ctrl-C, which also removes the folders")


def _relay_table(report: Report) -> Table:
    table = Table("relay")
    table.add_column("forwarded", justify="right")
    table.add_column("deposited", justify="right")
    table.add_column("state")
    shown = _busiest(report.relays)
    for name, load in report.relays.items():
        if name in shown:
            state = "alive" if load.alive else "killed"
            table.add_row(name, str(load.forwarded), str(load.deposited), state)
    rest = [load for name, load in report.relays.items() if name not in shown]
    if rest:
        table.add_row(*_total(f"{len(rest)} others", rest))
    table.add_section()
    table.add_row(*_total("together", list(report.relays.values())))
    return table


def _busiest(relays: Mapping[str, RelayLoad]) -> set[str]:
    """Return whom to show one by one: everybody in a small network."""
    by_load = sorted(relays, key=lambda name: -relays[name].forwarded - relays[name].deposited)
    return set(by_load[:MOST_ROWS])


def _total(title: str, loads: Sequence[RelayLoad]) -> tuple[str, str, str, str]:
    forwarded = sum(load.forwarded for load in loads)
    deposited = sum(load.deposited for load in loads)
    killed = sum(not load.alive for load in loads)
    return title, str(forwarded), str(deposited), f"{killed} killed" if killed else ""


def _summary(report: Report) -> Table:
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for title, value in (
        ("messages", report.messages),
        ("sent", report.sent),
        ("delivered", report.delivered),
        ("confirmed to the sender", report.confirmed),
        ("lost", report.lost),
        ("duplicates", report.duplicates),
        ("out of order", report.out_of_order),
    ):
        table.add_row(title, str(value))
    table.add_section()
    table.add_row("latency p50 / p99 / max, ms", _latency(report.latency_ms))
    table.add_row("the same, while disturbed", _latency(report.latency_disturbed_ms))
    table.add_row("unit sizes on people's links, bytes", " ".join(map(str, report.wire_sizes)))
    table.add_row("envelopes left at relays", str(report.relay_disk_envelopes_left))
    table.add_row("started in / all in, s", f"{report.startup_seconds} / {report.wall_seconds}")
    table.add_row("memory at most, MiB", str(report.peak_memory_mib))
    return table


def _latency(latency: Latency) -> str:
    return f"{latency.p50} / {latency.p99} / {latency.max}"
