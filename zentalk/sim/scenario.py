"""A scenario to run: numbers with bounds, from TOML files and overrides.

Scenario files ship inside the package; a name is a file's stem.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import resources
from typing import Any, Final, Literal

from zentalk.errors import ConfigError

LEAST_RELAYS: Final = 3
MOST_RELAYS: Final = 100
MOST_USERS: Final = 100
MOST_MESSAGES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run. `kill_relays` die in the middle; `offline` and `switch` are phases.

    `in_flight` messages are under way at a time; `text_bytes` is their length.
    """

    nodes: int = 5
    users: int = 2
    messages: int = 20
    kill_relays: int = 0
    kill_entry: bool = False
    offline: bool = True
    switch: bool = True
    net: Literal["tcp", "processes"] = "tcp"
    seed: int = 0
    in_flight: int = 4
    text_bytes: int = 64
    about: str = ""

    def __post_init__(self) -> None:
        _within("nodes", self.nodes, LEAST_RELAYS, MOST_RELAYS)
        _within("users", self.users, 2, MOST_USERS)
        _within("messages", self.messages, 1, MOST_MESSAGES)
        _within("kill_relays", self.kill_relays, 0, MOST_RELAYS)
        _within("in_flight", self.in_flight, 1, 4096)
        _within("text_bytes", self.text_bytes, 1, 65_536)
        _within("seed", self.seed, 0, 2**63 - 1)
        if self.net not in ("tcp", "processes"):
            raise ConfigError("net must be tcp or processes")
        if self.nodes - self.killed < LEAST_RELAYS:
            raise ConfigError(
                f"killing {self.killed} of {self.nodes} relays leaves fewer than {LEAST_RELAYS}:"
                " start more or kill fewer"
            )

    @property
    def killed(self) -> int:
        """The number of relays that die in total."""
        return self.kill_relays + self.kill_entry


def names() -> list[str]:
    """Return the names of the scenarios that come with the package."""
    folder = resources.files("zentalk.sim") / "scenarios"
    return sorted(item.name[:-5] for item in folder.iterdir() if item.name.endswith(".toml"))


def load(name: str | None, overrides: Mapping[str, Any]) -> Scenario:
    """Return a scenario by name, or the default one, with overrides on top.

    Raises ConfigError if there is no such scenario or a value is out of range.
    """
    values: dict[str, Any] = {}
    if name is not None:
        if name not in names():
            raise ConfigError(f"there is no scenario {name!r}; choose one of {', '.join(names())}")
        file = resources.files("zentalk.sim") / "scenarios" / f"{name}.toml"
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    known = {field.name for field in fields(Scenario)}
    for key in (*values, *overrides):
        if key not in known:
            raise ConfigError(f"scenario {name}: there is no setting {key!r}")
    return Scenario(**{**values, **overrides})


def _within(name: str, value: object, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ConfigError(f"{name.replace('_', '-')} takes {least} to {most}, not {value}")
