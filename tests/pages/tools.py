"""Which programs the commands of a page start: as much of the shell's grammar as pages need."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from tests.pages.blocks import COMMANDS, blocks, prerequisites

BASE = (
    *("awk", "basename", "cat", "chmod", "cp", "cut", "date", "dirname", "env", "expand", "expr"),
    *("find", "grep", "head", "id", "ls", "mkdir", "mktemp", "mv", "nproc", "rm", "rmdir", "sed"),
    *("seq", "sh", "sleep", "sort", "tail", "tee", "touch", "tr", "uname", "uniq", "wc", "xargs"),
)
"""What every Linux has; all else must stand where a page says what it needs."""
_ACTIVATES = ". .venv/bin/activate"
_IN_VENV = {"pip", "python", "zentalk"}
_BUILT_IN = {
    *("[", ":", ".", "cd", "echo", "eval", "exec", "exit", "export", "false", "jobs", "kill"),
    *("printf", "pwd", "read", "set", "shift", "source", "test", "trap", "true", "type"),
    *("ulimit", "umask", "unset", "wait"),
}
_BEFORE_A_COMMAND = {"!", "do", "then", "else", "elif", "if", "while", "until", "{", "time"}
_NO_COMMAND = {"for", "case", "in", "done", "fi", "esac", "}"}
_WITH_A_COMMAND = {"env", "exec", "nice", "nohup", "sudo", "xargs"}
_PASSED_OVER = re.compile(r"\w+=|-")
_INSIDE = re.compile(r"\$\(([^()]*)\)")


def unnamed(page: str) -> set[str]:
    """Return the programs that commands of a page start, run or not, and that it does not name."""
    commands = [block for block in blocks(page) if block.language in COMMANDS]
    started = {
        name for block in commands for step in block.steps() for name in programs(step.commands)
    }
    known = {*BASE, *prerequisites(page)}
    if any(_ACTIVATES in block.text for block in commands):
        known |= _IN_VENV
    return started - known


def programs(commands: str) -> Iterator[str]:
    """Yield the names of all programs that shell commands start, those in `$(...)` too."""
    for line in commands.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        tokens = list(words)
        yield from _of_line(tokens)
        for token in tokens:
            for inside in _INSIDE.findall(token):  # in quotes it is one word
                yield from programs(inside)


def _of_line(tokens: Sequence[str]) -> Iterator[str]:
    expected, skips = True, False
    for token in tokens:
        if set(token) <= set("<>&") and set(token) & set("<>"):
            skips = True  # the file comes next
        elif skips:
            skips = False
        elif set(token) <= set("();|&"):
            expected = token[-1] != ")"  # what follows `$(...)` is an argument
        elif token in _NO_COMMAND:
            expected = False
        elif expected and not _PASSED_OVER.match(token) and token not in _BEFORE_A_COMMAND:
            if token not in _BUILT_IN:
                yield token
            expected = token in _WITH_A_COMMAND
