"""Running commands: in this process, with what they print."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import trio

from tests.api.double import FakeNode
from zentalk.api.server import serve
from zentalk.cli import main
from zentalk.config import ApiSettings, write_config
from zentalk.web.token import create_token


class Result(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Result]
Command = Callable[..., Awaitable[Result]]


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


@pytest.fixture
def node() -> FakeNode:
    return FakeNode()


@pytest.fixture
async def folder(node: FakeNode, tmp_path: Path) -> AsyncIterator[Path]:
    """The folder of a node that serves REST and has no network."""
    settings = ApiSettings(directory=tmp_path, port=0)
    write_config(settings)
    token = create_token(tmp_path, bytes)
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, node, settings, token, node.stopping)
        yield tmp_path
        node.stop()


@pytest.fixture
def zentalk(folder: Path, run: Run) -> Command:
    """Run a command, in a thread, on the folder of a node that serves."""

    async def command(group: str, name: str, *arguments: object) -> Result:
        call = (group, name, "--dir", folder, *arguments)
        return await trio.to_thread.run_sync(lambda: run(*call))

    return command
