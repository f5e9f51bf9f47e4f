"""The iterative lookup: asks ever nearer relays over disjoint paths.

Spec: docs/spec/directory.md section 5; S/Kademlia (Baumgart and Mies, 2007) section 4.4.
A relay is asked by one path only, so that one liar misleads one path. The lookup never
believes that a relay exists because another said so: only those that answered are in the
result. Events go in, commands come out; a request that nobody answered for a second is
hedged with the next one, and its late response is still taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from zentalk.directory.candidates import Candidates
from zentalk.directory.distance import xor_distance
from zentalk.directory.events import TimePassed
from zentalk.directory.table import BUCKET_SIZE
from zentalk.ids import NodeId

ALPHA: Final = 3
"""Questions in flight over the whole lookup, hedged ones not counted."""
PATHS: Final = 3
HEDGE_SECONDS: Final = 1.0
GIVE_UP_SECONDS: Final = 5.0
MAX_QUESTIONS: Final = 200
"""A liar can always name nearer ids; no honest network needs this many requests."""


@dataclass(frozen=True, slots=True)
class Started:
    """Begin with the relays known already."""

    seeds: Sequence[NodeId]


@dataclass(frozen=True, slots=True)
class Answered:
    """A relay answered with the nearest relays it knows (already bounded and verified)."""

    node_id: NodeId
    nearest: Sequence[NodeId]


@dataclass(frozen=True, slots=True)
class Failed:
    """A relay could not be reached or answered nonsense."""

    node_id: NodeId


Event: TypeAlias = Started | Answered | Failed | TimePassed


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask this relay for the nearest it knows to the target."""

    node_id: NodeId


@dataclass(frozen=True, slots=True)
class FinishLookup:
    """The lookup is over: the nearest relays that answered, nearest first."""

    nearest: tuple[NodeId, ...]


Command: TypeAlias = Ask | FinishLookup


@dataclass(slots=True)
class _Pending:
    path: Candidates
    hedge_at: float
    dead_at: float


class Lookup:
    """One lookup of a 32-byte target; `now` is monotonic seconds.

    `width` is how many nearest relays the caller wants (k); `own` is never asked.
    """

    def __init__(
        self,
        target: bytes,
        own: NodeId,
        *,
        width: int = BUCKET_SIZE,
        alpha: int = ALPHA,
        paths: int = PATHS,
    ) -> None:
        self._target, self._width, self._alpha = target, width, alpha
        self._paths = [Candidates(target, width) for _ in range(paths)]
        self._answered: set[NodeId] = set()
        self._claimed: set[NodeId] = {own}
        self._open: dict[NodeId, _Pending] = {}
        self._late: dict[NodeId, Candidates] = {}
        self._asked = 0
        self._turn = 0
        self.finished = False

    def handle(self, event: Event, now: float) -> list[Command]:
        """Take one event; returns what to ask next, or the end of the lookup."""
        if self.finished:
            return []
        if isinstance(event, Started):
            for number, seed in enumerate(event.seeds):
                self._paths[number % len(self._paths)].push_ids([seed])
        elif isinstance(event, Answered):
            self._take_response(event)
        elif isinstance(event, Failed):
            self._drop(event.node_id)
        return self._advance(now)

    def next_deadline(self) -> float | None:
        """Return when `TimePassed` must be handled, or None if only responses are awaited."""
        times = [
            request.hedge_at if request.hedge_at > 0 else request.dead_at
            for request in self._open.values()
        ]
        return min(times, default=None)

    def _take_response(self, event: Answered) -> None:
        request = self._open.pop(event.node_id, None)
        path = request.path if request else self._late.pop(event.node_id, None)
        if path is None:
            return
        self._answered.add(event.node_id)
        path.push_ids(event.nearest, leave_out=self._claimed)

    def _drop(self, node_id: NodeId) -> None:
        request = self._open.pop(node_id, None)
        if request is None and self._late.pop(node_id, None) is None:
            return
        self._remove(node_id)

    def _remove(self, node_id: NodeId) -> None:
        """Make room in every path for the next nearest."""
        for path in self._paths:
            path.remove([node_id])

    def _advance(self, now: float) -> list[Command]:
        in_flight = self._count_in_flight(now)
        asks: list[Command] = []
        while in_flight < self._alpha and self._asked < MAX_QUESTIONS:
            chosen = self._next_candidate()
            if chosen is None:
                break
            node_id, path = chosen
            self._claimed.add(node_id)
            self._open[node_id] = _Pending(path, now + HEDGE_SECONDS, now + GIVE_UP_SECONDS)
            self._asked += 1
            in_flight += 1
            asks.append(Ask(node_id))
        if not asks and not self._open:
            self.finished = True
            return [FinishLookup(self._nearest_answered())]
        return asks

    def _nearest_answered(self) -> tuple[NodeId, ...]:
        ranked = sorted(self._answered, key=lambda one: xor_distance(one, self._target))
        return tuple(ranked[: self._width])

    def _count_in_flight(self, now: float) -> int:
        """Count requests still worth waiting for; move those given up aside."""
        in_flight = 0
        for node_id, request in list(self._open.items()):
            if request.dead_at <= now:
                del self._open[node_id]
                self._remove(node_id)
                self._late[node_id] = request.path
            elif request.hedge_at <= now:
                request.hedge_at = 0.0
            else:
                in_flight += 1
        return in_flight

    def _next_candidate(self) -> tuple[NodeId, Candidates] | None:
        """Take turns over the paths; each offers its nearest relay that no path has asked."""
        for _ in range(len(self._paths)):
            path = self._paths[self._turn]
            self._turn = (self._turn + 1) % len(self._paths)
            for node in path:
                if node.id not in self._claimed:
                    return NodeId(node.id), path
        return None
