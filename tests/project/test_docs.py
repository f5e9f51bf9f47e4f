"""Documentation that points somewhere points at something: sections, files, headings and tests."""

import re
from pathlib import Path

import pytest

from zentalk.store import directory_store
from zentalk.store.history import schema as history_schema
from zentalk.store.mailbox import schema as mailbox_schema

CITATION = re.compile(r"docs/spec/([a-z-]+)\.md(?:,?\s+sections?\s+([\d., and to-]*\d))?")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")
NUMBERED = re.compile(r"^#{2,4} (\d+(?:\.\d+)*)\.? ", re.MULTILINE)


def documents(repository: Path) -> list[Path]:
    return [repository / "README.md", *sorted((repository / "docs").rglob("*.md"))]


def sections(chapter: Path) -> set[str]:
    return set(NUMBERED.findall(chapter.read_text("utf-8")))


def cited(text: str) -> list[str]:
    """The numbers in `2`, `9 and 10`, `3, 4` and both ends of `4 to 8`."""
    return re.findall(r"\d+(?:\.\d+)*", text)


def missing_citations(repository: Path, source: str) -> list[str]:
    flat = re.sub(r"\s*\n\s*(?:#\s*)?", " ", source)
    missing = []
    for chapter, numbers in CITATION.findall(flat):
        path = repository / "docs" / "spec" / f"{chapter}.md"
        if not path.exists():
            missing.append(f"{chapter}.md")
            continue
        known = sections(path)
        missing += [f"{chapter}.md section {n}" for n in cited(numbers) if n not in known]
    return missing


def test_every_cited_section_exists(repository: Path) -> None:
    found = {
        str(path.relative_to(repository)): missing
        for folder in ("zentalk", "tests", "benchmarks", "docs")
        for path in sorted((repository / folder).rglob("*"))
        if path.suffix in {".py", ".md"} and path != Path(__file__)
        if (missing := missing_citations(repository, path.read_text("utf-8")))
    }
    assert not found


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("Spec: docs/spec/onion.md section 6.", []),
        ("docs/spec/onion.md sections 9 and\n10", []),
        ("docs/spec/onion.md section 99", ["onion.md section 99"]),
        ("docs/spec/onion.md\nsections 2, 4 and 88", ["onion.md section 88"]),
        ("docs/spec/nothing.md section 1", ["nothing.md"]),
    ],
)
def test_control_a_missing_section_is_found(
    repository: Path, text: str, missing: list[str]
) -> None:
    assert missing_citations(repository, text) == missing


def test_links_between_documents_lead_somewhere(repository: Path) -> None:
    broken = []
    for document in documents(repository):
        for target, image in LINK.findall(document.read_text("utf-8")):
            place = (target or image).partition("#")[0]
            if place and "://" not in place and not (document.parent / place).exists():
                broken.append(f"{document.relative_to(repository)}: {place}")
    assert not broken


def test_documents_are_reached_from_the_index(repository: Path) -> None:
    index = (repository / "docs" / "README.md").read_text("utf-8")
    reached = {target.partition("#")[0] for target, _ in LINK.findall(index)}
    found = {
        str(path.relative_to(repository / "docs"))
        for path in documents(repository)
        if path.parent != repository and path.name != "README.md"
    }
    assert found <= reached


def unnamed_packages(repository: Path, page: str) -> list[str]:
    """Packages of zentalk/ that have no row of their own in a table of the page."""
    rows = set(re.findall(r"^\| `(zentalk/[a-z0-9_/]+)/` \|", page, re.MULTILINE))
    found = {
        str(path.parent.relative_to(repository))
        for path in (repository / "zentalk").rglob("__init__.py")
    }
    return sorted(found - {"zentalk"} - rows)


def test_the_map_has_a_line_for_every_package_and_names_what_exists(repository: Path) -> None:
    page = (repository / "docs" / "find-your-way.md").read_text("utf-8")
    assert unnamed_packages(repository, page) == []
    assert [
        place
        for place in re.findall(r"`((?:zentalk|tests|benchmarks|simulations|tools)/[^` ]*)`", page)
        if not (repository / place).exists()
    ] == []


def test_control_a_package_without_its_line_is_found(repository: Path) -> None:
    page = (repository / "docs" / "find-your-way.md").read_text("utf-8")
    without = "\n".join(line for line in page.splitlines() if "| `zentalk/onion/` |" not in line)
    assert unnamed_packages(repository, without) == ["zentalk/onion"]


def numbers_of_formats(repository: Path) -> dict[str, int]:
    """Return what the changelog's table says of databases, by the file's name."""
    page = (repository / "CHANGELOG.md").read_text("utf-8")
    return {name: int(number) for name, number in re.findall(r"`(\w+)\.db` \| (\d+) \|", page)}


def test_the_changelog_names_the_schemas_of_now(repository: Path) -> None:
    assert numbers_of_formats(repository) == {
        "queue": len(mailbox_schema.MIGRATIONS),
        "directory": len(directory_store.MIGRATIONS),
        "history": len(history_schema.MIGRATIONS),
    }


def test_the_threat_model_names_tests_that_exist(repository: Path) -> None:
    model = (repository / "docs" / "threat-model.md").read_text("utf-8")
    rows = [int(number) for number in re.findall(r"^\| K(\d+) \|", model, re.MULTILINE)]
    assert rows == list(range(1, 56))
    missing = []
    for place in re.findall(r"`(tests/[a-z_/]+\.py)(?:::(test_\w+))?`", model):
        path = repository / place[0]
        if not path.exists() or place[1] not in path.read_text("utf-8"):
            missing.append("::".join(place))
    assert not missing


def test_the_threat_model_says_of_strangers_what_its_decision_says(repository: Path) -> None:
    """One table stands at both places, for readers of either."""

    def rows(page: str) -> list[str]:
        text = (repository / "docs" / page).read_text("utf-8")
        table = re.search(r"^\| what a stranger makes .*?\n\n", text, re.MULTILINE | re.DOTALL)
        assert table is not None
        return table[0].splitlines()

    assert rows("threat-model.md") == rows("design/adr-0015-what-strangers-may-make.md")
