"""From what was typed to a command and its values, or to one sentence that says what is wrong.

Options may stand anywhere before `--`; what comes after it is words, whatever it looks like.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from zentalk.cli.errors import UsageError
from zentalk.cli.grammar import App, Argument, Command, Group
from zentalk.cli.refusals import (
    left_over,
    listed,
    missing,
    unknown_command,
    unknown_option,
    wrong_value,
)

HELP: Final = ("--help", "-h")
VERSION: Final = "--version"
_WORDS_FOLLOW: Final = "--"


def choose(app: App, typed: Sequence[str]) -> tuple[Group | None, Command | None, Sequence[str]]:
    """Return the group and the command that were named, and what follows them.

    One that was not named is None; raises UsageError if there is none of that name.
    """
    if not typed or typed[0].startswith("-"):
        return None, None, typed
    group = app.groups.get(typed[0])
    if group is None:
        refuse(unknown_command(typed[0], [*app.groups]), app.name)
    rest = typed[1:]
    if not rest or rest[0].startswith("-"):
        return group, None, rest
    command = group.commands.get(rest[0])
    if command is None:
        refuse(unknown_command(rest[0], [*group.commands]), app.name, group.name)
    return group, command, rest[1:]


def wants_help(typed: Sequence[str]) -> bool:
    """Tell whether help is asked for, rather than the command itself."""
    until = typed.index(_WORDS_FOLLOW) if _WORDS_FOLLOW in typed else len(typed)
    return any(token in HELP for token in typed[:until])


def read(command: Command, chain: tuple[str, ...], typed: Sequence[str]) -> dict[str, Any]:
    """Return the values of a command's arguments; raises UsageError."""
    try:
        return _Reading(command, chain).read(list(typed))
    except UsageError as error:
        refuse(str(error), *chain)


def refuse(reason: str, *chain: str) -> NoReturn:
    """Raise UsageError with what is wrong, and which help explains it."""
    see = " See" if reason.endswith("?") else "; see"
    raise UsageError(f"{reason}{see}: {' '.join(chain)} --help")


class _Reading:
    """Reads one command line, from its first token to its last."""

    def __init__(self, command: Command, chain: tuple[str, ...]) -> None:
        self._arguments = command.arguments()
        self._options = {a.name: a for a in self._arguments if a.is_option}
        self._chain = chain[1:]
        self._values: dict[str, Any] = {}
        self._words: list[str] = []

    def read(self, tokens: list[str]) -> dict[str, Any]:
        while tokens:
            typed = tokens.pop(0)
            if typed == _WORDS_FOLLOW:
                self._words += tokens
                break
            if typed.startswith("-") and typed != "-" and not _is_number(typed):
                self._option(typed, tokens)
            else:
                self._words.append(typed)
        self._take_words()
        for argument in self._arguments:
            if argument.key in self._values:
                continue
            if argument.is_required:
                raise UsageError(missing(argument.name))
            self._values[argument.key] = argument.value_if_missing()
        return self._values

    def _option(self, typed: str, tokens: list[str]) -> None:
        name, has_value, value = typed.partition("=")
        option = self._options.get(name)
        if option is None:
            raise UsageError(unknown_option(name, [*self._options], self._chain))
        if option.key in self._values and not option.many:
            raise UsageError(f"{name} is given more than once")
        if option.is_flag:
            if has_value:
                raise UsageError(f"{name} takes no value")
            self._values[option.key] = True
            return
        values = [value] if has_value else _following(tokens, many=option.many)
        if not values:
            raise UsageError(f"{name} needs a value")
        read = [_value(option, text) for text in values]
        if option.many:
            self._values.setdefault(option.key, []).extend(read)
        else:
            self._values[option.key] = read[0]

    def _take_words(self) -> None:
        words = self._words
        for argument in self._arguments:
            if argument.is_option or not words:
                continue
            if argument.many:
                self._values[argument.key] = [_value(argument, word) for word in words]
                words = []
            else:
                self._values[argument.key] = _value(argument, words[0])
                words = words[1:]
        if words:
            raise UsageError(left_over(words[0], self._chain))


def _following(tokens: list[str], *, many: bool) -> list[str]:
    """Take the value after an option from the tokens, or all values up to the next option."""
    values: list[str] = []
    while tokens and not tokens[0].startswith("--") and (many or not values):
        values.append(tokens.pop(0))
    return values


def _is_number(typed: str) -> bool:
    """Tell whether what begins with a minus sign is a number and no option."""
    return typed[1].isdecimal() or typed[1] == "."


def _value(argument: Argument, text: str) -> str | int | float | Path:
    if argument.choices and text not in argument.choices:
        raise UsageError(wrong_value(argument.name, listed([*argument.choices], "or"), text))
    try:
        if argument.kind is int:
            return int(text)
        if argument.kind is float:
            return _finite(float(text))
    except ValueError:
        kind = "a whole number" if argument.kind is int else "a number"
        raise UsageError(wrong_value(argument.name, kind, text)) from None
    return Path(text) if argument.kind is Path else text


def _finite(number: float) -> float:
    """Return a number, or raise ValueError: no time is ever later than one that is none."""
    if number - number != 0:
        raise ValueError(number)
    return number
