"""The commands that run whole networks on this machine, and their arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from zentalk.cli.grammar import Group, Parameter
from zentalk.cli.options import AsJson

sim = Group("sim", "Run networks of real relays and API nodes on this machine.")


@sim.command(name="run")
def sim_run(
    *,
    nodes: Annotated[
        int | None, Parameter(help="The number of relays, 3 to 100. [default: 5]")
    ] = None,
    users: Annotated[
        int | None, Parameter(help="The number of API nodes, 2 or more. [default: 2]")
    ] = None,
    messages: Annotated[
        int | None, Parameter(help="The number of messages to send. [default: 20]")
    ] = None,
    kill_relays: Annotated[
        int | None, Parameter(help="The number of relays to kill; 3 must survive. [default: 0]")
    ] = None,
    net: Annotated[
        Literal["tcp", "processes"] | None,
        Parameter(help="Run all in one process, or each node in its own. [default: tcp]"),
    ] = None,
    seed: Annotated[
        int | None, Parameter(help="The seed of the random choices. [default: 0]")
    ] = None,
    scenario: Annotated[
        str | None, Parameter(help="The scenario to run; see: zentalk sim list")
    ] = None,
    json: Annotated[
        Path | None,
        Parameter(help="Write the report to this file as JSON, or print it if this is -."),
    ] = None,
) -> int:
    """Start a network, send messages through it, and report what arrived."""
    from zentalk.cli import sim as act

    given: dict[str, Any] = {
        "nodes": nodes,
        "users": users,
        "messages": messages,
        "kill_relays": kill_relays,
        "net": net,
        "seed": seed,
    }
    return act.run(scenario, {k: v for k, v in given.items() if v is not None}, json)


@sim.command(name="up")
def sim_up(
    *,
    nodes: Annotated[int, Parameter(help="The number of relays, 3 to 100.")] = 5,
    users: Annotated[int, Parameter(help="The number of API nodes.")] = 2,
) -> int:
    """Start a network and keep it running until Ctrl-C."""
    from zentalk.cli import sim as act

    return act.up(nodes, users)


@sim.command(name="list")
def sim_list(*, as_json: AsJson = False) -> int:
    """List the scenarios that come with zentalk."""
    from zentalk.cli import sim as act

    return act.list_scenarios(as_json=as_json)
