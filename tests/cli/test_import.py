"""An export from the command line comes back, at the same node and at an empty one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.api.double import BOB, STRANGER
from tests.cli.conftest import Command, Run
from zentalk.api.server import serve
from zentalk.config import ApiSettings, write_config
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.node.node import Node
from zentalk.store.key_file import create_identity
from zentalk.web.token import create_token
from zentalk.wire.text import format_address

BOBS, CAROLS = format_address(BOB), format_address(STRANGER)


def set_up(home: Path, runtime: Runtime) -> tuple[ApiSettings, str]:
    """Make the folder of a node; return its settings and token."""
    home.mkdir(mode=0o700)
    create_identity(home, runtime.entropy)
    settings = ApiSettings(directory=home, port=0)
    write_config(settings)
    return settings, create_token(home, runtime.entropy)


@asynccontextmanager
async def running(home: Path) -> AsyncIterator[Node]:
    """A real node that reaches no network, and serves."""
    runtime = Runtime.real()
    settings, token = set_up(home, runtime)
    node = Node(settings, runtime, MemoryNetwork().host("alice"))
    async with trio.open_nursery() as nursery:
        await nursery.start(node.run)
        await nursery.start(serve, node, settings, token, node.stopping)
        yield node
        node.stop()


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Path]:
    """A node with something of each kind in its history."""
    home = tmp_path / "alice"
    async with running(home) as node:
        await node.add_contact(BOB, "Bob")
        await node.add_contact(STRANGER, "Carol")
        said = await node.send_text(BOB, "helo\nBob")
        await node.chat.edit(BOB, said.id, "hello Bob")
        await node.chat.react(BOB, said.id, "👍")
        await node.chat.star(BOB, said.id, on=True)
        gone = await node.send_text(BOB, "not this")
        await node.chat.take_back(BOB, gone.id)
        await node.forward(BOB, BOB, said.id)
        yield home


def carried(file: Path) -> Any:
    """What an export has, without what belongs to one node: numbers, and what has not left it."""
    document = json.loads(file.read_text("utf-8"))
    for conversation in document["conversations"]:
        for message in conversation["messages"]:
            del message["seq"]
            message["reason"] = ""
            message["state"] = message["state"].replace("queued", "failed")
    return document


async def test_an_export_comes_back_after_its_conversation_was_cleared(
    zentalk: Command, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    await zentalk("conversation", "export", "--output", first)
    await zentalk("conversation", "clear", "Bob")
    done = await zentalk("conversation", "import", first)
    assert done.out == "2 conversations: 3 messages added, 0 here already\n"
    await zentalk("conversation", "export", "--output", second)
    assert carried(second) == carried(first)
    shown = (await zentalk("message", "list", "Bob")).out
    assert "hello Bob 👍  (failed, edited)" in shown
    assert "hello Bob" in (await zentalk("message", "search", "hello")).out
    assert "hello Bob" in (await zentalk("message", "starred")).out
    again = await zentalk("conversation", "import", first, "--json")
    assert json.loads(again.out) == {
        "conversations": 2, "contacts_added": 0, "added": 0, "known": 3, "expired": 0,
        "left_out": [],
    }  # fmt: skip


async def test_an_export_makes_an_empty_node_know_what_was_said(
    zentalk: Command, run: Run, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    await zentalk("contact", "block", "Carol")
    await zentalk("conversation", "export", "--output", first)
    empty = tmp_path / "empty"
    async with running(empty):

        async def other(*words: object) -> str:
            result = await trio.to_thread.run_sync(
                lambda: run(*words[:2], "--dir", empty, *words[2:])
            )
            assert result.code == 0
            return result.out

        done = await other("conversation", "import", first)
        assert done.startswith("2 conversations: 3 messages added, 0 here already\n2 new contacts")
        await other("conversation", "export", "--output", second)
        assert carried(second) == carried(first)
        people = json.loads(await other("contact", "list", "--json"))
        assert {one["address"]: one["state"] for one in people} == {
            BOBS: "contact",
            CAROLS: "blocked",
        }
        assert not any(one["verified"] for one in people)


async def test_a_file_that_is_no_export_is_refused_in_a_sentence(
    zentalk: Command, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    refused = await zentalk("conversation", "import", wrong)
    assert (refused.code, "this is no export" in refused.err) == (1, True)
    missing = await zentalk("conversation", "import", tmp_path / "missing.json")
    assert (missing.code, "cannot be read: no such file" in missing.err) == (1, True)
