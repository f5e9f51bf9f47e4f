"""What people do in conversations from the command line, at a node that reaches no network."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from tests.api.double import BOB, STRANGER
from tests.cli.conftest import Command, Result
from zentalk.config import ApiSettings
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.node.node import Node
from zentalk.store.key_file import create_identity
from zentalk.wire.text import format_address

BOBS, CAROLS = format_address(BOB), format_address(STRANGER)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    """A real node, which takes the place of the double."""
    home = tmp_path / "node"
    home.mkdir(mode=0o700)
    runtime = Runtime.real()
    create_identity(home, runtime.entropy)
    node = Node(ApiSettings(directory=home, port=0), runtime, MemoryNetwork().host("alice"))
    async with trio.open_nursery() as nursery:
        await nursery.start(node.run)
        await node.add_contact(BOB, "Bob")
        await node.add_contact(STRANGER, "Carol")
        yield node
        node.stop()


async def shown(zentalk: Command) -> list[str]:
    """Return the lines of the conversation with Bob, without their times."""
    lines = (await zentalk("message", "list", "Bob")).out.splitlines()
    return [line.split(" ", 2)[2] for line in lines]


async def test_a_text_is_edited_reacted_to_and_taken_back(zentalk: Command) -> None:
    await zentalk("message", "send", "Bob", "helo")
    edited = await zentalk("message", "edit", "Bob", "last", "hello", "Bob")
    assert edited.out.endswith("> hello Bob  (queued, edited)\n")
    assert (await zentalk("message", "react", "Bob", "last", "👍")).code == 0
    assert await shown(zentalk) == ["> hello Bob 👍  (queued, edited)"]
    assert (await zentalk("message", "react", "Bob", "last")).code == 0
    assert (await zentalk("message", "delete", "Bob", "last", "--for-everyone")).code == 0
    assert await shown(zentalk) == ["> (taken back)"]


async def test_a_message_is_named_by_the_first_digits_of_its_id(zentalk: Command) -> None:
    for text in ("one", "two"):
        await zentalk("message", "send", "Bob", text)
    first, _ = (await zentalk("message", "list", "Bob", "--ids")).out.splitlines()
    message_id = first.split()[0]
    assert (await zentalk("message", "pin", "Bob", message_id[:8])).code == 0
    about = (await zentalk("conversation", "show", "Bob")).out
    assert "pinned: " in about
    assert about.rstrip().endswith("> one  (queued)")
    assert (await zentalk("message", "pin", "Bob", message_id, "--off")).code == 0
    assert "pinned" not in (await zentalk("conversation", "show", "Bob")).out
    for nobody, code in (("0000ffff", 1), ("zz", 2)):
        gone = await zentalk("message", "pin", "Bob", nobody)
        assert gone.code == code


async def test_stars_are_listed_and_taken_back(zentalk: Command) -> None:
    await zentalk("message", "send", "Bob", "remember")
    assert (await zentalk("message", "star", "Bob", "last")).code == 0
    assert "remember" in (await zentalk("message", "starred")).out
    assert (await zentalk("message", "star", "Bob", "last", "--off")).code == 0
    assert (await zentalk("message", "starred", "--json")).out == "[]\n"


async def test_a_poll_is_voted_on_and_forwarded(zentalk: Command) -> None:
    asked = await zentalk("message", "poll", "Bob", "which tea?", "green", "black")
    assert "[poll] which tea?" in asked.out
    voted = await zentalk("message", "vote", "Bob", "last", 2, "--json")
    assert [one["options"] for one in json.loads(voted.out)["votes"]] == [[1]]
    assert (await zentalk("message", "vote", "Bob", "last")).code == 0
    sent = await zentalk("message", "forward", "Bob", "last", "Carol", "--json")
    message = json.loads(sent.out)
    assert (message["conversation"], message["forwarded"]) == (CAROLS, True)


async def test_timer_mute_and_clear(zentalk: Command) -> None:
    await zentalk("message", "send", "Bob", "hello")
    assert (await zentalk("conversation", "timer", "Bob", "7d")).code == 0
    assert (await zentalk("conversation", "mute", "Bob")).code == 0
    about = json.loads((await zentalk("conversation", "show", "Bob", "--json")).out)
    assert (about["timer_seconds"], about["muted_until"]) == (604_800, 4_102_444_800.0)
    for off in ("timer", "mute"):
        assert (await zentalk("conversation", off, "Bob", "off")).code == 0
    assert "muted" not in (await zentalk("conversation", "show", "Bob")).out
    wrong = await zentalk("conversation", "timer", "Bob", "soon")
    assert (wrong.code, "write it like" in wrong.err) == (2, True)
    assert (await zentalk("conversation", "clear", "Bob")).code == 0
    assert await shown(zentalk) == []


async def test_a_draft_is_kept_shown_and_dropped(zentalk: Command) -> None:
    kept = await zentalk("conversation", "draft", "Bob", "half", "a", "sentence", "--json")
    assert json.loads(kept.out)["draft"] == "half a sentence"
    assert "draft: half a sentence" in (await zentalk("conversation", "show", "Bob")).out
    assert await zentalk("conversation", "draft", "Bob") == Result(0, "", "")
    assert "draft" not in (await zentalk("conversation", "show", "Bob")).out


async def test_an_export_in_markdown_and_the_answer_about_it_need_a_file(zentalk: Command) -> None:
    both = await zentalk("conversation", "export", "--as", "markdown", "--json")
    assert (both.code, both.out) == (2, "")
    assert "give --as json" in both.err


async def test_a_conversation_is_exported_whole_and_for_its_owner_only(
    zentalk: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zentalk.cli.export._PAGE", 2)
    for text in ("one", "*two*", "three"):
        await zentalk("message", "send", "Bob", text)
    await zentalk("message", "send", "Carol", "other")
    file = tmp_path / "history.json"
    assert (await zentalk("conversation", "export", "--output", file)).code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    found = json.loads(file.read_text("utf-8"))
    texts = {one["name"]: [m["text"] for m in one["messages"]] for one in found["conversations"]}
    assert texts == {"Bob": ["one", "*two*", "three"], "Carol": ["other"]}
    again = await zentalk("conversation", "export", "--output", file)
    assert (again.code, "name another file" in again.err) == (2, True)
    shown = (await zentalk("conversation", "export", "Bob", "--as", "markdown")).out
    assert shown.startswith("# Bob\n")
    assert "\\*two\\*" in shown
    assert "other" not in shown
    nowhere = tmp_path / "missing" / "x.json"
    gone = await zentalk("conversation", "export", "--output", nowhere)
    assert (gone.code, "cannot be written" in gone.err) == (2, True)
