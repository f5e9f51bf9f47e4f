"""Scenarios: bounds, the files that ship, and overrides."""

from typing import Any

import pytest

from zentalk.errors import ConfigError
from zentalk.sim.scenario import Scenario, load, names


def test_every_scenario_that_ships_loads_and_says_what_it_is_about() -> None:
    assert {"churn", "default", "demo", "load"} <= set(names())
    assert all(load(name, {}).about for name in names())


def test_without_a_name_it_is_the_default_one() -> None:
    default = load("default", {})
    assert load(None, {"about": default.about}) == default


def test_the_demo_is_what_make_demo_promises() -> None:
    demo = load("demo", {})
    assert (demo.nodes, demo.users, demo.offline, demo.kill_entry) == (5, 2, True, True)


def test_what_is_given_wins() -> None:
    assert load("churn", {"nodes": 12, "seed": 7}) == load("churn", {"seed": 7, "nodes": 12})
    assert load("churn", {"nodes": 12}).nodes == 12
    assert load("churn", {"nodes": 12}).kill_relays == load("churn", {}).kill_relays


@pytest.mark.parametrize("nodes", [3, 100])
def test_f3_three_to_a_hundred_relays(nodes: int) -> None:
    assert Scenario(nodes=nodes).nodes == nodes


@pytest.mark.parametrize(
    "values",
    [
        {"nodes": 2},
        {"nodes": 101},
        {"nodes": "5"},
        {"nodes": True},
        {"users": 1},
        {"users": 101},
        {"messages": 0},
        {"kill_relays": -1},
        {"in_flight": 0},
        {"text_bytes": 65_537},
        {"seed": -1},
        {"seed": 2**63},
        {"net": "udp"},
        {"nodes": 5, "kill_relays": 3},
        {"nodes": 5, "kill_relays": 2, "kill_entry": True},
        {"colour": "blue"},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        load(None, values)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="churn"):
        load("../demo", {})
