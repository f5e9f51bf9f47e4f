"""Names instead of addresses, in every command that takes a person."""

from tests.api.double import BOB, OWNER, STRANGER, FakeNode
from tests.cli.conftest import Command
from zentalk.wire.text import format_address

BOBS = format_address(BOB)


async def test_a_name_stands_for_an_address(zentalk: Command, node: FakeNode) -> None:
    await node.add_contact(BOB, "Bob")
    for name in ("Bob", "bob", "BOB"):
        assert (await zentalk("message", "send", name, "hello")).code == 0
    assert {message.conversation for message in node.sent} == {BOBS}
    by_word = await zentalk("message", "list", "Bob")
    assert len(by_word.out.splitlines()) == 3
    assert by_word == await zentalk("message", "list", "--with", "bob")
    assert (await zentalk("contact", "accept", "Bob")).code == 0


async def test_an_address_that_was_pasted_with_spaces_around_it(
    zentalk: Command, node: FakeNode
) -> None:
    assert (await zentalk("contact", "add", f" {BOBS}\n", "Bob")).code == 0
    assert (await zentalk("message", "send", f"{BOBS} ", "hello")).code == 0
    assert [message.conversation for message in node.sent] == [BOBS]
    ended = await zentalk("message", "send", BOBS[:3] + BOBS[3:].upper(), "hello")
    assert (ended.code, "capital letters" in ended.err) == (2, True)


async def test_nobody_of_that_name(zentalk: Command, node: FakeNode) -> None:
    node.request(STRANGER)  # Its name is empty, and nothing typed stands for that.
    ended = await zentalk("message", "send", "Carol", "hello")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        "zentalk: no contact or group is called 'Carol'; see: zentalk contact list\n"
    )
    assert (await zentalk("message", "send", "", "hello")).code == 2
    assert node.sent == []


async def test_an_ambiguous_name_lists_who_may_be_meant_and_sends_nothing(
    zentalk: Command, node: FakeNode
) -> None:
    await node.add_contact(BOB, "Bob")
    await node.add_contact(OWNER, "Bob")
    for name in ("Bob", "bob"):
        ended = await zentalk("message", "send", name, "hello")
        assert ended.code == 1
        assert "any of 2 people" in ended.err
        assert BOBS in ended.err
        assert format_address(OWNER) in ended.err
    assert node.sent == []


async def test_exact_capitals_decide(zentalk: Command, node: FakeNode) -> None:
    await node.add_contact(BOB, "Bob")
    await node.add_contact(OWNER, "bob")
    assert (await zentalk("message", "send", "Bob", "hello")).code == 0
    assert node.sent[0].conversation == BOBS
    assert (await zentalk("message", "send", "BOB", "hello")).code == 1


async def test_no_name_stands_in_for_an_address(zentalk: Command, node: FakeNode) -> None:
    await node.add_contact(OWNER, BOBS)
    await node.add_contact(OWNER, "zt1nonsense")
    assert (await zentalk("message", "send", BOBS, "hello")).code == 0
    assert node.sent[0].conversation == BOBS
    assert (await zentalk("message", "send", "zt1nonsense", "hello")).code == 2
    assert len(node.sent) == 1


async def test_a_name_cannot_drive_the_terminal(zentalk: Command, node: FakeNode) -> None:
    await node.add_contact(BOB, "bob\x1b[2J")
    await node.add_contact(OWNER, "BOB\x1b[2J")
    ended = await zentalk("message", "send", "Bob\x1b[2J", "hello")
    assert "any of 2 people" in ended.err
    assert "\x1b" not in ended.err
