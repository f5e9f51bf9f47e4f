"""Every way a command can end has its code, and none has a traceback."""

import subprocess
import sys

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
