"""Scripts with which shells complete commands, made of the table that arguments are read by.

A script is whole: it holds the words of all commands, and runs nothing of zentalk while somebody
types. So it is to be made again after an upgrade. It knows commands, options, and the values that
an option or a word can have; names of people it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from zentalk.cli.grammar import App, Argument, Command, Group

_DIRECTORY: Final = "--dir"
_TOP: Final = ("--help", "--version")
_HELP: Final = "--help"


def script_of(app: App, shell: str) -> str:
    """Return the script for `bash`, `zsh` or `fish`."""
    return "\n".join(_SHELLS[shell](app))


def _bash(app: App) -> Iterator[str]:
    name = app.name
    yield f"# Completes {name} in bash. Made by: {name} completion bash"
    yield from (
        f"_{name}() {{",
        '    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" words=',
        "    COMPREPLY=()",
        "    # bash takes --option=value apart.",
        '    if [ "$prev" = "=" ]; then prev="${COMP_WORDS[COMP_CWORD-2]}"; fi',
        '    if [ "$cur" = "=" ]; then cur=; fi',
        "    case $COMP_CWORD in",
        f'        1) words="{" ".join([*app.groups, *_TOP])}" ;;',
        '        2) case "${COMP_WORDS[1]}" in',
    )
    for group in app.groups.values():
        yield f'            {group.name}) words="{" ".join([*group.commands, _HELP])}" ;;'
    yield from (
        "        esac ;;",
        '        *) case "${COMP_WORDS[1]} ${COMP_WORDS[2]} $prev" in',
    )
    for group, command in _all(app):
        chain = f"{group.name} {command.name}"
        for option in _options(command):
            if not option.is_flag:
                yield f'            "{chain} {option.name}") {_bash_values(name, option)} ;;'
        words = " ".join([*(one.name for one in _options(command)), _HELP, *_words(command)])
        files = f" _{name}_files -f;" if _takes_file(command) else ""
        yield f'            "{chain} "*){files} words="{words}" ;;'
    yield from (
        "        esac ;;",
        "    esac",
        '    COMPREPLY+=($(compgen -W "$words" -- "$cur"))',
        "}",
        f"_{name}_files() {{",
        "    local found",
        "    compopt -o filenames 2>/dev/null",
        '    while IFS= read -r found; do COMPREPLY+=("$found"); done < <(compgen "$1" -- "$cur")',
        "}",
        f"complete -F _{name} {name}",
    )


def _bash_values(name: str, option: Argument) -> str:
    if option.choices:
        return f'words="{" ".join(option.choices)}"'
    return f"_{name}_files {_bash_kind(option)}" if option.kind is Path else ":"


def _bash_kind(option: Argument) -> str:
    return "-d" if option.name == _DIRECTORY else "-f"


def _zsh(app: App) -> Iterator[str]:
    name = app.name
    yield f"#compdef {name}"
    yield f"# Completes {name} in zsh. Made by: {name} completion zsh"
    yield f"_{name}() {{"
    yield "    local -a found"
    yield "    if (( CURRENT == 2 )); then"
    groups = [(group.name, group.about) for group in app.groups.values()]
    yield from _zsh_found([*groups, *((word, "") for word in _TOP)])
    yield "    elif (( CURRENT == 3 )); then"
    yield "        case $words[2] in"
    for group in app.groups.values():
        yield f"        ({group.name})"
        yield from _zsh_found([(one.name, one.about) for one in group.commands.values()])
        yield "        ;;"
    yield "        esac"
    yield "    else"
    yield '        local chain="$words[2] $words[3]"'
    yield "        shift 2 words"
    yield "        (( CURRENT -= 2 ))"
    yield "        case $chain in"
    for group, command in _all(app):
        specs = [_zsh_option(one) for one in _options(command)]
        specs += [_zsh_word(one) for one in command.arguments() if not one.is_option]
        yield f"        ('{group.name} {command.name}')"
        yield f"            _arguments {' '.join(map(_quoted, [*specs, '--help[Explain it.]']))}"
        yield "        ;;"
    yield from ("        esac", "    fi", "}", f"compdef _{name} {name}")


def _zsh_found(entries: list[tuple[str, str]]) -> Iterator[str]:
    shown = " ".join(_quoted(f"{word}:{_first(about)}") for word, about in entries)
    yield f"            found=({shown})"
    yield "            _describe command found"


def _zsh_option(option: Argument) -> str:
    about = "".join(f"\\{char}" if char in "[]:\\" else char for char in _first(option.help))
    repeated = "*" if option.many else ""
    if option.is_flag:
        return f"{repeated}{option.name}[{about}]"
    return f"{repeated}{option.name}=[{about}]:{option.name.lstrip('-')}:{_zsh_values(option)}"


def _zsh_word(word: Argument) -> str:
    place = "*" if word.many else ""
    optional = "" if word.is_required or word.many else ":"
    return f"{place}{optional}:{word.name.lower()}:{_zsh_values(word)}"


def _zsh_values(argument: Argument) -> str:
    if argument.choices:
        return f"({' '.join(argument.choices)})"
    if argument.kind is not Path:
        return " "
    return "_files -/" if argument.name == _DIRECTORY else "_files"


def _fish(app: App) -> Iterator[str]:
    name = app.name
    yield f"# Completes {name} in fish. Made by: {name} completion fish"
    yield from (
        f"function __{name}_at",
        "    set -l typed (commandline -opc)",
        "    test (count $typed) -ge (math (count $argv)); or return 1",
        "    for place in (seq (count $argv))",
        '        test "$typed[$place]" = "$argv[$place]"; or return 1',
        "    end",
        "end",
        f"function __{name}_next",
        f"    __{name}_at $argv; and test (count (commandline -opc)) -eq (count $argv)",
        "end",
        f"complete -c {name} -f",
    )
    for group in app.groups.values():
        yield _fish_line(name, f"__{name}_next {name}", f"-a {group.name}", group.about)
    for group in app.groups.values():
        for command in group.commands.values():
            at = f"__{name}_next {name} {group.name}"
            yield _fish_line(name, at, f"-a {command.name}", command.about)
    for group, command in _all(app):
        at = f"__{name}_at {name} {group.name} {command.name}"
        for option in _options(command):
            yield _fish_line(name, at, _fish_option(option), option.help)
        for word in _words(command):
            yield _fish_line(name, at, f"-a {word}", "")
        if _takes_file(command):
            yield f"complete -c {name} -n {_quoted(at)} -F"
    yield _fish_line(name, f"__{name}_at {name}", "-l help", "Explain a command.")


def _fish_line(name: str, condition: str, what: str, about: str) -> str:
    shown = f" -d {_quoted(_first(about))}" if about else ""
    return f"complete -c {name} -n {_quoted(condition)} {what}{shown}"


def _fish_option(option: Argument) -> str:
    long = f"-l {option.name.lstrip('-')}"
    if option.is_flag:
        return long
    if option.choices:
        return f"{long} -x -a {_quoted(' '.join(option.choices))}"
    if option.kind is not Path:
        return f"{long} -x"
    if option.name == _DIRECTORY:
        return f"{long} -x -a '(__fish_complete_directories)'"
    return f"{long} -r -F"


_SHELLS: Final[dict[str, Callable[[App], Iterator[str]]]] = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
}


def _all(app: App) -> Iterator[tuple[Group, Command]]:
    for group in app.groups.values():
        for command in group.commands.values():
            yield group, command


def _options(command: Command) -> list[Argument]:
    return [argument for argument in command.arguments() if argument.is_option]


def _words(command: Command) -> list[str]:
    """Return what the words of a command can be, where that is known."""
    words = [argument for argument in command.arguments() if not argument.is_option]
    return [choice for word in words for choice in word.choices]


def _takes_file(command: Command) -> bool:
    return any(word.kind is Path and not word.is_option for word in command.arguments())


def _first(text: str) -> str:
    """Return the first sentence of a help text, without its full stop."""
    return text.partition("\n")[0].partition(". ")[0].removesuffix(".")


def _quoted(text: str) -> str:
    """Return a text in single quotes, as all three shells read them."""
    return "'" + text.replace("'", "'\\''") + "'"
