"""Sentences about wrong arguments, in place of those of the library that reads them."""

from __future__ import annotations

import difflib
from typing import Final, Literal, get_args, get_origin

from cyclopts import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    RepeatArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

_SEND: Final = ("message", "send")
_NAMING: Final = {("device", "add"), ("contact", "add"), ("contact", "accept"), ("api", "init")}
"""Commands that take a name, which may have several words."""

_KINDS: Final = {int: "a whole number", float: "a number"}


def sentence(error: CycloptsError) -> str:
    """Return what is wrong with the arguments, and which help explains them."""
    chain = tuple(error.command_chain or ())
    reason = _reason(error, chain)
    see = " See" if reason.endswith("?") else "; see"
    return f"{reason}{see}: {' '.join(('zentalk', *chain))} --help"


def _reason(error: CycloptsError, chain: tuple[str, ...]) -> str:
    match error:
        case UnknownCommandError():
            return _unknown_command(error)
        case UnusedCliTokensError():
            return _left_over(error, chain)
        case UnknownOptionError():
            return _unknown_option(error, chain)
        case MissingArgumentError():
            return _missing(error)
        case CoercionError():
            return _wrong_value(error)
        case RepeatArgumentError():
            return f"{error.token.keyword} is given more than once"
        case _:
            return "the arguments do not fit together"


def _unknown_command(error: UnknownCommandError) -> str:
    word = (error.unused_tokens or [""])[0]
    names = [name for name in error.app or () if not name.startswith("-")]
    near = difflib.get_close_matches(word, names, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"the commands are {_listed(names, 'and')}"
    return f"there is no command '{word}'; {hint}"


def _left_over(error: UnusedCliTokensError, chain: tuple[str, ...]) -> str:
    if chain == _SEND:
        return "put the text in quotes"
    quotes = "; put a name of several words in quotes" if chain in _NAMING else ""
    return f"'{(error.unused_tokens or [''])[0]}' is one word too many{quotes}"


def _unknown_option(error: UnknownOptionError, chain: tuple[str, ...]) -> str:
    option = error.token.keyword or error.token.value
    if chain == _SEND and not option.startswith("--"):
        return "put -- before a text that starts with a hyphen"
    known = [name for argument in error.argument_collection for name in argument.names]
    near = difflib.get_close_matches(option, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"there is no option {option.split('=')[0]}{hint}"


def _missing(error: MissingArgumentError) -> str:
    assert error.argument is not None
    name = error.keyword or error.argument.name
    if name in (error.root_input_tokens or ()):
        return f"{name} needs a value"
    mistyped = [token for token in error.unused_tokens or () if token.startswith("--")]
    near = difflib.get_close_matches(name, mistyped, n=1)
    if near:
        return f"there is no option {near[0]}; did you mean {name}?"
    return f"{name} is missing"


def _wrong_value(error: CoercionError) -> str:
    name = (error.token and error.token.keyword) or (error.argument and error.argument.name)
    kind = error.target_type
    if kind is bool:
        return f"{name} takes no value"
    if get_origin(kind) is Literal:
        wanted = _listed([str(choice) for choice in get_args(kind)], "or")
    elif kind in _KINDS:
        wanted = _KINDS[kind]
    else:
        return f"the value of {name} is wrong"
    given = f", not '{error.token.value}'" if error.token else ""
    return f"{name} takes {wanted}{given}"


def _listed(names: list[str], last: str) -> str:
    *head, tail = names
    return f"{', '.join(head)} {last} {tail}" if head else tail
