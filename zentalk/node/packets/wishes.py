"""What a packet is to be, and what is known when it is made: only values, no rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from zentalk.ids import NodeId
from zentalk.node.relays.view import RelayView
from zentalk.node.tunnels.guard_selection import PathStart


class Outlook(NamedTuple):
    """What is known when a packet is made: relays, connected guards, and which look dead."""

    view: RelayView
    starts: tuple[PathStart, ...]
    suspects: frozenset[NodeId]
    now: float


class Wish(NamedTuple):
    """What a packet is to be: its end, and from which of the guards it may start, the best first.

    `avoid` stays out of the middle where possible. `alive` returns relays with a live link,
    whatever got lost over them; over the guards in `doubtful` packets get lost. A `length` of 0 is
    the usual one.
    """

    relay: NodeId
    starts: Sequence[PathStart]
    avoid: frozenset[NodeId] = frozenset()
    alive: Callable[[], Collection[NodeId]] = frozenset
    length: int = 0
    doubtful: frozenset[NodeId] = frozenset()

    def __repr__(self) -> str:
        return "<wish for a packet>"
