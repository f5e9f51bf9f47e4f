"""Both clients follow events with signals among them, and none of these moves their place."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import trio

from tests.api.double import BOB, FakeNode
from zentalk.client import AsyncClient, Client, Event, PresenceChanged, TypingChanged
from zentalk.net.runtime import Runtime
from zentalk.node.conversations.signal_board import SignalBoard
from zentalk.node.messages.effects import ReceivedSignal
from zentalk.wire.chat import PRESENCE, TYPING
from zentalk.wire.text import format_address

BOBS = format_address(BOB)


@pytest.fixture
def board(node: FakeNode) -> SignalBoard:
    board = SignalBoard(Runtime.real())
    node.signals = SimpleNamespace(board=board)
    return board


def begin(node: FakeNode, board: SignalBoard) -> None:
    node.emit("message.state", {"id": "a", "state": "sent", "conversation": BOBS})
    board.took_in([], [ReceivedSignal(BOB, PRESENCE, on=True)])


def check(there: Event, state: Event) -> None:
    assert isinstance(there, PresenceChanged)
    assert (there.seq, there.present, there.conversation, state.seq) == (0, True, BOBS, 1)


async def test_an_async_client_is_told(
    node: FakeNode, client: AsyncClient, board: SignalBoard
) -> None:
    begin(node, board)
    async with client.follow_events(signals=True) as events:
        check(await anext(events), await anext(events))
        board.took_in([], [ReceivedSignal(BOB, TYPING, on=True)])
        typing = await anext(events)
        assert isinstance(typing, TypingChanged)
        assert (typing.seq, typing.typing, events.last_seq) == (1, True, 1)


async def test_a_blocking_client_is_told(
    node: FakeNode, blocking: Client, board: SignalBoard
) -> None:
    begin(node, board)

    def first_two() -> list[Event]:
        events = blocking.follow_events(signals=True)
        found = [next(events), next(events)]
        events.close()
        return found

    check(*await trio.to_thread.run_sync(first_two))


async def test_who_does_not_ask_gets_events_only(
    node: FakeNode, client: AsyncClient, board: SignalBoard
) -> None:
    begin(node, board)
    async with client.follow_events() as events:
        assert (await anext(events)).type == "message.state"
