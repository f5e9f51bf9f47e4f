"""`contact` and `message` against a running REST whose node has no network."""

import io
import json
import sys
from pathlib import Path

import pytest

from tests.api.double import BOB, OWNER, FakeNode
from tests.cli.conftest import Command, Result
from zentalk.errors import UnavailableError
from zentalk.node.status import LossyRelay, NodeStatus
from zentalk.store.history.models import ContactState, StoredContact
from zentalk.wire.text import format_address

BOBS = format_address(BOB)


async def test_add_accept_and_list(zentalk: Command, node: FakeNode) -> None:
    added = await zentalk("contact", "add", BOBS, "--name", "Bob")
    assert added == Result(0, f"{BOBS}  contact  Bob\n", "")
    node.request(OWNER)
    own = format_address(OWNER)
    listed = await zentalk("contact", "list")
    assert listed.out == f"{BOBS}  contact  Bob\n{own}  request\n"
    assert (await zentalk("contact", "accept", own)).out == f"{own}  contact\n"
    renamed = await zentalk("contact", "accept", own, "--name", "Me")
    assert renamed.out == f"{own}  contact  Me\n"
    as_json = json.loads((await zentalk("contact", "list", "--json")).out)
    assert [(c["address"], c["name"]) for c in as_json] == [(BOBS, "Bob"), (own, "Me")]


async def test_accept_nobody(zentalk: Command) -> None:
    assert (await zentalk("contact", "accept", BOBS)).code == 1


async def test_send_prints_id_and_state(zentalk: Command, node: FakeNode) -> None:
    sent = await zentalk("message", "send", "--to", BOBS, "hello")
    assert sent == Result(0, f"{node.sent[0].id} queued\n", "")
    as_json = json.loads((await zentalk("message", "send", "--to", BOBS, "--json", "again")).out)
    assert (as_json["text"], as_json["state"]) == ("again", "queued")


async def test_a_text_from_standard_input(
    zentalk: Command, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("grüß\ndich\n".encode())))
    assert (await zentalk("message", "send", "--to", BOBS)).code == 0
    assert node.sent[0].text == "grüß\ndich"
    for nothing in (b"", b"\n", b"\xff"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(nothing)))
        assert (await zentalk("message", "send", "--to", BOBS)).code == 2


@pytest.mark.parametrize(
    ("wanted", "reached"), [("sent", "sent"), ("sent", "delivered"), ("delivered", "delivered")]
)
async def test_waiting_for_a_state(
    zentalk: Command, node: FakeNode, monkeypatch: pytest.MonkeyPatch, wanted: str, reached: str
) -> None:
    asked = 0
    message = node.message

    async def message_later(message_id: str, _where: object):  # type: ignore[no-untyped-def]
        nonlocal asked
        asked += 1
        if asked == 2:
            node.set_state(message_id, reached)
        return await message(message_id)

    monkeypatch.setattr(node, "message", message_later)
    sent = await zentalk("message", "send", "--to", BOBS, "--wait", wanted, "hello")
    assert sent.out == f"{node.sent[0].id} {reached}\n"
    assert asked == 2


async def test_waiting_in_vain(zentalk: Command, node: FakeNode) -> None:
    command = ("message", "send", "--to", BOBS, "--wait", "sent", "--timeout", 0, "hello")
    ended = await zentalk(*command)
    assert ended.code == 1
    assert "still queued" in ended.err
    assert len(node.sent) == 1


