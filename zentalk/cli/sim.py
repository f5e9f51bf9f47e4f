"""`zentalk sim`: local networks of real nodes; the engine is `zentalk.sim`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from zentalk.cli.errors import UsageError
from zentalk.cli.output import say
from zentalk.cli.programs import raise_file_limit

LEAST_RELAYS: Final = 3
MOST_RELAYS: Final = 100
LEAST_USERS: Final = 2
DEFAULTS: Final = {"nodes": 5, "users": 2, "messages": 20, "kill_relays": 0, "seed": 0}


def check(values: Mapping[str, Any]) -> None:
    """Refuse a network that cannot be, with a sentence; raises UsageError."""
    nodes = values.get("nodes")
    if nodes is not None and not LEAST_RELAYS <= nodes <= MOST_RELAYS:
        raise UsageError(f"--nodes takes {LEAST_RELAYS} to {MOST_RELAYS} relays, not {nodes}")
    if values.get("users", LEAST_USERS) < LEAST_USERS:
        raise UsageError("--users must be 2 or more: somebody has to receive")
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
    """Run a network to its end; what is given wins over the scenario, if one is named."""
    check(given if scenario else {**DEFAULTS, **given})
    from zentalk.sim import run_simulation  # noqa: PLC0415

    raise_file_limit()
    code: int = run_simulation(scenario, given, report)
    return code


def up(nodes: int, users: int) -> int:
    """Run a network until Ctrl-C."""
    check({"nodes": nodes, "users": users})
    from zentalk.sim import keep_running  # noqa: PLC0415

    raise_file_limit()
    code: int = keep_running(nodes, users)
    return code


def list_scenarios() -> int:
    """Print the names of the scenarios that come with zentalk."""
    from zentalk.sim import scenario_names  # noqa: PLC0415

    for name in scenario_names():
        say(name)
    return 0
