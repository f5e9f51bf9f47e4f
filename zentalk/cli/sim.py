"""`zentalk sim`: local networks of real nodes; the engine is `zentalk.sim`."""

from __future__ import annotations

import gc
import json
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trio

from zentalk.cli.errors import UsageError
from zentalk.cli.logs import configure_logging
from zentalk.cli.output import say, say_json
from zentalk.cli.programs import hang_ups_ignored, ignore, raise_file_limit, stop_on_signal
from zentalk.errors import ConfigError, StorageError, ZentalkError

if TYPE_CHECKING:
    from zentalk.cli.sim_display import Watching
    from zentalk.sim.report import Report
    from zentalk.sim.scenario import Scenario

LEAST_RELAYS: Final = 3
MOST_RELAYS: Final = 100
LEAST_USERS: Final = 2
MANY_PROCESSES: Final = 25
DEFAULTS: Final = {"nodes": 5, "users": 2, "messages": 20, "kill_relays": 0, "seed": 0}
FAILED: Final = 1
TO_OUTPUT: Final = Path("-")
"""The path of a report that is printed."""
INTERRUPTED: Final = 130
_COLLECT_AFTER: Final = (20_000, 20, 20)
_PRELOADED: Final = (
    *("zentalk.cli.relay", "zentalk.cli.api", "zentalk.cli.programs"),
    *("zentalk.relay.relay", "zentalk.api.program", "zentalk.net.tcp"),
)


class SimulationFailedError(ZentalkError):
    """A run ended, and not everything arrived as it should."""


def check(values: Mapping[str, Any]) -> None:
    """Refuse a network that cannot be, with a sentence; raises UsageError."""
    nodes = values.get("nodes")
    if nodes is not None and not LEAST_RELAYS <= nodes <= MOST_RELAYS:
        raise UsageError(f"--nodes takes {LEAST_RELAYS} to {MOST_RELAYS} relays, not {nodes}")
    if values.get("users", LEAST_USERS) < LEAST_USERS:
        raise UsageError("--users must be 2 or more: messages need a sender and a recipient")
    if values.get("messages", 1) < 1:
        raise UsageError("--messages must be 1 or more")
    killed = values.get("kill_relays", 0)
    if killed < 0:
        raise UsageError("--kill-relays must be 0 or more")
    if nodes is not None and nodes - killed < LEAST_RELAYS:
        raise UsageError(
            f"--kill-relays {killed} leaves {nodes - killed} of {nodes} relays;"
            f" at least {LEAST_RELAYS} must stay"
        )
    if not 0 <= values.get("seed", 0) < 2**63:
        raise UsageError("--seed must be 0 or more")


def run(scenario: str | None, given: Mapping[str, Any], report: Path | None) -> int:
    """Run a network to its end; what is given wins over the scenario, if one is named.

    Raises SimulationFailedError if anything was lost, doubled, reordered or altered.
    """
    from zentalk.cli.sim_display import say_report, watching

    check(given if scenario else {**DEFAULTS, **given})
    wanted = _load(scenario, given)
    to_output = report == TO_OUTPUT
    if report is not None and not to_output:
        _try(report)
    _prepare()
    with watching(wanted) as watch:
        if wanted.net == "processes" and wanted.nodes + wanted.users > MANY_PROCESSES:
            watch.warn(
                f"{wanted.nodes + wanted.users} processes need a lot of memory and time;"
                " --net tcp runs them all in one"
            )
        result = _run(wanted, watch)
    if result is None:
        return INTERRUPTED
    if report is not None and not to_output:
        _save(result, report)
    if to_output:
        say_json(result.to_json())
    else:
        say_report(result)
    if not result.passed:
        raise SimulationFailedError(f"the run failed: {', '.join(result.faults())}")
    return 0


def up(nodes: int, users: int) -> int:
    """Run a network with REST until Ctrl-C; prints where everything is."""
    from zentalk.cli.sim_display import say_network, watching
    from zentalk.sim.folders import run_folder
    from zentalk.sim.run import up as network_up

    check({"nodes": nodes, "users": users})
    wanted = _load(None, {"nodes": nodes, "users": users})
    _prepare()
    with hang_ups_ignored() as ends, watching(wanted) as watch, run_folder() as folder:

        async def serve() -> None:
            async with network_up(folder, nodes, users, watch) as network:
                watch.close()
                say_network(network.relays, network.users)
                await trio.sleep_forever()

        _until_signal(serve, hang_up_ends=ends)
    return 0


def list_scenarios(*, as_json: bool) -> int:
    """Print the scenarios that come with zentalk, and what each is about."""
    from zentalk.sim.scenario import load, names

    found = {name: load(name, {}).about for name in names()}
    if as_json:
        say_json([{"name": name, "about": about} for name, about in found.items()])
        return 0
    for name, about in found.items():
        say(f"{name:10} {about}")
    return 0


def _load(name: str | None, given: Mapping[str, Any]) -> Scenario:
    from zentalk.sim.scenario import load

    try:
        return load(name, given)
    except ConfigError as error:
        raise UsageError(str(error)) from None


def _prepare() -> None:
    """Relays that are killed on purpose make their neighbours complain: only errors are shown."""
    configure_logging(logging.ERROR)
    raise_file_limit()


def _run(wanted: Scenario, watch: Watching) -> Report | None:
    """Run it; None if a signal ended it."""
    from zentalk.sim.launcher import Launcher
    from zentalk.sim.run import run as run_scenario

    reports: list[Report] = []

    async def simulate() -> None:
        reports.append(await run_scenario(wanted, watch, launcher=launcher))

    with ExitStack() as stack:
        ends = stack.enter_context(hang_ups_ignored())
        launcher = None
        if wanted.net == "processes":
            launcher = stack.enter_context(Launcher(program, preload))
        _until_signal(simulate, hang_up_ends=ends)
    return reports[0] if reports else None


def _until_signal(job: Callable[[], Awaitable[None]], *, hang_up_ends: bool) -> None:
    """Run a job under trio until it ends or a signal cancels it, so that it leaves no folders."""

    async def run_job() -> None:
        async with trio.open_nursery() as nursery:
            at_hang_up = None if hang_up_ends else ignore
            await nursery.start(stop_on_signal, nursery.cancel_scope.cancel, at_hang_up)
            await job()
            nursery.cancel_scope.cancel()

    with _seldom_collected():
        trio.run(run_job)


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Let the garbage collector look less often: a network keeps most of what its start makes."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def program(arguments: Sequence[str]) -> int:
    """Run `zentalk relay run` or `zentalk api run` in a process of its own."""
    from zentalk.cli import api, relay

    command, directory = arguments
    try:
        return {"relay": relay.run, "api": api.run}[command](Path(directory))
    except* ZentalkError as errors:
        print(_first(errors), file=sys.stderr, flush=True)
    return FAILED


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def preload() -> None:
    """Load what `relay run` and `api run` load, once for all programs."""
    for module in _PRELOADED:
        import_module(module)


def _try(path: Path) -> None:
    """Open the report's file before the run, which takes minutes; it keeps what is in it.

    Raises StorageError if it cannot be written.
    """
    is_new = not path.exists()
    try:
        path.open("a").close()
        if is_new:
            path.unlink()
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from None


def _save(report: Report, path: Path) -> None:
    try:
        path.write_text(json.dumps(report.to_json(), indent=2) + "\n", "utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from None
