"""Groups from the command line, at a node that reaches no network."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.double import BOB
from tests.api.offline import BOBS, CAROLS, offline_node
from tests.cli.conftest import Command
from zentalk.node.node import Node
from zentalk.wire.invite import InviteLink, format_invite


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    """A real node, which takes the place of the double."""
    async with offline_node(tmp_path / "node") as node:
        yield node


async def shown(zentalk: Command, name: str = "Crew") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((await zentalk("group", "show", name, "--json")).out)
    return found


async def test_a_group_is_founded_listed_and_shown(zentalk: Command, node: Node) -> None:
    made = await zentalk("group", "create", "Crew", "bob", CAROLS)
    group = made.out.split()[0]
    assert made.out.split()[1:] == ["joined", "group", "1", "member", "Crew"]
    assert (await zentalk("group", "list")).out == made.out
    assert [one["name"] for one in json.loads((await zentalk("group", "list", "--json")).out)]
    about = (await zentalk("group", "show", "crew")).out.splitlines()
    assert about[0].startswith(group)
    assert about[1] == "members write"
    assert "unconfirmed" not in "".join(about)
    assert sorted(line.split() for line in about[2:]) == sorted(
        [
            [node.address_text, "admin", "joined", "you"],
            [BOBS, "member", "invited", "Bob"],
            [CAROLS, "member", "invited", "Carol"],
        ]
    )
    assert await shown(zentalk) == await shown(zentalk, group)


async def test_everything_that_changes_a_group(zentalk: Command) -> None:
    made = await zentalk("group", "create", "Crew", "--json")
    assert json.loads(made.out)["members"][0]["role"] == "admin"
    for command in (
        ("invite", "Crew", "Bob", "Carol"),
        ("promote", "Crew", "Bob"),
        ("remove", "Crew", "Carol"),
        ("describe", "Crew", "all", "of", "us"),
        ("posting", "Crew", "admins"),
    ):
        done = await zentalk("group", *command, "--json")
        assert json.loads(done.out) == await shown(zentalk)
    about = (await zentalk("group", "show", "Crew")).out.splitlines()
    assert about[1:3] == ["all of us", "admins write"]
    assert f"{BOBS}  admin       invited  Bob" in about
    assert CAROLS not in "".join(about)
    assert (await zentalk("group", "demote", "Crew", "Bob")).code == 0
    assert (await zentalk("group", "describe", "Crew")).code == 0
    assert (await shown(zentalk))["description"] == ""
    renamed = await zentalk("group", "rename", "Crew", "The", "crew")
    assert renamed.out.endswith("  The crew\n")
    left = await zentalk("group", "leave", "the crew")
    assert left.out.split()[1] == "left"
    again = await zentalk("group", "leave", "the crew")
    assert (again.code, "not in this group" in again.err) == (1, True)
    assert (await zentalk("group", "accept", "the crew")).code == 1
    forgotten = await zentalk("group", "forget", "the crew")
    assert (forgotten.code, forgotten.out) == (0, "")
    assert (await zentalk("group", "list")).out == ""
    gone = await zentalk("group", "forget", "the crew")
    assert (gone.code, "no group is called" in gone.err) == (1, True)


async def test_who_is_in_a_group_leaves_it_before_it_is_forgotten(zentalk: Command) -> None:
    await zentalk("group", "create", "Crew")
    refused = await zentalk("group", "forget", "Crew")
    assert (refused.code, "leave it first" in refused.err) == (1, True)


async def test_a_channel_says_who_writes(zentalk: Command) -> None:
    await zentalk("group", "create", "News", "Bob", "--channel")
    about = (await zentalk("group", "show", "News")).out.splitlines()
    assert about[1] == "admins write"
    assert f"{BOBS}  subscriber  invited  Bob" in about


async def test_a_picture_is_set_saved_and_taken_away(zentalk: Command, tmp_path: Path) -> None:
    await zentalk("group", "create", "Crew")
    file, saved = tmp_path / "crew.png", tmp_path / "saved.png"
    file.write_bytes(b"a small picture")
    assert (await zentalk("group", "picture", "Crew", file)).code == 0
    assert (await zentalk("group", "picture", "Crew", "--output", saved)).code == 0
    assert saved.read_bytes() == b"a small picture"
    assert saved.stat().st_mode & 0o777 == 0o600
    assert (await zentalk("group", "picture", "Crew", "--off")).code == 0
    gone = await zentalk("group", "picture", "Crew", "--output", tmp_path / "other.png")
    assert (gone.code, "no picture" in gone.err) == (1, True)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "give one of"),
        (["--off", "--output", "x.png"], "give one of"),
        (["missing.png"], "cannot be read"),
        (["empty.png"], "is empty"),
        (["large.png"], "24576 bytes"),
        (["--output", "empty.png"], "is there already"),
        (["--output", "missing/x.png"], "cannot write"),
    ],
)
async def test_a_picture_that_cannot_be(
    zentalk: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.png").touch()
    (tmp_path / "large.png").write_bytes(bytes(24 * 1024 + 1))
    (tmp_path / "small.png").write_bytes(b"png")
    await zentalk("group", "create", "Crew")
    await zentalk("group", "picture", "Crew", "small.png")
    ended = await zentalk("group", "picture", "Crew", *given)
    assert (ended.code in {1, 2}, said in ended.err) == (True, True), ended.err


async def test_messages_of_a_group_are_sent_read_marked_and_exported(
    zentalk: Command,
) -> None:
    await zentalk("group", "create", "Crew", "Bob")
    sent = await zentalk("message", "send", "crew", "hello", "all")
    assert sent.code == 0
    await zentalk("message", "edit", "Crew", "last", "hello")
    await zentalk("message", "pin", "Crew", "last")
    await zentalk("message", "forward", "Crew", "last", "Bob")
    await zentalk("message", "poll", "Crew", "which?", "x", "y")
    listed = (await zentalk("message", "list", "Crew")).out.splitlines()
    assert [line.split(" ", 2)[2] for line in listed] == [
        "> hello  (delivered, edited)",
        "> [poll] which?  (delivered)",
    ]
    assert "Crew: hello" in (await zentalk("message", "search", "hello")).out
    assert (await zentalk("message", "search", "hello", "--with", "Crew")).out.count("\n") == 1
    assert "pinned: " in (await zentalk("conversation", "show", "Crew")).out
    assert "  Crew (group): " in (await zentalk("conversation", "list")).out
    exported = json.loads((await zentalk("conversation", "export", "Crew")).out)
    [one] = exported["conversations"]
    assert (one["name"], one["group"], len(one["messages"])) == ("Crew", True, 2)
    assert (await zentalk("conversation", "mute", "Crew", "8h")).code == 0
    assert (await zentalk("conversation", "timer", "Crew", "1h")).code == 0
    told = await zentalk("group", "deliveries", "Crew", "last", "--json")
    assert json.loads(told.out) == []
    assert (await zentalk("conversation", "clear", "Crew")).code == 0
    assert (await zentalk("message", "list", "Crew")).out == ""


async def test_links_to_a_group_are_made_listed_and_ended(zentalk: Command) -> None:
    group = (await zentalk("group", "create", "News", "--channel")).out.split()[0]
    await zentalk("invite", "create", "Bob")  # to no group
    made = await zentalk("group", "link", "news", "--uses", "3", "--lasts", "12h")
    link = made.out.strip()
    assert link.startswith("zentalk:zt1")
    assert (await zentalk("group", "link", "News", "--qr")).out.count("\n") == 24
    [first, _] = json.loads((await zentalk("group", "links", "News", "--json")).out)
    assert (first["link"], first["group"], first["max_uses"]) == (link, group, 3)
    assert first["expires_at"] - first["created_at"] == 12 * 3600
    listed = (await zentalk("group", "links", "News")).out.splitlines()
    assert listed[0].split()[:3] == [first["id"], "open", "0/3"]
    about = (await zentalk("group", "show", "News")).out.splitlines()
    assert sum(line.startswith("link ") and "0/3 used, until " in line for line in about) == 1
    assert (await zentalk("group", "unlink", first["id"])).code == 0
    about = (await zentalk("group", "show", "News")).out.splitlines()
    assert sum(line.startswith("link ") and "0/3 used, closed" in line for line in about) == 1
    assert (await zentalk("group", "links", "News")).out.splitlines()[0].split()[1] == "revoked"


async def test_a_link_is_closed_by_the_id_that_all_admins_see(zentalk: Command) -> None:
    await zentalk("group", "create", "Crew")
    await zentalk("group", "link", "Crew")
    shown = json.loads((await zentalk("group", "show", "Crew", "--json")).out)
    [ticket] = shown["tickets"]
    about = (await zentalk("group", "show", "Crew")).out
    assert f"link {ticket['id']} of " in about
    assert (await zentalk("group", "unlink", ticket["id"], "--of", "Crew")).code == 0
    assert (await zentalk("group", "links", "Crew")).out.split()[1] == "revoked"


async def test_a_link_to_a_group_is_used(zentalk: Command) -> None:
    link = format_invite(InviteLink(BOB, b"s" * 16))
    asked = await zentalk("group", "join", link)
    assert (asked.code, "zentalk group list" in asked.out) == (0, True)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("link", "Crew", "--uses", "0"), "above 0"),
        (("link", "Crew", "--lasts", "soon"), "is no time"),
        (("link", "Crew", "--lasts", "400d"), "expires_in_seconds"),
        (("link", "Nobody"), "no group is called"),
        (("links", "Nobody"), "no group is called"),
        (("unlink", "0" * 16), "no invite"),
        (("unlink", "0" * 32, "--of", "Crew"), "no such link"),
        (("unlink", "0" * 32, "--of", "Nobody"), "no group is called"),
        (("join", "Crew"), "starts with zentalk:"),
        (("join", "zentalk:zt1x#y"), ""),
    ],
)
async def test_a_link_that_cannot_be(zentalk: Command, given: tuple[str, ...], said: str) -> None:
    await zentalk("group", "create", "Crew")
    ended = await zentalk("group", *given)
    assert (ended.code in {1, 2}, said in ended.err) == (True, True), ended.err


async def test_nobody_joins_by_a_link_of_their_own(zentalk: Command) -> None:
    await zentalk("group", "create", "Crew")
    link = (await zentalk("group", "link", "Crew")).out.strip()
    ended = await zentalk("group", "join", link)
    assert (ended.code, "your own link" in ended.err) == (1, True)


async def test_history_goes_to_nobody_who_has_not_joined(zentalk: Command) -> None:
    await zentalk("group", "create", "Crew", "Bob")
    ended = await zentalk("group", "share", "Crew", "Bob", "--lines", "5")
    assert (ended.code, "has not joined" in ended.err) == (1, True)
    ended = await zentalk("group", "share", "Crew", "Bob", "--lines", "0")
    assert (ended.code, "above 0" in ended.err) == (2, True)
