"""The clock of a shaped line: one packet per tick, whether there is mail or not.

Spec: docs/spec/onion.md section 13. Gaps are exponential and come from an entropy stream
of their own, so nothing that happens here, no message, ack or retry, can move a tick or choose its
guard. What waits for that guard goes first, one in four is a loop in any case, and the rest
is made up. It must never send outside a tick, and never let a tick pass because there is
nothing to send.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import trio

from zentalk.ids import NodeId
from zentalk.net.backoff import exponential
from zentalk.net.runtime import Runtime
from zentalk.node.profiles import Shape
from zentalk.onion.draw import below, pick

ROOM: Final = {False: 8, True: 2}
"""Packets of a class (large or not) that may wait; whoever has more keeps them and asks again."""
MAX_WAITING: Final = 64
KEPT_SECONDS: Final = 120.0
"""A packet is bound to its guard; after this long without a link it is dropped and repeated."""


@dataclass(frozen=True, slots=True)
class CoverPacket:
    """A packet for a guard; `left` is called when it goes."""

    guard: NodeId
    packet: bytes = field(repr=False)
    left: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class _Waiting:
    made: CoverPacket
    since: float


class Cover:
    """Ticks of both packet classes. `run` must be running for anything to leave.

    `guards` are those with a live link, `send` hands a packet to one, and `make` makes for
    one a loop (if asked for one) or a packet that is dropped at its end; None if there is no
    path.
    """

    def __init__(
        self,
        runtime: Runtime,
        shape: Shape,
        *,
        guards: Callable[[], Sequence[NodeId]],
        send: Callable[[NodeId, bytes], bool],
        make: Callable[[NodeId, bool, bool], CoverPacket | None],
    ) -> None:
        self._runtime = runtime
        self._shape = shape
        self._guards = guards
        self._send = send
        self._make = make
        self._waiting: dict[bool, deque[_Waiting]] = {False: deque(), True: deque()}

    def has_room(self, *, large: bool) -> bool:
        """Whether one more packet of a class should be made now."""
        return len(self._waiting[large]) < ROOM[large]

    def put(self, made: CoverPacket, *, large: bool) -> bool:
        """Let a packet wait for its tick; False if too many do."""
        queue = self._waiting[large]
        if len(queue) >= MAX_WAITING:
            return False
        queue.append(_Waiting(made, self._runtime.monotonic()))
        return True

    async def run(self) -> None:
        """Tick until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._ticks, False, self._shape.packet_seconds)
            nursery.start_soon(self._ticks, True, self._shape.large_packet_seconds)

    async def _ticks(self, large: bool, mean_seconds: float) -> None:
        entropy = self._runtime.for_part(f"ticks {large}").entropy
        at = self._runtime.monotonic()
        while True:
            at += exponential(mean_seconds, entropy)
            # After a sleep of the whole machine what was missed is not made up for.
            at = max(at, self._runtime.monotonic())
            await trio.sleep(at - self._runtime.monotonic())
            is_loop = not large and below(self._shape.loop_every, entropy) == 0
            guards = self._guards()
            if guards:
                self._tick(pick(guards, entropy), large=large, is_loop=is_loop)

    def _tick(self, guard: NodeId, *, large: bool, is_loop: bool) -> None:
        made = None if is_loop else self._next(guard, large=large)
        made = made or self._make(guard, large, is_loop)
        if made is not None and self._send(made.guard, made.packet):
            made.left()

    def _next(self, guard: NodeId, *, large: bool) -> CoverPacket | None:
        """Take the first packet that waits for this guard."""
        queue = self._waiting[large]
        oldest = self._runtime.monotonic() - KEPT_SECONDS
        for waiting in list(queue):
            if waiting.made.guard == guard:
                queue.remove(waiting)
                return waiting.made
            if waiting.since < oldest:
                queue.remove(waiting)
        return None
