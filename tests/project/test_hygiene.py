"""What keeps the tree readable: docstrings, small files, and printing in one place only."""

import ast
from pathlib import Path

import pytest

LONGEST_FILE = 400


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
