"""Every command of the README, the tutorial and the how-tos works as it is printed."""

import sys
from pathlib import Path

import pytest

from tests.pages.blocks import blocks, pages
from tests.pages.reader import follow
from tests.pages.terminal import PageFailedError

ROOT = Path(__file__).resolve().parent.parent.parent
NAMES = [str(path.relative_to(ROOT)) for path in pages(ROOT)]

NOTHING_TO_RUN = {
    "docs/how-to/behind-a-proxy.md": "its relays are made up; tests/cli/test_ways.py has real ones",
    "docs/how-to/run-the-tests.md": "its commands are the suite itself",
}
"""Pages of which no command is run, each with the reason."""

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="needs the .venv of `make venv`"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_works_as_printed(repository: Path, tmp_path: Path, name: str) -> None:
    page = (repository / name).read_text("utf-8")
    count = runs(name, page)
    if not count:
        pytest.skip(NOTHING_TO_RUN[name])
    assert follow(page, repository, tmp_path) == count


def runs(name: str, page: str) -> int:
    """Return how many blocks of a page are run; fails if none is, for no reason that is known."""
    count = sum(block.is_run for block in blocks(page))
    assert bool(count) != (name in NOTHING_TO_RUN), f"{name}: {count} blocks are run"
    return count


FENCE = "```"


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (f"{FENCE}sh\nfalse\n{FENCE}", "failed with 1: false"),
        (f"{FENCE}sh\nzentalk --version\n{FENCE}", "zentalk"),  # the page does not say `activate`
        (f"{FENCE}sh\ncurl --version\n{FENCE}", "curl"),  # no prerequisite
        (f"{FENCE}sh\nX=$(false)\necho after\n{FENCE}", "failed with 1"),
    ],
)
def test_control_a_page_that_does_not_work_fails(
    repository: Path, tmp_path: Path, page: str, why: str
) -> None:
    with pytest.raises(PageFailedError, match=why):
        follow(page, repository, tmp_path)


def test_control_a_page_of_which_nothing_is_run_fails() -> None:
    left_out = f"{FENCE}sh not run: it needs root\ntrue\n{FENCE}\n"
    run = f"{FENCE}sh\ntrue\n{FENCE}\n"
    assert runs("new.md", left_out + run) == 1
    with pytest.raises(AssertionError, match="0 blocks"):
        runs("new.md", left_out)
    known = next(iter(NOTHING_TO_RUN))
    assert runs(known, left_out) == 0
    with pytest.raises(AssertionError, match="1 blocks"):
        runs(known, run)  # its reason is no longer one


def test_control_what_is_not_printed_fails(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.pages.terminal.LONGEST_SECONDS", 0.3)
    with pytest.raises(PageFailedError, match="not print"):
        follow(f"{FENCE}console\n$ echo yes\nno\n{FENCE}", repository, tmp_path)


def test_a_named_program_is_there_and_jobs_end(repository: Path, tmp_path: Path) -> None:
    page = f"""You need `zentalk`.

{FENCE}sh
zentalk --version
X=kept
sleep 300 & echo $! >pid
{FENCE}

{FENCE}python in saved.py
x = '$HOME'
{FENCE}

{FENCE}console soon
$ echo again >>count; wc -l <count
3
{FENCE}

{FENCE}console keeps running terminal 2
$ echo begun; sleep 300
begun
{FENCE}

{FENCE}sh
echo $X; echo also
{FENCE}

{FENCE}text printed
also
kept
{FENCE}
"""
    assert follow(page, repository, tmp_path) == 4
    assert (tmp_path / "clone" / "saved.py").read_text() == "x = '$HOME'\n"
    job = int((tmp_path / "clone" / "pid").read_text())
    assert not Path(f"/proc/{job}").exists()
