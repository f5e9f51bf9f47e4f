"""Help as plain text, made of the same signatures that arguments are read by."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable
from typing import Final

from zentalk.cli.grammar import REQUIRED, App, Argument, Command, Group

_WIDEST: Final = 100
_IN_A_FILE: Final = 80
_GAP: Final = 2
_INDENT: Final = 2


def help_of(app: App, group: Group | None, command: Command | None) -> str:
    """Return the help of a command, of a group, or of everything."""
    if group is None:
        return _list(app.name, app.about, ((g.name, g.about) for g in app.groups.values()))
    if command is None:
        commands = ((c.name, c.about.partition("\n")[0]) for c in group.commands.values())
        return _list(f"{app.name} {group.name}", group.about, commands)
    return _command_help(f"{app.name} {group.name} {command.name}", command)


def _list(chain: str, about: str, entries: Iterable[tuple[str, str]]) -> str:
    last = ("--help", "Explain a command: put it after the command.")
    return "\n".join(
        [f"Usage: {chain} COMMAND", "", about, "", "Commands:", *_columns([*entries, last])]
    )


def _command_help(chain: str, command: Command) -> str:
    arguments = command.arguments()
    words = [argument for argument in arguments if not argument.is_option]
    options = [argument for argument in arguments if argument.is_option]
    usage = [chain, *(_usage(argument) for argument in (*words, *options))]
    parts = [_filled("Usage: " + " ".join(usage), _USAGE_GOES_ON), "", *_paragraphs(command.about)]
    for title, listed_ones in (("Words:", words), ("Options:", options)):
        if listed_ones:
            parts += ["", title, *_columns([(_left(a), _right(a)) for a in listed_ones])]
    return "\n".join(parts)


_USAGE_GOES_ON: Final = "    "
"""What further lines of a usage begin with."""


def _usage(argument: Argument) -> str:
    """Return an argument as the usage shows it; brackets mean that it may be left out."""
    shown = _left(argument)
    return shown if argument.is_required else f"[{shown}]"


def _left(argument: Argument) -> str:
    dots = " ..." if argument.many else ""
    if not argument.is_option or argument.is_flag:
        return argument.name + dots
    value = "|".join(argument.choices) or argument.name.lstrip("-").upper()
    return f"{argument.name} {value}{dots}"


def _right(argument: Argument) -> str:
    default = argument.default
    if default is REQUIRED or default is None or default is False or default == "":
        return argument.help
    shown = f"{default:g}" if isinstance(default, float) else default
    return f"{argument.help} [default: {shown}]".lstrip()


def _columns(entries: list[tuple[str, str]]) -> list[str]:
    left = min(max(len(name) for name, _ in entries), _WIDEST // 3) + _GAP
    lines: list[str] = []
    for name, about in entries:
        room = max(_width() - left - _INDENT, 20)
        first, *more = textwrap.wrap(about, room) or [""]
        if len(name) + _GAP > left:
            lines.append(" " * _INDENT + name)
            name = ""  # noqa: PLW2901 - its help stands below it
        lines.append((" " * _INDENT + name.ljust(left) + first).rstrip())
        lines += [" " * (_INDENT + left) + line for line in more]
    return lines


def _paragraphs(text: str) -> list[str]:
    blocks = (" ".join(block.split()) for block in text.split("\n\n"))
    return "\n\n".join(textwrap.fill(block, _width()) for block in blocks).splitlines()


def _filled(text: str, indent: str) -> str:
    return textwrap.fill(
        text, _width(), subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )


def _width() -> int:
    try:
        columns = os.get_terminal_size(1).columns
    except OSError:  # Standard output is a file or a pipe.
        columns = _IN_A_FILE
    return min(columns or _IN_A_FILE, _WIDEST)
