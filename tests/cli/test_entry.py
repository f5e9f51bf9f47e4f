"""Every way a command can end has its code, and none has a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from zentalk.cli import entry, main, parser
from zentalk.cli.errors import UsageError
from zentalk.errors import NotFoundError

CANARY = "CANARY of a plaintext"


def end_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(_argv: object) -> int:
        raise error

    monkeypatch.setattr(parser, "run", fail)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFoundError("there is no such thing"), 1),
        (UsageError("that is no address"), 2),
        (ExceptionGroup("", [NotFoundError("there is no such thing")]), 1),
        (ExceptionGroup("", [ExceptionGroup("", [ValueError(), UsageError("it")])]), 2),
        (NotFoundError("two\n  lines"), 1),
    ],
)
def test_expected_errors(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    end_with(monkeypatch, error)
    result = run("anything")
    assert result.code == code
    assert "internal error" not in result.err


@pytest.mark.parametrize(
    "error", [RuntimeError(CANARY), ExceptionGroup(CANARY, [KeyError(CANARY), OSError(CANARY)])]
)
def test_k23_a_bug_names_its_place_and_no_more(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    end_with(monkeypatch, error)
    result = run("anything")
    assert result.code == 1
    assert "internal error" in result.err
    assert "test_entry.py:" in result.err
    assert CANARY not in result.err


def test_interrupted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for error in (KeyboardInterrupt(), BaseExceptionGroup("", [KeyboardInterrupt()])):
        end_with(monkeypatch, error)
        assert main([]) == entry.INTERRUPTED
    assert capsys.readouterr() == ("", "")


def ended(redirect: str, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command with its standard output as a shell's redirection makes it."""
    line = f'exec "$@" {redirect}'
    call = ["sh", "-c", line, "sh", sys.executable, "-m", "zentalk", *command]
    return subprocess.run(call, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("command", [["--help"], ["--version"], ["sim", "list"]])
def test_an_output_that_is_closed_is_no_internal_error(command: list[str]) -> None:
    done = ended(">&-", command)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("command", [["--help"], ["--version"], ["sim", "list"]])
def test_an_output_that_is_full_is_one_sentence(command: list[str]) -> None:
    done = ended(">/dev/full", command)
    assert done.returncode == 1
    assert done.stderr == "zentalk: cannot print the answer: no space left on device\n"


def test_an_error_without_a_place_to_say_it_is_an_exit_code() -> None:
    done = ended("2>&-", ["nonsense"])
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


def test_a_reader_that_leaves() -> None:
    # The shell's `zentalk --help | true`, with a pipe that is closed before anything is written.
    code = (
        "import os, sys; r, w = os.pipe(); os.close(r); os.dup2(w, 1);"
        "from zentalk.cli import main; sys.exit(main(['--help']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (1, "")
