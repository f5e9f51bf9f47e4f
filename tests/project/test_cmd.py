"""cmd/ holds wrappers and must never be mistaken for the standard library's module of that name."""

import importlib.util
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

WRAPPERS = {"relay.py": "relay", "api.py": "api", "simulate.py": "sim"}


def test_cmd_is_the_standard_librarys(repository: Path) -> None:
    spec = importlib.util.find_spec("cmd")
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).parent == Path(sysconfig.get_path("stdlib"))
    # And in a fresh interpreter started in the root, as pdb and doctest would be.
    code = "import cmd, pdb, doctest; print(cmd.Cmd.__module__)"
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    )
    assert shown.stdout == "cmd\n"


def test_cmd_holds_the_wrappers_and_nothing_else(repository: Path) -> None:
    files = {path.name for path in (repository / "cmd").iterdir() if path.name != "__pycache__"}
    assert files == set(WRAPPERS)


def test_no_wrapper_shadows_a_module(repository: Path) -> None:
    # A program started by file has the file's folder first on its path.
    names = {path.stem for path in (repository / "cmd").glob("*.py")}
    assert not names & (set(sys.stdlib_module_names) | {"zentalk"})


@pytest.mark.parametrize(("file", "command"), WRAPPERS.items())
def test_wrapper_says_what_the_command_says(repository: Path, file: str, command: str) -> None:
    outputs = [
        subprocess.run(
            [sys.executable, *start, "--help"],
            cwd=repository,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for start in (["cmd/" + file], ["-m", "zentalk", command])
    ]
    assert outputs[0]
    assert outputs[0] == outputs[1]
