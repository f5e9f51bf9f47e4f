"""`zentalk profile` and `privacy`, at a node that reaches no network."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.offline import BOBS, offline_node
from tests.cli.conftest import Command
from zentalk.node.node import Node

PICTURE = b"\x89PNG small"


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    """A real node, which takes the place of the double."""
    async with offline_node(tmp_path / "node") as node:
        yield node


async def profile(zentalk: Command) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((await zentalk("profile", "show", "--json")).out)
    return found


async def test_a_profile_is_changed_piece_by_piece(
    zentalk: Command, node: Node, tmp_path: Path
) -> None:
    own = node.address_text
    picture = tmp_path / "picture"
    picture.write_bytes(PICTURE)
    assert (await zentalk("profile", "set", "Alice", "Smith")).out == f"{own}  Alice Smith\n"
    assert (await zentalk("profile", "set", "--status", "at sea")).code == 0
    shown = await zentalk("profile", "set", "--picture", picture)
    assert shown.out.splitlines() == [
        f"{own}  Alice Smith", "status: at sea", "it has a picture: see --output",
    ]  # fmt: skip
    assert (await zentalk("profile", "show")).out == shown.out
    copied = tmp_path / "copy"
    assert (await zentalk("profile", "show", "--output", copied)).code == 0
    assert (copied.read_bytes(), copied.stat().st_mode & 0o777) == (PICTURE, 0o600)
    assert (await zentalk("profile", "show", "--output", copied)).code == 2
    assert (await zentalk("profile", "set", "--no-picture", "--status", "")).code == 0
    found = await profile(zentalk)
    assert (found["name"], found["status"], found["avatar"]) == ("Alice Smith", "", "")
    assert (await zentalk("profile", "show", "--output", tmp_path / "none")).code == 1


async def test_a_contact_who_has_said_nothing_has_no_profile(zentalk: Command) -> None:
    for person in ("bob", BOBS):
        silent = await zentalk("profile", "show", person)
        assert (silent.code, silent.out) == (1, "")
        assert "no profile" in silent.err
    assert "no contact" in (await zentalk("profile", "show", "Nobody")).err


async def test_nothing_to_set_and_too_much_are_refused(zentalk: Command, tmp_path: Path) -> None:
    nothing = await zentalk("profile", "set")
    assert (nothing.code, "--no-picture" in nothing.err) == (2, True)
    both = ["--picture", tmp_path / "x", "--no-picture"]
    assert (await zentalk("profile", "set", *both)).code == 2
    assert (await zentalk("profile", "set", "--picture", tmp_path / "x")).code == 2
    assert (await zentalk("privacy", "set")).code == 2
    assert (await zentalk("privacy", "set", "--typing", "maybe")).code == 2


async def test_privacy_is_switched_one_by_one(zentalk: Command) -> None:
    all_on = (await zentalk("privacy", "show")).out
    assert all_on == "read receipts: on\ntyping: on\npresence: on\n"
    switched = await zentalk("privacy", "set", "--typing", "off", "--read-receipts", "off")
    assert switched.out == "read receipts: off\ntyping: off\npresence: on\n"
    back = json.loads((await zentalk("privacy", "set", "--typing", "on", "--json")).out)
    assert back == {"read_receipts": False, "typing": True, "presence": True}
