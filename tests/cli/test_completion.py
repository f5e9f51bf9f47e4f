"""Completion by real shells: of every command its options, of options their values, and files."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.test_start import HEAVY, MOST_FOR_HELP, loaded, tops
from zentalk.cli.completion import script_of
from zentalk.cli.parser import app

DRIVER = """
source "$1"
complete -p zentalk >/dev/null || exit 1
while IFS= read -r line; do
    IFS=$'\\t' read -ra COMP_WORDS <<< "zentalk"$'\\t'"$line"
    case $'\\t'"$line" in *$'\\t') COMP_WORDS+=("") ;; esac
    COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
    _zentalk
    (IFS=$'\\t'; printf '%s\\n' "${COMPREPLY[*]}")
done
"""
ZSH_DRIVER = """
compdef() { }
_describe() { print -r -- "${(@)found%%:*}" }
_arguments() { print -r -- "${(@)${(@)@%%\\[*}#\\*}" }
source $1
while IFS= read -r line; do
    words=(zentalk "${(@s.\t.)line}")
    CURRENT=$#words
    _zentalk
done
"""
Lines = list[tuple[str, ...]]


def bash(folder: Path, lines: Lines) -> list[list[str]]:
    """What bash offers after each line, of which the last word is being typed."""
    script = folder / "completion"
    script.write_text(script_of(app, "bash"))
    done = subprocess.run(
        ["bash", "-c", DRIVER, "bash", str(script)],
        input="".join("\t".join(line) + "\n" for line in lines),
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        timeout=60,
    )
    assert done.stderr == ""
    return [offered.split("\t") if offered else [] for offered in done.stdout.splitlines()]


def each_command() -> tuple[Lines, list[list[str]]]:
    """A line for each command that ends with --, and what is to be offered there."""
    lines: Lines = []
    expected: list[list[str]] = []
    for group in app.groups.values():
        for command in group.commands.values():
            lines.append((group.name, command.name, "--"))
            options = [one.name for one in command.arguments() if one.is_option]
            expected.append(sorted([*options, "--help"]))
    return lines, expected


def test_bash_knows_all_groups_commands_and_options(tmp_path: Path) -> None:
    lines, expected = each_command()
    groups, commands, *options = bash(tmp_path, [("",), ("relay", ""), *lines])
    assert groups == [*app.groups, "--help", "--version"]
    assert commands == [*app.groups["relay"].commands, "--help"]
    assert [sorted(offered) for offered in options] == expected


def test_bash_knows_the_values_of_options_and_words(tmp_path: Path) -> None:
    lines: Lines = [
        ("rel",),
        ("relay", "run", "--log-level", ""),
        ("relay", "run", "--log-level", "=", "de"),
        ("relay", "run", "--log-level", "="),
        ("message", "send", "--wait", "d"),
        ("relay", "init", "--port", ""),
        ("relay", "init", "--port", "9001", "--po"),
        ("device", "add", "phone", "--scope", ""),
        ("nonsense", "run", "--"),
        ("relay", "nonsense", "--"),
    ]
    assert bash(tmp_path, lines) == [
        ["relay"],
        ["debug", "info", "warning", "error"],
        ["debug"],
        ["debug", "info", "warning", "error"],
        ["delivered"],
        [],
        ["--port"],
        ["read", "write", "admin"],
        [],
        [],
    ]


def test_bash_offers_files_and_folders_as_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a *file").write_text("")
    files, folders, token = bash(
        tmp_path,
        [
            ("conversation", "import", "a"),
            ("relay", "run", "--dir", "a"),
            ("device", "redeem", "x", "--token-file", "a"),
        ],
    )
    assert sorted(files) == sorted(token) == ["a *file", "a folder"]
    assert folders == ["a folder"]


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_knows_all_groups_commands_and_options(tmp_path: Path) -> None:
    lines, expected = each_command()
    (tmp_path / "completion").write_text(script_of(app, "fish"))
    asked = [("",), ("relay", ""), ("relay", "run", "--log-level", ""), *lines]
    parts = [f"complete -C 'zentalk {' '.join(line)}'; echo ====" for line in asked]
    done = subprocess.run(
        ["fish", "-N", "-c", f"source completion; {'; '.join(parts)}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path)},
        timeout=60,
    )
    offered = [
        sorted(line.partition("\t")[0] for line in part.splitlines() if line)
        for part in done.stdout.split("====\n")[:-1]
    ]
    groups, commands, levels, *options = offered
    assert groups == sorted(app.groups)
    assert commands == sorted(app.groups["relay"].commands)
    assert levels == ["debug", "error", "info", "warning"]
    assert options == expected


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_knows_all_groups_commands_and_options(tmp_path: Path) -> None:
    lines, expected = each_command()
    (tmp_path / "completion").write_text(script_of(app, "zsh"))
    asked = [("",), ("relay", ""), *lines]
    done = subprocess.run(
        ["zsh", "-f", "-c", ZSH_DRIVER, "zsh", "completion"],
        input="".join("\t".join(line) + "\n" for line in asked),
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        timeout=60,
    )
    groups, commands, *options = (line.split() for line in done.stdout.splitlines())
    assert groups == [*app.groups, "--help", "--version"]
    assert commands == [*app.groups["relay"].commands]
    assert [option_names(offered) for offered in options] == expected


def option_names(specs: Sequence[str]) -> list[str]:
    return sorted(spec.removesuffix("=") for spec in specs if spec.startswith("--"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_command_prints_the_script_and_loads_no_more_than_help(run: Run, shell: str) -> None:
    assert run("completion", shell).out == f"{script_of(app, shell)}\n"
    modules = loaded("completion", shell)
    assert tops(modules) & HEAVY == set()
    assert len(modules) <= MOST_FOR_HELP, sorted(modules)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_runs_nothing_of_zentalk_while_somebody_types(shell: str) -> None:
    script = script_of(app, shell)
    assert "`" not in script
    assert "$(zentalk" not in script
    assert "(zentalk" not in script.replace("source <(zentalk", "")
