"""`zentalk invite`, and contacts by link."""

from __future__ import annotations

import json

from tests.api.double import BOB, OWNER, STRANGER, FakeNode
from tests.cli.conftest import Command, Result
from zentalk.store.history.models import StoredIntroduction
from zentalk.wire.invite import InviteLink, format_invite, parse_invite
from zentalk.wire.text import format_address

BOBS = format_address(BOB)
LINK = format_invite(InviteLink(BOB, b"s" * 16))
LINES, COLUMNS = 24, 80


async def test_one_is_made_and_its_link_printed(zentalk: Command, node: FakeNode) -> None:
    made = await zentalk("invite", "create", "Bob", "Smith", "--uses", "3", "--days", "0.5")
    assert (made.code, parse_invite(made.out.strip()).address) == (0, OWNER)
    row = node.first_contact.invites.made[0].invite
    assert (row.name, row.max_uses, row.accepts) == ("Bob Smith", 3, True)
    assert row.expires_at == 1000.0 + 43_200
    asking = json.loads((await zentalk("invite", "create", "--ask", "--json")).out)
    assert not asking["accepts"]
    assert (await zentalk("invite", "create", "--uses", "0")).code == 2
    assert (await zentalk("invite", "create", "--days", "0")).code == 2


async def test_a_code_fits_a_small_terminal(zentalk: Command, node: FakeNode) -> None:
    link = (await zentalk("invite", "create")).out
    for shown in (
        await zentalk("invite", "show"),
        await zentalk("invite", "show", node.first_contact.invites.made[0].invite.id),
    ):
        lines = shown.out.splitlines()
        assert lines[-1] + "\n" == link
        assert len(lines) <= LINES
        assert {len(line) for line in lines[:-1]} == {45}
        assert max(map(len, lines[:-1])) <= COLUMNS
        assert set("".join(lines[:-1])) == set(" \u2580\u2584\u2588")
    both = await zentalk("invite", "create", "--qr")
    assert len(both.out.splitlines()) == LINES


async def test_they_are_listed_and_revoked(zentalk: Command, node: FakeNode) -> None:
    made = node.first_contact.invites
    await made.create("evil\x1b[2J", max_uses=1, lifetime_seconds=5.0, accepts=True)
    await zentalk("invite", "create", "--ask")
    listed = await zentalk("invite", "list")
    first, second = listed.out.splitlines()
    assert first.startswith(f"{1:016x}  open           0/1  ")
    assert "\x1b" not in first
    assert second.endswith("(asks first)")
    assert len(json.loads((await zentalk("invite", "list", "--json")).out)) == 2
    assert await zentalk("invite", "revoke", f"{1:016x}") == Result(0, "", "")
    ended = await zentalk("invite", "show", f"{1:016x}")
    assert (ended.code, ended.out) == (1, "")
    assert "revoked" in ended.err
    assert (await zentalk("invite", "revoke", "nobody")).code == 1
    await zentalk("invite", "revoke", f"{2:016x}")
    assert "zentalk invite create" in (await zentalk("invite", "show")).err


async def test_a_contact_is_added_by_a_link(zentalk: Command, node: FakeNode) -> None:
    added = await zentalk("contact", "add", LINK, "Bob")
    assert added == Result(0, f"{BOBS}  contact  Bob\n", "")
    assert node.tickets == [b"s" * 16]
    torn = await zentalk("contact", "add", LINK[:-2])
    assert (torn.code, "copy it again" in torn.err) == (2, True)
    for command in (("message", "send", LINK, "hello"), ("contact", "verify", LINK)):
        refused = await zentalk(*command)
        assert (refused.code, "zentalk contact add LINK" in refused.err) == (2, True)


async def test_two_contacts_are_introduced(zentalk: Command, node: FakeNode) -> None:
    await node.add_contact(BOB, "Bob")
    await node.add_contact(STRANGER, "Carol")
    done = await zentalk("contact", "introduce", "Bob", "Carol", "--name", "Bob", "--to-name", "C")
    assert done == Result(0, "", "")
    assert node.first_contact.introductions.asked == [(BOB, STRANGER, "Bob", "C")]
    assert (await zentalk("contact", "introduce", "Bob", "Dave")).code == 1


async def test_who_was_introduced_is_listed(zentalk: Command, node: FakeNode) -> None:
    await node.add_contact(BOB, "Bob")
    strangers = format_address(STRANGER)
    node.first_contact.introductions.known = [StoredIntroduction(strangers, "Carol", BOBS, 5.0)]
    listed = await zentalk("contact", "introduced")
    assert listed.out == f"{strangers}  Carol  (introduced by Bob)\n"
    assert json.loads((await zentalk("contact", "introduced", "--json")).out)[0]["at"] == 5.0
    dismissed = await zentalk("contact", "dismiss", strangers, "--json")
    assert json.loads(dismissed.out) == {"address": strangers}
    assert (await zentalk("contact", "introduced")).out == ""
    assert (await zentalk("contact", "dismiss", strangers)).code == 1


async def test_who_was_introduced_is_dismissed_by_name_unless_several_have_it(
    zentalk: Command, node: FakeNode
) -> None:
    strangers, introductions = format_address(STRANGER), node.first_contact.introductions
    introductions.known = [
        StoredIntroduction(strangers, "Carol", BOBS, 5.0),
        StoredIntroduction(BOBS, "Carol", strangers, 6.0),
    ]
    refused = await zentalk("contact", "dismiss", "Carol")
    assert (refused.code, "more than one, was introduced as 'Carol'" in refused.err) == (1, True)
    assert (await zentalk("contact", "dismiss", BOBS)).code == 0
    assert await zentalk("contact", "dismiss", "Carol") == Result(0, "", "")
    assert introductions.known == []
    gone = await zentalk("contact", "dismiss", "Carol")
    assert (gone.code, "see: zentalk contact introduced" in gone.err) == (1, True)


async def test_an_address_is_dismissed_though_somebody_is_called_so(
    zentalk: Command, node: FakeNode
) -> None:
    strangers, introductions = format_address(STRANGER), node.first_contact.introductions
    introductions.known = [
        StoredIntroduction(strangers, "Carol", BOBS, 5.0),
        StoredIntroduction(BOBS, strangers, BOBS, 6.0),
    ]
    assert (await zentalk("contact", "dismiss", strangers)).code == 0
    assert [one.address for one in introductions.known] == [BOBS]
