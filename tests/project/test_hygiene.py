"""What keeps the tree readable: docstrings, small files, and printing in one place only."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

LONGEST_FILE = 400
PLAIN = (
    *("crypto", "direct", "directory", "link", "mailbox", "media", "mesh", "net"),
    *("onion", "relay", "web"),
)
"""Packages whose docstrings say what a thing is or does, none with half a question."""
HALF_A_QUESTION = re.compile(r"(How|Of|What|When|Where|Which|Who|Whose|Why)\b")


def sources(repository: Path) -> list[Path]:
    return sorted((repository / "zentalk").rglob("*.py"))


def test_every_module_says_what_it_is_for(repository: Path) -> None:
    bare = [
        str(path.relative_to(repository))
        for path in sources(repository)
        if not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert not bare


def test_files_stay_small(repository: Path) -> None:
    long = {
        str(path.relative_to(repository)): lines
        for path in sources(repository)
        if (lines := len(path.read_text("utf-8").splitlines())) > LONGEST_FILE
    }
    assert not long


def test_only_the_command_line_prints(repository: Path) -> None:
    found = [
        f"{path.relative_to(repository)}:{node.lineno}"
        for path in sources(repository)
        if "cli" not in path.relative_to(repository / "zentalk").parts
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert not found


def test_packages_are_packages(repository: Path) -> None:
    # Without __init__.py a folder would be left out by import-linter and grimp in silence.
    folders = {path.parent for path in sources(repository)}
    assert not [str(folder) for folder in folders if not (folder / "__init__.py").exists()]


@pytest.mark.parametrize("folder", ["simulations", "cmd"])
def test_folders_beside_the_package_stay_plain(repository: Path, folder: str) -> None:
    assert not (repository / folder / "__init__.py").exists()


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Docstrings of a module, its classes and functions, and those under a name."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        documented = isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        )
        for before, statement in zip([None, *body], body, strict=False):
            is_first = before is None and documented
            if not is_first and not isinstance(before, ast.Assign | ast.AnnAssign):
                continue
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                value = statement.value.value
                if isinstance(value, str):
                    yield statement.lineno, value


def half_questions(source: str) -> list[int]:
    """Lines of docstrings that begin like a question and are none."""
    found = docstrings(ast.parse(source))
    return [line for line, text in found if HALF_A_QUESTION.match(text.lstrip())]


def test_docstrings_begin_with_a_thing_or_a_verb(repository: Path) -> None:
    found = [
        f"{path.relative_to(repository)}:{line}"
        for package in PLAIN
        for path in sorted((repository / "zentalk" / package).rglob("*.py"))
        for line in half_questions(path.read_text("utf-8"))
    ]
    assert not found


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ('"""What a module is."""', [1]),
        ('"""A module: what it is."""', []),
        ('"""Whether is plain enough."""', []),
        ('"""Office hours."""', []),
        ('A = 1\n"""How many."""', [2]),
        ('A: int = 1\n"""Of what."""', [2]),
        ('A = "How many"\nf("""What?""")', []),
        ('class A:\n    """Who it is."""\n    b: int\n    """Where."""', [2, 4]),
        ('async def f():\n    """\n    When.\n    """', [2]),
    ],
)
def test_control_half_questions_are_found(source: str, lines: list[int]) -> None:
    assert half_questions(source) == lines
