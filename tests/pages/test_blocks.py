"""How the blocks of a page are marked, and that no command is left out without a reason."""

import tomllib
from pathlib import Path

import pytest

from tests.pages.blocks import PageError, Step, blocks, pages, prerequisites
from tests.pages.printed import is_printed
from tests.pages.tools import programs, unnamed
from zentalk.config import ApiSettings, RelaySettings

FENCE = "```"


def fenced(info: str, text: str = "true") -> str:
    return f"{FENCE}{info}\n{text}\n{FENCE}\n"


def test_every_block_of_every_page_is_marked(repository: Path) -> None:
    wrong = {}
    for path in pages(repository):
        try:
            blocks(path.read_text("utf-8"))
        except PageError as error:
            wrong[path.name] = str(error)
    assert not wrong


def test_settings_that_pages_show_exist(repository: Path) -> None:
    known = {*RelaySettings.model_fields, *ApiSettings.model_fields}
    shown = {
        key
        for path in pages(repository)
        for block in blocks(path.read_text("utf-8"))
        if block.language == "toml"
        for key in tomllib.loads(block.text)
    }
    assert shown
    assert shown <= known


def test_every_program_that_a_page_starts_is_named_or_on_every_linux(repository: Path) -> None:
    """In blocks that are not run as well, where no missing program would fail."""
    found = {path.name: unnamed(path.read_text("utf-8")) for path in pages(repository)}
    assert {name: programs for name, programs in found.items() if programs} == {}


def test_control_a_program_that_is_not_named_is_found() -> None:
    needs = "You need `make`.\n\n"
    later = fenced("sh not run: it takes long", "make all && curl -s x | jq . >out")
    assert unnamed(needs + later) == {"curl", "jq"}
    assert unnamed("You need `make`, `curl` and `jq`.\n\n" + later) == set()
    activate = fenced("sh", "make venv\n. .venv/bin/activate\npython -V\nzentalk --version")
    assert unnamed(needs + activate) == set()
    assert unnamed(needs + fenced("sh", "zentalk --version")) == {"zentalk"}


@pytest.mark.parametrize(
    ("commands", "found"),
    [
        ("X=$(jq . <in) && Y=1 awk '{print}' | sort >out &", {"jq", "awk", "sort"}),
        ('curl -H "Authorization: $(cat token; jq)" http://x # wget', {"curl", "cat", "jq"}),
        ("for r in a b; do zentalk run $r & done", {"zentalk"}),
        ("echo x; cd y; kill $(jobs -p); . .venv/bin/activate", set()),
        (
            "sudo env python3 x || git log\nmake \\\n venv",
            {"sudo", "env", "python3", "git", "make"},
        ),
        ("zentalk add $(cat x) Bob", {"zentalk", "cat"}),
        ("if grep x y; then ssh z; fi", {"grep", "ssh"}),
    ],
)
def test_which_programs_commands_start(commands: str, found: set[str]) -> None:
    assert set(programs(commands)) == found


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (fenced(""), "says what it is"),
        (fenced("shell"), "says what it is"),
        (fenced("sh not run:"), "why"),
        (fenced("sh not run: root"), "why"),
        (fenced("sh later"), "no mark"),
        (fenced("sh skip"), "no mark"),
        (fenced("python into hook.py", "x = 1"), "no mark"),
        (fenced("text", "zentalk relay run"), "blocks of `sh`"),
        (fenced("text", "$ true"), "blocks of `sh`"),
        (fenced("console", "printed\n$ true"), "begins"),
        (f"{FENCE}sh\ntrue\n", "never ends"),
    ],
)
def test_control_what_is_not_marked_as_agreed_is_found(page: str, why: str) -> None:
    with pytest.raises(PageError, match=why):
        blocks(page)


def test_marks() -> None:
    (first, second, third) = blocks(
        fenced("console soon terminal 2", "$ a\nb\n$ c")
        + fenced("sh not run: takes long")
        + fenced("text printed", "b")
    )
    assert first.steps() == [Step("a", ("b",)), Step("c")]
    assert (first.terminal, first.not_run) == (2, None)
    assert second.not_run == "takes long"
    assert third.is_output


def test_contents_in_a_file_are_saved_as_they_stand() -> None:
    (block,) = blocks(fenced("python in hook.py", "print('$HOME')\n"))
    assert (block.file, block.is_run) == ("hook.py", False)
    (step,) = block.steps()
    assert step.commands.splitlines()[1:-1] == ["print('$HOME')", ""]
    (plain,) = blocks(fenced("python", "x = 1"))
    assert plain.file is None


def test_prerequisites() -> None:
    page = "You need Linux with `curl` and\n`sqlite3`.\n\nThen `nginx`.\n\nYou need `make`.\n"
    assert prerequisites(page) == {"curl", "sqlite3", "make"}


@pytest.mark.parametrize(
    ("shown", "output", "same"),
    [
        ("ready http://127.0.0.1:3001", "log line\nready http://127.0.0.1:3001\n", True),
        ("ready http://127.0.0.1:3001", "ready http://127.0.0.1:3002\n", False),
        ("a\nb", "a\nx\nb\n", True),
        ("a\nb", "b\na\n", False),
        ("a\n...\nb", "a\nb\n", True),
        ('{"id":...,"state":"sent",...}', '{"id":"x","state":"sent","x":1}', True),
        ('{"id":...,"state":"sent",...}', '{"id":"x","state":"queued","x":1}', False),
        (f"{'0' * 32} delivered", f"{'a1' * 16} delivered", True),
        (f"{'0' * 32} delivered", f"{'a1' * 16} sent", False),
        ("2026-11-20 18:47:26 > a", "2027-01-01 00:00:00 > a", True),
        ("│ lost    │   0 │", "│ lost │ 0 │", True),
        ("│ lost    │   0 │", "│ lost │ 1 │", False),
        ("relays 0/5", "relays 3/5", True),
    ],
)
def test_what_counts_as_printed(shown: str, output: str, same: bool) -> None:
    assert is_printed(shown.splitlines(), output) is same
