"""How much a command loads before it acts: counted in modules, which no load on the machine moves.

Every command pays for what it imports, and a person waits for it at every message. `python -m
benchmarks start` measures the time.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import trio

from tests.cli.test_commands import BOBS

HEAVY = {
    *("argparse", "cyclopts", "rich", "pydantic", "httpx", "httptools", "anyio", "asyncio"),
    *("fastapi", "starlette", "structlog", "sqlite3", "trio", "cryptography", "nacl", "msgpack"),
    *("dataclasses", "inspect", "logging", "tomllib", "difflib"),
}
"""Nothing of this is needed by a command that asks a running node."""

MOST_FOR_HELP = 65
MOST_FOR_A_CALL = 136
"""Modules beside those of `python -c pass`; half of the latter are the standard library's HTTP."""


def loaded(*arguments: object) -> set[str]:
    """Run a command in a fresh interpreter and return the modules that it imported."""
    code = (
        "import sys; before = set(sys.modules)\n"
        "from zentalk.cli import main\n"
        "code = main(sys.argv[1:])\n"
        "print('\\n'.join(sorted(set(sys.modules) - before)), file=sys.stderr)\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stderr.split())


def tops(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize("command", [[], ["message"], ["message", "send"]])
def test_help_loads_the_parser_and_nothing_else(command: list[str]) -> None:
    modules = loaded(*command, "--help")
    assert tops(modules) & HEAVY == set()
    assert len(modules) <= MOST_FOR_HELP, sorted(modules)


@pytest.mark.parametrize(
    "command", [["contact", "list"], ["message", "send", "--to", BOBS, "hello"], ["device", "list"]]
)
async def test_a_node_command_loads_no_more_than_a_small_http_client(
    folder: Path, command: list[str]
) -> None:
    modules = await trio.to_thread.run_sync(lambda: loaded(*command, "--dir", folder))
    assert tops(modules) & HEAVY == set()
    assert len(modules) <= MOST_FOR_A_CALL, sorted(modules)


async def test_a_command_about_files_loads_nothing_heavy_either(folder: Path) -> None:
    modules = await trio.to_thread.run_sync(lambda: loaded("file", "list", "--dir", folder))
    assert tops(modules) & HEAVY == set()


def test_control_what_a_program_loads_is_seen() -> None:
    code = "import sys, zentalk.client; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert tops(modules) & HEAVY
    assert len(modules) > MOST_FOR_A_CALL
