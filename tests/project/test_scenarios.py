"""Every scenario and attack of this version has tests that name it, and attacks a control.

A control takes a guard away and shows that the attack then succeeds: without one, a test
may pass because nothing was attacked at all.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

from tests.project.test_reported_cases import TEST, missing

SCENARIOS = (
    *(f"A{number}" for number in range(1, 13)),
    *(f"B{number}" for number in range(1, 15)),
    "C1",
    *(f"D{number}" for number in range(1, 19)),
    *(f"E{number}" for number in range(1, 15)),
    *("F1", "F2", "F3"),
)
ATTACKS = tuple(f"K{number}" for number in range(1, 56))

TABLE = "docs/design/queues-and-transports.md"
IN_TABLE = tuple(n for n in SCENARIOS if n[0] == "D" or (n[0] == "B" and int(n[1:]) <= 12))
ROW = re.compile(r"^\| ([A-F]\d+): .* \| (.*?) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def tests(repository: Path) -> dict[str, list[str]]:
    """Names of test functions and their docstrings, by each number that they name."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in (repository / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if not node.name.startswith("test_"):
                continue
            says = f"{node.name} {ast.get_docstring(node) or ''}"
            for number in set(re.findall(r"(?<![a-z0-9])[a-fk]\d{1,2}(?![a-z0-9])", says.lower())):
                found[number.upper()].append(says)
    return found


@pytest.mark.parametrize("number", [*SCENARIOS, *ATTACKS])
def test_each_has_a_test_that_names_it(tests: dict[str, list[str]], number: str) -> None:
    assert tests[number]


@pytest.mark.parametrize("number", ATTACKS)
def test_each_attack_has_a_control(tests: dict[str, list[str]], number: str) -> None:
    assert [says for says in tests[number] if "control" in says.lower()]


def test_the_table_of_queues_and_transports_names_tests_that_exist(repository: Path) -> None:
    rows = ROW.findall((repository / TABLE).read_text("utf-8"))
    assert tuple(number for number, _ in rows) == IN_TABLE
    assert [number for number, cell in rows if not TEST.search(cell)] == []
    assert [place for _, cell in rows for place in missing(repository, cell)] == []