async def test_a_message_that_failed(
    zentalk: Command, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = node.message

    async def message_failed(message_id: str, _where: object):  # type: ignore[no-untyped-def]
        node.set_state(message_id, "failed")
        return await message(message_id)

    monkeypatch.setattr(node, "message", message_failed)
    ended = await zentalk("message", "send", "--to", BOBS, "--wait", "sent", "hello")
    assert ended.code == 1
    assert "failed" in ended.err


async def test_list_a_conversation(zentalk: Command, node: FakeNode) -> None:
    for number in range(3):
        await node.send_text(BOB, f"m{number}")
    lines = (await zentalk("message", "list", "--with", BOBS)).out.splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == [f"> m{n}  (queued)" for n in range(3)]
    as_json = (await zentalk("message", "list", "--with", BOBS, "--limit", 2, "--json")).out
    assert [message["text"] for message in json.loads(as_json)] == ["m1", "m2"]


async def test_a_long_conversation_is_paged(zentalk: Command, node: FakeNode) -> None:
    for number in range(2100):
        await node.send_text(BOB, f"m{number}")
    listed = await zentalk("message", "list", "--with", BOBS, "--limit", 5000, "--json")
    assert [message["text"] for message in json.loads(listed.out)] == [
        f"m{number}" for number in range(2100)
    ]


async def test_what_others_wrote_cannot_drive_the_terminal(
    zentalk: Command, node: FakeNode
) -> None:
    evil = "\x1b]0;owned\x07\x9b31m\u202eevil\r\n\ttext"
    await node.send_text(BOB, evil)
    node.known[BOBS] = StoredContact(BOBS, evil, ContactState.REQUEST, 0.0)
    for command in (["message", "list", "--with", BOBS], ["contact", "list"]):
        plain = await zentalk(*command)
        assert len(plain.out.splitlines()) == 1
        assert plain.out.removesuffix("\n").isprintable()
        assert "evil" in plain.out
        as_json = await zentalk(*command, "--json")
        assert as_json.out.replace("\n", "").isprintable()
        assert as_json.out.isascii()


async def test_errors_of_the_node(zentalk: Command, node: FakeNode) -> None:
    too_long = await zentalk("message", "send", "--to", BOBS, "x" * 65537)
    assert (too_long.code, too_long.out) == (1, "")
    assert "65,536" in too_long.err
    node.failure = UnavailableError("fewer than three relays are alive")
    failed = await zentalk("contact", "list")
    assert failed.err == "zentalk: fewer than three relays are alive\n"
    node.failure = RuntimeError("a bug")
    assert "internal error" in (await zentalk("contact", "list")).err


async def test_another_node_at_that_address(zentalk: Command, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x" * 43)
    ended = await zentalk("contact", "list")
    assert f"zentalk api run --dir {tmp_path}" in ended.err


async def test_names_and_texts_of_several_words_need_no_quotes(
    zentalk: Command, node: FakeNode
) -> None:
    added = await zentalk("contact", "add", BOBS, "Bob", "Smith")
    assert added == Result(0, f"{BOBS}  contact  Bob Smith\n", "")
    assert (await zentalk("message", "send", "--to", "Bob Smith", "hello", "there")).code == 0
    assert (await zentalk("contact", "add", BOBS, "--name", "Bob")).code == 0
    assert (await zentalk("message", "send", "Bob", "hello", "--", "-there", "--json")).code == 0
    assert [message.text for message in node.sent] == ["hello there", "hello -there --json"]
    assert (await zentalk("device", "add", "my", "phone")).code == 0
    assert node.devices.listing()[0].name == "my phone"


async def test_devices(zentalk: Command, node: FakeNode) -> None:
    added = await zentalk("device", "add", "phone")
    assert added == Result(0, "device-token-1\n", "")
    assert (await zentalk("device", "add", "tv", "--scope", "everything")).code == 2
    await zentalk("device", "add", "tv", "--scope", "read")
    assert (await zentalk("device", "list")).out.splitlines()[1].split()[1] == "read"
    await zentalk("device", "revoke", "tv")
    listed = await zentalk("device", "list")
    assert listed.out == "0000000000000001  write  never       phone\n"
    node.attendance.seen["0000000000000001"] = 1.0
    assert (await zentalk("device", "list")).out.split()[2] == "connected"
    refused = await zentalk("device", "revoke", "00")
    assert refused.code == 1
    assert refused.err == "zentalk: no device has the name or id '00'; see: zentalk device list\n"
    assert await zentalk("device", "revoke", "0000000000000001") == Result(0, "", "")
    assert json.loads((await zentalk("device", "list", "--json")).out) == []


async def test_a_device_is_revoked_by_its_name_too(zentalk: Command, node: FakeNode) -> None:
    await zentalk("device", "add", "my phone")
    await zentalk("device", "add", "0000000000000001")  # An id comes before such a name.
    assert await zentalk("device", "revoke", "my", "phone") == Result(0, "", "")
    assert [device.name for device in node.devices.listing()] == ["0000000000000001"]
    assert (await zentalk("device", "revoke", "my phone")).code == 1


async def test_mailboxes(zentalk: Command) -> None:
    listed = await zentalk("mailbox", "list")
    assert listed.out == f"{0:016x}  {'current':24}  zt-relay:x@r:9001\n"
    moved = await zentalk("mailbox", "move")
    assert moved.out.splitlines()[1] == f"{0:016x}  left, polled to 1970-01-01  (unknown relay)"
    refused = await zentalk("mailbox", "move", "00")
    assert (refused.code, refused.err[:30]) == (1, "zentalk: there is no current m")
    assert await zentalk("mailbox", "move", f"{1:016x}") != refused
    shown = json.loads((await zentalk("mailbox", "list", "--json")).out)
    assert [mailbox["current"] for mailbox in shown] == [True, False, False]


async def test_network_status(zentalk: Command, node: FakeNode) -> None:
    shown = (await zentalk("network", "status")).out.splitlines()
    assert shown[0].split() == ["ready", "yes" if node.status().ready else "no"]
    assert any(line.split()[:2] == ["tunnels", node.status().tunnels] for line in shown)
    as_json = json.loads((await zentalk("network", "status", "--json")).out)
    assert as_json["tunnels"] == node.status().tunnels


async def test_network_status_names_relays_that_lose_packets(
    zentalk: Command, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = LossyRelay("zt-relay:abc@host\x1b:9001", "middle", 12, 20)
    real = NodeStatus(True, 6, 2, 2, "full", ("a note",), lossy_relays=(bad,), profile="strong")
    monkeypatch.setattr(node, "status", lambda: real)
    shown = (await zentalk("network", "status")).out
    assert "12 of 20" in shown
    assert "middle" in shown
    assert "a note" in shown
    assert "strong" in shown
    assert "\x1b" not in shown
