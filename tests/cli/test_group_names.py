"""Names of groups where a person or a group may be meant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.api.double import BOB, OWNER, STRANGER, FakeNode
from tests.cli.conftest import Command
from zentalk.cli import people
from zentalk.cli.output import local_time
from zentalk.ids import UserAddress
from zentalk.store.history.groups import GroupStanding
from zentalk.store.history.models import Direction, MessageState, StoredMessage
from zentalk.wire.text import format_address

BOBS, STRANGERS = format_address(BOB), format_address(STRANGER)
OTHER = UserAddress(bytes(range(40, 72)))


class Pages:
    """The part of a node's conversations that an export asks for."""

    def __init__(self, node: FakeNode) -> None:
        self._node = node

    async def page_after(self, _contact: object, seq: int, limit: int) -> list[StoredMessage]:
        return [line for line in self._node.sent if line.seq > seq][:limit]


async def sent_to(zentalk: Command, node: FakeNode, name: str) -> str:
    """Send a message to somebody or something of this name; return where it went."""
    sent = await zentalk("message", "send", name, "hello")
    assert sent.code == 0, sent.err
    return node.sent[-1].conversation


async def test_a_groups_name_stands_for_its_id(zentalk: Command, node: FakeNode) -> None:
    crew = node.groups.put(OWNER, "Crew")
    for name in ("Crew", "crew", crew):
        assert await sent_to(zentalk, node, name) == crew
    assert len((await zentalk("message", "list", "CREW")).out.splitlines()) == 3


async def test_a_name_of_a_person_and_a_group_is_nobodys(zentalk: Command, node: FakeNode) -> None:
    await node.add_contact(BOB, "Bob")
    group = node.groups.put(OWNER, "Bob")
    ended = await zentalk("message", "send", "Bob", "only for you")
    assert ended.code == 1
    assert "any of 2 people and groups; use an address: " in ended.err
    assert f"Bob {BOBS}" in ended.err
    assert f"Bob (group) {group}" in ended.err
    assert node.sent == []
    # Where only a person or only a group is taken, it is clear.
    assert (await zentalk("contact", "verify", "Bob")).code == 0
    assert (await zentalk("group", "show", "Bob", "--json")).code == 0


@pytest.mark.parametrize(
    "standing", [GroupStanding.INVITED, GroupStanding.LEFT, GroupStanding.REMOVED]
)
async def test_a_group_that_one_is_not_in_takes_nobodys_name(
    zentalk: Command, node: FakeNode, standing: GroupStanding
) -> None:
    """Whoever invites gives the name, and the owner has agreed to nothing yet."""
    await node.add_contact(BOB, "Bob")
    node.groups.put(OWNER, "Bob", standing)
    gone = node.groups.put(STRANGER, "Crew", standing)
    assert await sent_to(zentalk, node, "Bob") == BOBS
    assert await sent_to(zentalk, node, "Crew") == gone
    crew = node.groups.put(OTHER, "Crew")
    assert await sent_to(zentalk, node, "Crew") == crew


async def test_control_without_looking_at_the_standing_an_invitation_takes_a_name(
    zentalk: Command, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    await node.add_contact(BOB, "Bob")
    node.groups.put(OWNER, "Bob", GroupStanding.INVITED)
    monkeypatch.setattr(people, "JOINED", "invited")
    assert (await zentalk("message", "send", "Bob", "hello")).code == 1


async def test_which_group_is_meant_depends_on_what_is_done(
    zentalk: Command, node: FakeNode
) -> None:
    joined = node.groups.put(OWNER, "Crew")
    node.groups.put(STRANGER, "Crew", GroupStanding.LEFT)
    shown = await zentalk("group", "show", "Crew")
    assert shown.out.startswith(joined)
    node.groups.put(OTHER, "Crew", GroupStanding.INVITED)
    # To leave one of two would be to guess.
    for command in ("show", "leave"):
        ended = await zentalk("group", command, "Crew")
        assert (ended.code, "any of 2 groups" in ended.err) == (1, True)
    none = await zentalk("group", "show", "Cru")
    assert none.err == "zentalk: no group is called 'Cru'; see: zentalk group list\n"
    for nothing in ("", "zt1nonsense", "zentalk:zt1x"):
        assert (await zentalk("group", "show", nothing)).code == 2


async def test_lists_name_the_author_of_each_line_in_a_group(
    zentalk: Command, node: FakeNode
) -> None:
    await node.add_contact(BOB, "Bob\x1b[2J")
    crew = node.groups.put(OWNER, "Crew")
    line = StoredMessage(
        "1" * 32, 1, crew, Direction.IN, "text", "hi", MessageState.RECEIVED, "", 1000.0
    )
    node.sent += [replace(line, author=BOBS), replace(line, seq=2, author=STRANGERS)]
    listed = (await zentalk("message", "list", "Crew")).out.splitlines()
    assert [one.split(" ", 2)[2] for one in listed] == [
        "< Bob\N{REPLACEMENT CHARACTER}[2J: hi  (received)",
        f"< {STRANGERS[:7]}\N{HORIZONTAL ELLIPSIS}{STRANGERS[-8:]}: hi  (received)",
    ]
    node.chat = Pages(node)
    exported = (await zentalk("conversation", "export", "Crew", "--as", "markdown")).out
    assert [one for one in exported.splitlines() if one.startswith("**")] == [
        f"**Bob\N{REPLACEMENT CHARACTER}\\[2J**, {local_time(1000.0)}  ",
        f"**{STRANGERS[:7]}\N{HORIZONTAL ELLIPSIS}{STRANGERS[-8:]}**, {local_time(1000.0)}  ",
    ]
