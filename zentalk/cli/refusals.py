"""Sentences about wrong arguments: what is wrong, and what may have been meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_SEND: Final = ("message", "send")
_NAMING: Final = {("api", "init")}
"""Commands that take a name as an option only, which may have several words."""


def unknown_command(word: str, names: Sequence[str]) -> str:
    """There is no command of this name."""
    near = _near(word, names)
    hint = f"did you mean '{near}'?" if near else f"the commands are {listed(names, 'and')}"
    return f"there is no command '{word}'; {hint}"


def unknown_option(option: str, known: Sequence[str], chain: tuple[str, ...]) -> str:
    """There is no option of this name."""
    if chain == _SEND and not option.startswith("--"):
        return "put -- before a text that starts with a hyphen"
    near = _near(option, known)
    hint = f"; did you mean {near}?" if near else ""
    return f"there is no option {option}{hint}"


def left_over(word: str, chain: tuple[str, ...]) -> str:
    """A word stands where none is taken."""
    quotes = "; put a name of several words in quotes" if chain in _NAMING else ""
    return f"'{word}' is one word too many{quotes}"


def missing(name: str) -> str:
    """An argument that must be given is not."""
    return f"{name} is missing"


def wrong_value(name: str, wanted: str, given: str) -> str:
    """A value is not what the argument takes."""
    return f"{name} takes {wanted}, not '{given}'"


def listed(names: Sequence[str], last: str) -> str:
    """Return names as a list in a sentence."""
    *head, tail = names
    return f"{', '.join(head)} {last} {tail}" if head else tail


def _near(word: str, names: Sequence[str]) -> str | None:
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, names, n=1)), None)
