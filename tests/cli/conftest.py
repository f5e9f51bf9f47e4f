"""Running commands: in this process, with what they print."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from zentalk.cli import main


class Result(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `zentalk` with these arguments and return what came of it."""

    def run(*arguments: object) -> Result:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        if code != 0:
            assert err.startswith("zentalk: ")
            assert err.count("\n") == 1
        return Result(code, out, err)

    return run
