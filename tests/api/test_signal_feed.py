"""Signals in the streams of events: for who wants them, without numbers, the newest of each."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import trio
from starlette.types import Message
from trio.testing import MockClock

from tests.api.double import BOB, STRANGER, TOKEN, FakeNode
from tests.api.socket_client import open_socket
from tests.web.served import served
from zentalk.api.app import create_app
from zentalk.api.event_query import StreamQuery
from zentalk.api.signal_feed import SignalFeed
from zentalk.api.stream import EventStream
from zentalk.ids import UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.conversations.signal_board import SignalBoard
from zentalk.node.messages.effects import ReceivedSignal
from zentalk.rest.signals import SIGNAL_BODIES, PresenceSignal, TypingSignal
from zentalk.store.history.event_filter import EVERYTHING, EventFilter
from zentalk.wire.chat import PRESENCE, TYPING
from zentalk.wire.text import format_address

BOBS, CAROLS = format_address(BOB), format_address(STRANGER)
NOW = 1_800_000_000.0


class Board(SignalBoard):
    """A board that is told by the test."""

    def says(self, person: UserAddress, kind: str, *, on: bool) -> None:
        self.took_in([], [ReceivedSignal(person, kind, on)])


@pytest.fixture
def board(node: FakeNode) -> Board:
    board = Board(Runtime.virtual(1, NOW))
    node.signals = SimpleNamespace(board=board)
    return board


class Reader:
    """The other end of a stream, which may take nothing for a while."""

    def __init__(self) -> None:
        self.frames: list[str] = []
        self.takes = trio.Event()
        self.takes.set()

    async def receive(self) -> Message:
        await trio.sleep_forever()
        raise AssertionError

    async def send(self, message: Message) -> None:
        await self.takes.wait()
        self.frames += message.get("body", b"").decode().split("\n\n")[:-1]

    @property
    def told(self) -> list[tuple[str, Any]]:
        """The lines of data, as type and what is on."""
        lines = [line for frame in self.frames for line in frame.split("\n")]
        data = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
        return [(one["type"], list(one["data"].values())) for one in data]


async def test_a_stream_tells_signals_between_events_and_without_a_number(
    node: FakeNode, board: Board, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    reader = Reader()
    stream = EventStream(node, 0, node.stopping, signals=True)
    nursery.start_soon(stream, {}, reader.receive, reader.send)
    await trio.sleep(1)
    board.says(BOB, TYPING, on=True)
    await trio.sleep(1)
    node.emit("message.state", {"id": "a"})
    await trio.sleep(1)
    board.says(BOB, TYPING, on=False)
    board.says(BOB, PRESENCE, on=True)
    await trio.sleep(1)
    assert reader.told == [
        ("conversation.typing", [BOBS, True]),
        ("message.state", ["a"]),
        ("conversation.typing", [BOBS, False]),
        ("conversation.presence", [BOBS, True]),
    ]
    numbered = [frame for frame in reader.frames if "id: " in frame]
    assert len(numbered) == 1
    assert len(node.log) == 1
    nursery.cancel_scope.cancel()


async def test_without_asking_nobody_is_told(
    node: FakeNode, board: Board, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    reader = Reader()
    nursery.start_soon(EventStream(node, 0, node.stopping), {}, reader.receive, reader.send)
    await trio.sleep(1)
    board.says(BOB, TYPING, on=True)
    await trio.sleep(1)
    assert reader.told == []
    nursery.cancel_scope.cancel()


async def test_a_slow_client_gets_only_the_newest_of_each_person(
    node: FakeNode, board: Board, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    reader = Reader()
    stream = EventStream(node, 0, node.stopping, signals=True)
    nursery.start_soon(stream, {}, reader.receive, reader.send)
    await trio.sleep(1)
    board.says(BOB, PRESENCE, on=True)
    await trio.sleep(1)
    reader.takes = trio.Event()
    for _ in range(1000):
        for on in (True, False):
            board.says(BOB, TYPING, on=on)
            board.says(STRANGER, TYPING, on=on)
    board.says(BOB, PRESENCE, on=False)
    reader.takes.set()
    await trio.sleep(1)
    assert reader.told == [
        ("conversation.presence", [BOBS, True]),
        ("conversation.typing", [BOBS, False]),
        ("conversation.typing", [CAROLS, False]),
        ("conversation.presence", [BOBS, False]),
    ]
    nursery.cancel_scope.cancel()


async def test_a_stream_begins_with_who_is_there_now_and_repeats_nothing(
    board: Board, autojump_clock: MockClock
) -> None:
    board.says(BOB, TYPING, on=True)
    board.says(BOB, TYPING, on=False)
    board.says(STRANGER, PRESENCE, on=True)
    feed = SignalFeed(board, EVERYTHING)
    (there,) = feed.take()
    assert isinstance(there, PresenceSignal)
    assert (there.data.conversation, there.at) == (CAROLS, NOW)
    assert feed.take() == []


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (EVERYTHING, 3),
        (EventFilter(("conversation.",)), 3),
        (EventFilter(("conversation.typing",)), 2),
        (EventFilter(("message.",)), 0),
        (EventFilter((), BOBS), 2),
        (EventFilter(("conversation.typing",), CAROLS), 1),
    ],
)
async def test_filters_hold_for_signals_too(
    board: Board, autojump_clock: MockClock, wanted: EventFilter, count: int
) -> None:
    feed = SignalFeed(board, wanted)
    board.says(BOB, TYPING, on=True)
    board.says(BOB, PRESENCE, on=True)
    board.says(STRANGER, TYPING, on=True)
    assert len(feed.take()) == count


async def test_a_socket_tells_them_too(
    node: FakeNode, board: Board, autojump_clock: MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with (
        served(create_app(node, TOKEN, node.stopping)) as server,
        open_socket(server.port, "?signals=true&conversation=" + BOBS) as client,
    ):
        board.says(STRANGER, TYPING, on=True)
        board.says(BOB, TYPING, on=True)
        told = await client.message()
        assert told.pop("at") >= NOW
        assert told == {
            "type": "conversation.typing",
            "data": {"conversation": BOBS, "typing": True},
        }
        node.emit("message.state", {"conversation": BOBS})
        assert (await client.message())["seq"] == 1
        board.says(BOB, TYPING, on=False)
        assert not (await client.message())["data"]["typing"]


async def test_the_openapi_document_describes_them(rest: httpx.AsyncClient) -> None:
    document = (await rest.get("/v1/openapi.json")).json()
    answer = document["paths"]["/v1/events/stream"]["get"]["responses"]["200"]
    events, *signals = answer["content"]["text/event-stream"]["x-item-schema"]["anyOf"]
    assert "message.received" in events["discriminator"]["mapping"]
    types = set()
    for one in signals:
        schema = document["components"]["schemas"][one["$ref"].rpartition("/")[2]]
        types.add(schema["properties"]["type"]["const"])
        body = schema["properties"]["data"]["$ref"].rpartition("/")[2]
        assert "conversation" in document["components"]["schemas"][body]["properties"]
        assert "seq" not in schema["properties"]
    assert types == set(SIGNAL_BODIES)
    assert {TypingSignal.__name__, PresenceSignal.__name__} <= document["components"][
        "schemas"
    ].keys()


def test_what_is_no_answer_to_whether_signals_are_wanted_is_refused() -> None:
    assert StreamQuery.model_validate({"signals": "true"}).signals
    with pytest.raises(ValueError, match="signals"):
        StreamQuery.model_validate({"signals": "perhaps"})
