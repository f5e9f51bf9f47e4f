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
from zentalk.client.importing import A_GROUP
from zentalk.config import ApiSettings, write_config
from zentalk.ids import MessageId, UserAddress
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.node.node import Node
from zentalk.store.history import contacts, messages
from zentalk.store.history.models import ContactState, Direction, MessageState
from zentalk.store.key_file import create_identity
from zentalk.store.sqlite import Transaction
from zentalk.web.token import create_token
from zentalk.wire.text import format_address

GROUP = UserAddress(b"g" * 32)
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
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    """A node with something of each kind in its history."""
    async with running(tmp_path / "alice") as node:
        await node.add_contact(BOB, "Bob")
        await node.add_contact(STRANGER, "Carol")
        said = await node.send_text(BOB, "helo\nBob")
        await node.chat.edit(BOB, said.id, "hello Bob")
        await node.chat.react(BOB, said.id, "👍")
        await node.chat.star(BOB, said.id, on=True)
        gone = await node.send_text(BOB, "not this")
        await node.chat.take_back(BOB, gone.id)
        await node.forward(BOB, BOB, said.id)
        yield node


@pytest.fixture
def folder(node: Node, tmp_path: Path) -> Path:
    return tmp_path / "alice"


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


async def test_a_group_is_exported_and_left_out_when_it_comes_back(
    node: Node, zentalk: Command, tmp_path: Path
) -> None:
    def some_group(tx: Transaction) -> None:
        contacts.insert(tx, GROUP, "tea", ContactState.GROUP, 0.0)
        messages.insert(
            tx, message_id=MessageId(b"m" * 16), contact=GROUP, author=BOB,
            direction=Direction.IN, kind="text", text="hello all", state=MessageState.RECEIVED,
            sender_sequence=0, sent_at=5.0, now=5.0,
        )  # fmt: skip

    await node._database.write(some_group)
    file = tmp_path / "first.json"
    assert (await zentalk("conversation", "export", "--output", file)).code == 0
    shown = json.loads(file.read_text("utf-8"))["conversations"]
    (group,) = (one for one in shown if one["state"] == "group")
    assert (group["name"], group["messages"][0]["text"]) == ("tea", "hello all")
    done = (await zentalk("conversation", "import", file)).out
    assert f"left out: 1 message with {format_address(GROUP)}: {A_GROUP}\n" in done


async def test_a_file_that_is_no_export_is_refused_in_a_sentence(
    zentalk: Command, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    refused = await zentalk("conversation", "import", wrong)
    assert (refused.code, "this is no export" in refused.err) == (1, True)
    missing = await zentalk("conversation", "import", tmp_path / "missing.json")
    assert (missing.code, "cannot be read: no such file" in missing.err) == (1, True)
