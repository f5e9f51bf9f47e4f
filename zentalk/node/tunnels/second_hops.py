"""Over which guard and second hop a tunnel goes.

Spec: docs/spec/link.md section 10. Second hops come from the guard's sticky set and from
nowhere else, and a long-lived tunnel is rebuilt over the same ones: a relay that drops
tunnels on purpose must not make a node walk through the network. A tunnel never ends at
the guard it starts from, and passes no two relays of one operator or /16 where guards and
sticky sets allow it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from zentalk.crypto.types import Entropy
from zentalk.ids import NodeId
from zentalk.node.relays.scores import RelayScores
from zentalk.node.relays.view import RelayView
from zentalk.onion.draw import pick

MIN_FULL_RELAYS: Final = 6
"""From this many relays on a tunnel has a middle relay; below, status says `reduced`."""
_KEPT_ROUTES: Final = 64


@dataclass(frozen=True, slots=True)
class TunnelRoute:
    """A guard, and the relay between it and the tunnel's end (None in a small network)."""

    guard: NodeId
    middle: NodeId | None

    @property
    def relays(self) -> tuple[NodeId, ...]:
        """The relays before the end."""
        return (self.guard,) if self.middle is None else (self.guard, self.middle)


class SecondHops:
    """Chooses routes; remembers those of long-lived tunnels by the relay they end at."""

    def __init__(
        self, *, middles: Callable[[NodeId], Sequence[NodeId]], hints: RelayScores, entropy: Entropy
    ) -> None:
        self._middles = middles
        self._hints = hints
        self._entropy = entropy
        self._kept: dict[NodeId, TunnelRoute] = {}
        self.related = False
        """Whether the last route had to pass two relays of one operator or /16."""

    def choose(
        self, end: NodeId, guards: Sequence[NodeId], view: RelayView, now: float
    ) -> TunnelRoute | None:
        """Return a route to `end` over one of the connected `guards`; None if there is none."""
        routes = [
            TunnelRoute(guard, middle)
            for guard in guards
            if guard != end
            for middle in self._second_hops(guard, end, guards, view, now)
        ]
        if not routes:
            return None
        apart = [route for route in routes if not view.related((*route.relays, end))]
        self.related = not apart
        return pick(apart or routes, self._entropy)

    def choose_lasting(
        self, end: NodeId, guards: Sequence[NodeId], view: RelayView, now: float
    ) -> TunnelRoute | None:
        """Return the route of the last time if it still serves, else a new one, and keep it."""
        kept = self._kept.get(end)
        if (
            kept is not None
            and kept.guard in guards
            and kept.middle in self._second_hops(kept.guard, end, guards, view, now)
        ):
            return kept
        route = self.choose(end, guards, view, now)
        if route is not None:
            self._kept.pop(end, None)
            self._kept[end] = route
            if len(self._kept) > _KEPT_ROUTES:
                del self._kept[next(iter(self._kept))]
        return route

    def _second_hops(
        self, guard: NodeId, end: NodeId, guards: Sequence[NodeId], view: RelayView, now: float
    ) -> Sequence[NodeId | None]:
        """Return the second hops that serve now, those that look alive if there are any."""
        if len(view.relays) < MIN_FULL_RELAYS:
            return (None,)
        live = [m for m in self._middles(guard) if m in view.relays and m not in (guard, end)]
        apart = [m for m in live if m not in guards] or live
        return self._hints.prefer(apart, now) if apart else ()
