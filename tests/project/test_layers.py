"""Rules on imports that the contracts in pyproject.toml cannot state, or could forget to."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

CORES = (
    *("chat", "direct", "groups", "link", "onion", "session", "directory", "mailbox", "mesh"),
    *("media/facts", "media/formats", "media/metadata"),
)
# Below the cores, and as pure as they are: a core would otherwise reach a clock through them.
BELOW = ("wire", "crypto", "lifetimes", "ids", "errors")

# What gives time, entropy, files, sockets or threads; none of it inside a core.
IMPURE = {
    *("asyncio", "concurrent", "datetime", "logging", "multiprocessing", "os", "pathlib"),
    *("random", "secrets", "select", "selectors", "shutil", "signal", "socket", "socketserver"),
    *("sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "trio", "uuid"),
    *("anyio", "httpx", "structlog", "fastapi", "httptools"),
}


def modules(repository: Path, part: str) -> list[Path]:
    single = repository / "zentalk" / f"{part}.py"
    return [single] if single.exists() else sorted((repository / "zentalk" / part).rglob("*.py"))


def imported(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module


@pytest.mark.parametrize("part", CORES + BELOW)
def test_core_has_no_clock_entropy_or_io(repository: Path, part: str) -> None:
    found = [
        f"{path.relative_to(repository)}:{line}: {name}"
        for path in modules(repository, part)
        for line, name in imported(path.read_text("utf-8"))
        if name.split(".")[0] in IMPURE
    ]
    assert not found


@pytest.mark.parametrize("part", CORES + BELOW)
def test_core_is_never_async(repository: Path, part: str) -> None:
    # An await between check and commit lets replays through (docs/design/adr-0003).
    found = [
        f"{path.relative_to(repository)}:{node.lineno}"
        for path in modules(repository, part)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
    ]
    assert not found


def test_every_core_on_disk_is_in_the_contract(repository: Path) -> None:
    settings = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))
    contracts = {entry["id"]: entry for entry in settings["tool"]["importlinter"]["contracts"]}
    listed = set(contracts["pure-cores"]["source_modules"])
    present = {
        f"zentalk.{part}".replace("/", ".") for part in CORES + BELOW if modules(repository, part)
    }
    assert not present - listed, "add these to the contract pure-cores in pyproject.toml"


def test_no_module_imports_itself_through_others() -> None:
    graph = grimp.build_graph("zentalk")
    cycles = [
        " > ".join(chain)
        for module in sorted(graph.modules)
        for child in sorted(graph.find_modules_directly_imported_by(module))
        if (chain := graph.find_shortest_chain(importer=child, imported=module))
    ]
    assert not cycles


def test_the_list_of_impure_modules_names_real_ones() -> None:
    assert sorted(IMPURE - set(sys.stdlib_module_names)) == [
        *("anyio", "fastapi", "httptools", "httpx", "structlog", "trio"),
    ]
