"""`message watch` and `conversation list`: what comes, and what was read."""

import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest
import trio

from tests.api.double import BOB, OWNER, STRANGER, FakeNode
from tests.cli.conftest import Command, Result
from zentalk.cli.names import short
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.conversations.signal_board import SignalBoard
from zentalk.node.messages.effects import ReceivedSignal
from zentalk.store.history.models import Direction, MessageState, StoredConversation, StoredMessage
from zentalk.wire.chat import PRESENCE
from zentalk.wire.text import format_address

BOBS = format_address(BOB)
STRANGERS = format_address(STRANGER)


def message(text: str, address: str = BOBS, direction: Direction = Direction.IN) -> StoredMessage:
    state = MessageState.RECEIVED if direction is Direction.IN else MessageState.QUEUED
    return StoredMessage("1" * 32, 1, address, direction, "text", text, state, "", 1000.0)


async def watched(
    zentalk: Command,
    node: FakeNode,
    *messages: StoredMessage,
    read: int,
    pause: float = 0.0,
    options: tuple[str, ...] = (),
) -> Result:
    """Watch, let messages happen once the stream is open, and stop when `read` were read."""
    ended: list[Result] = []
    opened, all_read = trio.Event(), trio.Event()
    wait_events, mark_read = node.wait_events, node.mark_read

    async def watch() -> None:
        ended.append(await zentalk("message", "watch", *options))

    async def wait(after: int) -> None:
        opened.set()
        await wait_events(after)

    async def mark(address: UserAddress, up_to: int | None = None) -> None:
        await mark_read(address, up_to)
        if len(node.read) == read:
            all_read.set()

    node.wait_events = wait  # type: ignore[method-assign]
    node.mark_read = mark  # type: ignore[method-assign]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        await opened.wait()
        for each in messages:
            came = each.direction is Direction.IN
            node.emit("message.received" if came else "message.created", asdict(each))
            await trio.sleep(pause)
        with trio.fail_after(30):
            await all_read.wait()
        node.stop()
    return ended[0]


async def test_new_messages_are_shown_with_their_writer_and_count_as_read(
    zentalk: Command, node: FakeNode
) -> None:
    await node.add_contact(BOB, "Bob")
    for number in range(700):
        node.emit("message.received", asdict(message(f"old {number}")))
    own = message("mine", direction=Direction.OUT)
    ended = await watched(zentalk, node, message("hello"), own, message("hi", STRANGERS), read=2)
    shown = [line.split(" ", 2)[2] for line in ended.out.splitlines()]
    assert shown == [
        "< Bob: hello  (received)",
        "> Bob: mine  (queued)",
        f"< {STRANGERS}: hi  (received)",
    ]
    assert node.read == [BOB, STRANGER]
    assert (ended.code, ended.err) == (1, "zentalk: the API node has stopped\n")


async def test_a_connection_that_the_node_gave_up_meanwhile_ends_nothing(
    zentalk: Command, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zentalk.web.connection.KEEP_ALIVE_SECONDS", 0.05)
    await node.add_contact(BOB, "Bob")
    ended = await watched(zentalk, node, message("one"), message("two"), read=2, pause=0.4)
    assert len(ended.out.splitlines()) == 2
    assert ended.err == "zentalk: the API node has stopped\n"


async def test_one_person_only_and_as_json(zentalk: Command, node: FakeNode) -> None:
    await node.add_contact(BOB, "Bob")
    both = (message("hi", STRANGERS), message("hello"))
    ended = await watched(zentalk, node, *both, read=1, options=("Bob", "--json"))
    assert [json.loads(line)["text"] for line in ended.out.splitlines()] == ["hello"]
    assert node.read == [BOB]


async def test_in_a_group_each_line_names_its_author(zentalk: Command, node: FakeNode) -> None:
    await node.add_contact(BOB, "Bob")
    crew = node.groups.put(OWNER, "Crew\x1b[2J")
    lines = [
        replace(message("hi", crew), author=BOBS),
        replace(message("hello", crew), author=STRANGERS),
        message("mine", crew, Direction.OUT),
        replace(message("alone"), author=BOBS),
    ]
    ended = await watched(zentalk, node, *lines, read=3)
    shown = [line.split(" ", 2)[2] for line in ended.out.splitlines()]
    group = "Crew\N{REPLACEMENT CHARACTER}[2J"
    assert shown == [
        f"< {group}: Bob: hi  (received)",
        f"< {group}: {short(STRANGERS)}: hello  (received)",
        f"> {group}: mine  (queued)",
        "< Bob: alone  (received)",
    ]
    assert node.read == [OWNER, OWNER, BOB]


async def test_conversations_show_what_is_unread(
    zentalk: Command, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def conversations() -> list[StoredConversation]:
        return [
            StoredConversation(BOBS, "Bob", "x" * 100, 1000.0, 3),
            StoredConversation(STRANGERS, "", "hi\x1b[2J", 900.0, 0),
        ]

    monkeypatch.setattr(node, "conversations", conversations)
    lines = (await zentalk("conversation", "list")).out.splitlines()
    assert "3 unread" in lines[0]
    assert f"Bob: {'x' * 59}\N{HORIZONTAL ELLIPSIS}" in lines[0]
    assert "unread" not in lines[1]
    assert f"{STRANGERS}: hi" in lines[1]
    assert "\x1b" not in lines[1]
    shown = json.loads((await zentalk("conversation", "list", "--json")).out)
    assert [each["unread"] for each in shown] == [3, 0]


async def test_listing_a_conversation_reads_what_came_in_and_only_then(
    zentalk: Command, node: FakeNode
) -> None:
    await node.send_text(BOB, "mine")
    assert (await zentalk("message", "list", BOBS)).code == 0
    assert node.read == []
    node.sent.append(replace(message("theirs"), seq=2))
    assert (await zentalk("message", "list", BOBS)).code == 0
    assert node.read == [BOB]


async def test_looking_back_reads_nothing(zentalk: Command, node: FakeNode) -> None:
    node.sent += [
        replace(message(text), seq=seq, author=BOBS) for seq, text in ((1, "a"), (2, "b"))
    ]
    looked = await zentalk("message", "list", BOBS, "--before", "last")
    assert (looked.code, "< a" in looked.out, "< b" in looked.out) == (0, True, False)
    assert node.read == []
    assert (await zentalk("message", "list", BOBS)).code == 0
    assert node.read == [BOB]


@pytest.mark.parametrize("as_json", [False, True])
async def test_who_is_writing_and_who_is_there_is_shown_to_who_asks(
    zentalk: Command, node: FakeNode, as_json: bool
) -> None:
    await node.add_contact(BOB, "Bob")
    board = SignalBoard(Runtime.real())
    node.signals = SimpleNamespace(board=board)
    board.took_in([], [ReceivedSignal(BOB, PRESENCE, on=True)])
    options = ("--signals", "--json") if as_json else ("--signals",)
    shown = await watched(zentalk, node, message("hello"), read=1, options=options)
    there, said = shown.out.splitlines()
    if as_json:
        assert json.loads(there)["data"] == {"conversation": BOBS, "present": True}
        assert json.loads(said)["text"] == "hello"
        return
    assert there.endswith(" - Bob is there")
    assert said.endswith("< Bob: hello  (received)")
