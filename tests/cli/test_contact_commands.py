"""`contact rename`, `verify`, `refuse`, `remove`, `block` and `unblock`."""

import json

from tests.api.double import BOB, OWNER, STRANGER, FakeNode
from tests.cli.conftest import Command, Result
from zentalk.session.safety import format_safety_number, safety_number
from zentalk.wire.text import format_address

BOBS = format_address(BOB)
NUMBER = format_safety_number(safety_number(OWNER, BOB))


async def test_rename(zentalk: Command, node: FakeNode) -> None:
    await node.add_contact(BOB, "Bob")
    renamed = await zentalk("contact", "rename", "Bob", "Bob", "Smith")
    assert renamed == Result(0, f"{BOBS}  contact  Bob Smith\n", "")
    assert (await zentalk("contact", "rename", "Bob", "Robert")).code == 1
    by_address = json.loads((await zentalk("contact", "rename", BOBS, "Bob", "--json")).out)
    assert by_address["name"] == "Bob"


async def test_renaming_accepts_and_adds_nobody(zentalk: Command, node: FakeNode) -> None:
    node.request(STRANGER)
    stranger = format_address(STRANGER)
    refused = await zentalk("contact", "rename", stranger, "Eve")
    assert refused.code == 1
    assert f"zentalk contact accept {stranger} NAME" in refused.err
    assert (await zentalk("contact", "rename", BOBS, "Bob")).code == 1
    assert [(c.state, c.name) for c in node.known.values()] == [("request", "")]


async def test_verify_prints_the_number_that_the_other_side_sees(
    zentalk: Command, node: FakeNode
) -> None:
    await node.add_contact(BOB, "Bob")
    assert (await zentalk("contact", "verify", "Bob")).out == f"{NUMBER}\n"
    assert format_safety_number(safety_number(BOB, OWNER)) == NUMBER
    as_json = json.loads((await zentalk("contact", "verify", BOBS, "--json")).out)
    assert (as_json["address"], " ".join(as_json["groups"])) == (BOBS, NUMBER)
    assert not node.known[BOBS].verified


async def test_verify_compares_and_marks(zentalk: Command, node: FakeNode) -> None:
    await node.add_contact(BOB, "Bob")
    for typed in (NUMBER.split(), [NUMBER], [NUMBER.replace(" ", "")]):
        same = await zentalk("contact", "verify", BOBS, *typed)
        assert (same.code, same.out.splitlines()[0]) == (0, "the numbers are the same")
        assert "verified since" in same.out
    assert (await zentalk("contact", "list")).out == f"{BOBS}  contact  Bob  (verified)\n"
    assert await zentalk("contact", "verify", "Bob", "--undo") == Result(0, "", "")
    assert (await zentalk("contact", "list")).out == f"{BOBS}  contact  Bob\n"
    assert NUMBER in (await zentalk("contact", "verify", "Bob", "--same")).out
    assert node.known[BOBS].verified
    other = format_safety_number(safety_number(OWNER, STRANGER))
    differs = await zentalk("contact", "verify", BOBS, other)
    assert (differs.code, differs.out) == (1, "")
    assert "the numbers differ" in differs.err


async def test_a_request_is_refused(zentalk: Command, node: FakeNode) -> None:
    node.request(STRANGER)
    stranger = format_address(STRANGER)
    assert await zentalk("contact", "refuse", stranger) == Result(0, "", "")
    assert (await zentalk("contact", "list")).out == f"{stranger}  refused\n"
    again = await zentalk("contact", "refuse", BOBS)
    assert (again.code, again.out) == (1, "")
    assert again.err.startswith("zentalk: ")


async def test_a_person_is_removed(zentalk: Command, node: FakeNode) -> None:
    await node.add_contact(BOB, "Bob")
    assert await zentalk("contact", "remove", "bob") == Result(0, "", "")
    assert (await zentalk("contact", "list")).out == ""
    gone = await zentalk("contact", "remove", BOBS)
    assert (gone.code, gone.out) == (1, "")


async def test_a_person_is_blocked_and_unblocked(zentalk: Command, node: FakeNode) -> None:
    await node.add_contact(BOB, "Bob")
    assert await zentalk("contact", "block", "Bob") == Result(0, f"{BOBS}  blocked\n", "")
    as_json = json.loads((await zentalk("contact", "block", BOBS, "--json")).out)
    assert as_json["state"] == "blocked"
    assert await zentalk("contact", "unblock", BOBS) == Result(0, "", "")
    assert (await zentalk("contact", "unblock", BOBS)).code == 1
    assert (await zentalk("contact", "block", "Carol")).code == 1
    assert (await zentalk("contact", "block", "zt1nonsense")).code == 2
