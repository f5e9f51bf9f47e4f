"""Reads the fenced blocks of a page. docs/how-to/run-the-tests.md describes how they are marked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COMMANDS = {"sh", "console"}
CONTENTS = {"text", "toml", "json", "python"}
TERMINAL = re.compile(r"terminal (\d)")
FILE = re.compile(r"in (\w[\w.-]*)")
NOT_RUN = "not run:"
_FENCE = re.compile(r"^ *```(.*)$")
_LOOKS_LIKE_A_COMMAND = re.compile(r"\$ |(?:make|zentalk|python3?|curl|sudo|pip|git)\s", re.ASCII)
_NEEDS = re.compile(r"^You need .*?(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)


class PageError(Exception):
    """A page that nobody could follow, or a test not run, to the letter."""


@dataclass(frozen=True)
class Step:
    """Commands, and the lines that are shown as printed by them."""

    commands: str
    printed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Block:
    """A fenced block: `info` is what stands behind the three backticks."""

    line: int
    info: str
    text: str

    @property
    def language(self) -> str:
        return self.info.partition(" ")[0]

    @property
    def mark(self) -> str:
        return self.info.partition(" ")[2].strip()

    @property
    def not_run(self) -> str | None:
        """Why no test runs it; None if one does."""
        return self.mark.removeprefix(NOT_RUN).strip() if NOT_RUN in self.mark else None

    @property
    def terminal(self) -> int:
        found = TERMINAL.search(self.mark)
        return int(found[1]) if found else 1

    @property
    def file(self) -> str | None:
        """The file in which a reader saves these contents; None if in none."""
        found = FILE.fullmatch(self.mark) if self.language in CONTENTS else None
        return found[1] if found else None

    @property
    def is_run(self) -> bool:
        """Whether these are commands that a test runs."""
        return self.language in COMMANDS and self.not_run is None

    @property
    def is_output(self) -> bool:
        """Whether it shows what the commands above it print."""
        return self.info == "text printed"

    def steps(self) -> list[Step]:
        """The commands to run, each with what it is shown to print."""
        if self.file is not None:
            return [Step(f"cat >'{self.file}' <<'END OF PAGE'\n{self.text}\nEND OF PAGE")]
        if self.language == "sh":
            return [Step(self.text)]
        steps: list[Step] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                steps.append(Step(line.removeprefix("$ ")))
            elif steps:
                steps[-1] = Step(steps[-1].commands, (*steps[-1].printed, line))
            else:
                raise PageError(f"line {self.line}: a console block begins with `$ `")
        return steps


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page in order; raises PageError if one is not marked as agreed."""
    found = list(_read(page))
    for block in found:
        _check(block)
    return found


def pages(repository: Path) -> list[Path]:
    """The pages whose commands a reader types."""
    docs = repository / "docs"
    folders = (docs / "tutorial", docs / "how-to")
    return [repository / "README.md", *sorted(p for f in folders for p in f.glob("*.md"))]


def prerequisites(page: str) -> set[str]:
    """The programs that the page names where it says what one needs."""
    return {name for text in _NEEDS.findall(page) for name in re.findall(r"`(\w[\w.-]*)`", text)}


def _read(page: str) -> Iterator[Block]:
    start, info, lines = 0, "", list[str]()
    for number, line in enumerate(page.splitlines(), 1):
        fence = _FENCE.match(line)
        if fence is None:
            if start:
                lines.append(line)
        elif start:
            yield Block(start, info, "\n".join(lines))
            start, lines = 0, []
        else:
            start, info = number, fence[1].strip()
    if start:
        raise PageError(f"line {start}: this block never ends")


def _check(block: Block) -> None:
    where = f"line {block.line}"
    if block.language not in COMMANDS | CONTENTS:
        raise PageError(f"{where}: a block says what it is: {sorted(COMMANDS | CONTENTS)}")
    if block.language in CONTENTS:
        if any(_LOOKS_LIKE_A_COMMAND.match(line) for line in block.text.splitlines()):
            raise PageError(f"{where}: commands stand in blocks of `sh` or `console`")
        if block.mark and block.file is None and not block.is_output:
            raise PageError(f"{where}: `{block.mark}` is no mark")
        return
    if block.not_run is not None:
        if len(block.not_run.split()) < 2:
            raise PageError(f"{where}: say why it is not run")
    elif TERMINAL.sub("", block.mark).strip() not in {"", "soon", "keeps running"}:
        raise PageError(f"{where}: `{block.mark}` is no mark")
    block.steps()
