"""The reference page names all there is, and its echo bot works as printed."""

import inspect
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.api.double import BOB, TOKEN, FakeNode
from tests.client.loops import LOOPS
from zentalk import client as package
from zentalk.client import Client, Event
from zentalk.client.typed_events import CLASSES
from zentalk.web.token import TOKEN_FILE
from zentalk.wire.text import format_address

BOBS = format_address(BOB)
LONGEST_BOT = 25


def page(repository: Path) -> str:
    return (repository / "docs" / "reference" / "python-client.md").read_text("utf-8")


def echo_bot(text: str) -> str:
    return text.split("```python\n", 1)[1].split("```", 1)[0]


def test_every_method_with_its_arguments(repository: Path) -> None:
    cells = re.findall(r"^\| (`.*?`) \|", page(repository), re.MULTILINE)
    described = {
        name: [argument.partition("=")[0] for argument in arguments.split(", ") if argument]
        for cell in cells
        for name, arguments in re.findall(r"`([a-z_]+)\((.*?)\)`", cell)
    }
    found = {
        name: [
            parameter for parameter in inspect.signature(value).parameters if parameter != "self"
        ]
        for part in Client.__mro__[:-1]
        for name, value in vars(part).items()
        if inspect.isfunction(value) and not name.startswith("_") and name != "close"
    }
    assert described == found


def test_every_event_with_what_it_has(repository: Path) -> None:
    rows = re.findall(r"^\| `(\w+)` \| `([a-z.-]+)` \| (.*) \|$", page(repository), re.MULTILINE)
    described = {kind: (name, set(re.findall(r"`(\w+)`", has))) for name, kind, has in rows}
    assert described == {
        kind: (cls.__name__, set(properties(cls))) for kind, cls in CLASSES.items()
    }


def properties(cls: type[Event]) -> Iterator[str]:
    for base in cls.__mro__[: cls.__mro__.index(Event)]:
        yield from (name for name, value in vars(base).items() if isinstance(value, property))


def test_every_name_is_on_the_page(repository: Path) -> None:
    words = set(re.findall(r"\w+", page(repository)))
    plain = {"ContactState", "Direction", "MessageState", "EventFeed", "EventFollower"}
    assert set(package.__all__) - plain <= words | {f"{word}s" for word in words}


@contextmanager
def running_bot(source: Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, str(source), str(folder)], stdout=subprocess.PIPE, text=True
    ) as bot:
        try:
            yield bot
        finally:
            bot.kill()


def receive(node: FakeNode, number: int) -> None:
    message: dict[str, Any] = {
        "id": f"{number:032x}",
        "seq": number,
        "conversation": BOBS,
        "direction": "in",
        "kind": "text",
        "text": f"text {number}",
        "state": "received",
        "reason": "",
        "sent_at": 1.0,
        "missing": 0,
    }
    node.emit("message.received", message)


@pytest.mark.e2e
async def test_the_echo_bot_runs_as_printed(
    repository: Path, node: FakeNode, url: str, tmp_path: Path
) -> None:
    source = echo_bot(page(repository))
    assert source.count("\n") <= LONGEST_BOT
    script = tmp_path / "echo_bot.py"
    script.write_text(source, "utf-8")
    (tmp_path / TOKEN_FILE).write_text(TOKEN)
    (tmp_path / TOKEN_FILE).chmod(0o600)
    node.request(BOB)
    request = {"address": BOBS, "name": "", "state": "request", "added_at": 1.0}
    node.emit("contact.requested", request)
    receive(node, 1)
    with trio.fail_after(60):
        with running_bot(script, tmp_path) as bot:
            assert bot.stdout is not None
            said = await trio.to_thread.run_sync(bot.stdout.readline)
            assert said == f"echoing as {node.address_text}\n"
            await until_sent(node, 1)
            receive(node, 2)
            await until_sent(node, 2)
            bot.send_signal(signal.SIGKILL)
        receive(node, 3)
        with running_bot(script, tmp_path):
            await until_sent(node, 3)
    assert [message.text for message in node.sent] == ["text 1", "text 2", "text 3"]
    assert node.known[BOBS].state == "contact"


def printer(text: str, loop: str) -> str:
    """Return the example for asyncio, for trio with the lines exchanged that the page names."""
    chapter = text.split("## On asyncio and on trio", 1)[1].split("## To the node", 1)[0]
    source = echo_bot(chapter)
    if loop == "trio":
        rows = re.findall(r"^\| `(.+)` \| `(.+)` \|$", chapter, re.MULTILINE)
        assert len(rows) == 2
        for there, here in rows:
            assert source.count(f"{there}\n") == 1
            source = source.replace(there, here)
    assert (loop == "trio") == ("asyncio" not in source)
    return source


@pytest.mark.e2e
@pytest.mark.parametrize("loop", LOOPS)
async def test_the_awaited_example_runs_on_both_loops(
    repository: Path, node: FakeNode, url: str, tmp_path: Path, loop: str
) -> None:
    script = tmp_path / "printer.py"
    script.write_text(printer(page(repository), loop), "utf-8")
    (tmp_path / TOKEN_FILE).write_text(TOKEN)
    (tmp_path / TOKEN_FILE).chmod(0o600)
    receive(node, 1)
    with trio.fail_after(60), running_bot(script, tmp_path) as program:
        assert program.stdout is not None
        assert await trio.to_thread.run_sync(program.stdout.readline) == "text 1\n"
        receive(node, 2)
        assert await trio.to_thread.run_sync(program.stdout.readline) == "text 2\n"


async def until_sent(node: FakeNode, count: int) -> None:
    while len(node.sent) < count:  # noqa: ASYNC110 - the node is a double without such an event
        await trio.sleep(0.02)
