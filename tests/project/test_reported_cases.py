"""The table of reported cases names tests that exist, and says which cases have none."""

import re
from pathlib import Path

WITHOUT_A_TEST: set[int] = set()
"""Taken out here when a test is named there, so that no case is forgotten in silence."""
ROW = re.compile(r"^\| R(\d+): .* \| (.*?) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[a-z0-9_/]+\.py)::(test_\w+)`")


def rows(text: str) -> dict[int, str]:
    return {int(number): tests for number, tests in ROW.findall(text)}


def missing(repository: Path, cell: str) -> list[str]:
    return [
        f"{place}::{name}"
        for place, name in TEST.findall(cell)
        if not (repository / place).exists()
        or f"def {name}(" not in (repository / place).read_text("utf-8")
    ]


def test_every_case_has_a_test_that_exists_or_says_that_it_has_none(repository: Path) -> None:
    found = rows((repository / "docs" / "design" / "reported-cases.md").read_text("utf-8"))
    assert list(found) == list(range(1, len(found) + 1))
    assert {number for number, cell in found.items() if not TEST.search(cell)} == WITHOUT_A_TEST
    assert {number for number, cell in found.items() if cell == "none yet"} == WITHOUT_A_TEST
    assert [place for cell in found.values() for place in missing(repository, cell)] == []


def test_control_a_test_that_is_gone_is_found(repository: Path) -> None:
    cell = "`tests/project/test_reported_cases.py::test_gone`, `tests/gone.py::test_gone`"
    assert len(missing(repository, cell)) == 2
