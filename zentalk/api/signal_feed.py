"""What one stream tells of signals: of each person and kind the newest that was not told yet.

However slow its client is, a stream owes it no more than that. A stream begins with who is writing
and there at the moment, so that a client which connects again knows it too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import trio

from zentalk.api.facade import NodeFacade
from zentalk.node.conversations.signal_board import SignalBoard, SignalChange
from zentalk.rest.signals import (
    PRESENCE_CHANGED,
    TYPING_CHANGED,
    PresenceBody,
    PresenceSignal,
    TypingBody,
    TypingSignal,
)
from zentalk.store.history.event_filter import EventFilter
from zentalk.wire.chat import TYPING
from zentalk.wire.text import format_address

_NONE: Final = 0


class SignalFeed:
    """Signals for one stream; without a board there are none."""

    def __init__(self, board: SignalBoard | None, wanted: EventFilter) -> None:
        self._board = board
        self._wanted = wanted
        self._told = _NONE

    def take(self) -> list[TypingSignal | PresenceSignal]:
        """Return what is to be told now, oldest first."""
        if self._board is None or self._board.number == self._told:
            return []
        changes = self._board.newest(self._told)
        if self._told == _NONE:
            changes = [change for change in changes if change.on]
        self._told = self._board.number
        return [_shown(change) for change in changes if self._takes(change)]

    async def wait_with(self, wait: Callable[[], Awaitable[None]]) -> None:
        """Return once there may be something to take, or something else that is waited for."""
        if self._board is None:
            await wait()
            return
        board, told = self._board, self._told
        async with trio.open_nursery() as nursery:

            async def first(one: Callable[[], Awaitable[None]]) -> None:
                await one()
                nursery.cancel_scope.cancel()

            nursery.start_soon(first, wait)
            nursery.start_soon(first, lambda: board.wait(told))

    def _takes(self, change: SignalChange) -> bool:
        kind = TYPING_CHANGED if change.kind == TYPING else PRESENCE_CHANGED
        return self._wanted.wants(kind, format_address(change.person))


def feed_of(node: NodeFacade, wanted: EventFilter, *, signals: bool) -> SignalFeed:
    """Return what a stream tells that wants signals, or none."""
    return SignalFeed(node.signals.board if signals else None, wanted)


def _shown(change: SignalChange) -> TypingSignal | PresenceSignal:
    who = format_address(change.person)
    if change.kind == TYPING:
        body = TypingBody(conversation=who, typing=change.on)
        return TypingSignal(type=TYPING_CHANGED, at=change.at, data=body)
    return PresenceSignal(
        type=PRESENCE_CHANGED, at=change.at, data=PresenceBody(conversation=who, present=change.on)
    )
