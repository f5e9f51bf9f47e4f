"""Over which relays a tunnel goes.

Spec: docs/spec/link.md section 10. The relay before the end is drawn first, from all relays, so
that it says nothing of who tunnels: afresh for each few questions, by `third_hops` for collection.
Guard and second hop are then chosen to fit. Second hops come from the guard's sticky set and from
nowhere else, and a long-lived tunnel is rebuilt over the same ones: a relay that drops tunnels on
purpose must not make a node walk through the network. A tunnel never ends at the guard it starts
from, and passes no two relays of one operator or /16 where guards and sticky sets allow it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from zentalk.crypto.types import Entropy
from zentalk.ids import MailboxId, NodeId
from zentalk.node.relays.scores import RelayScores
from zentalk.node.relays.view import RelayView
from zentalk.node.tunnels.third_hops import ThirdHops
from zentalk.onion.draw import pick
from zentalk.onion.errors import NoPathError
from zentalk.onion.path import draw_before

_KEPT_ROUTES: Final = 64


@dataclass(frozen=True, slots=True)
class TunnelRoute:
    """A guard, and the relays between it and the tunnel's end (none in a small network)."""

    guard: NodeId = field(repr=False)
    middle: NodeId | None = field(default=None, repr=False)
    third: NodeId | None = field(default=None, repr=False)

    @property
    def relays(self) -> tuple[NodeId, ...]:
        """The relays before the end."""
        return tuple(hop for hop in (self.guard, self.middle, self.third) if hop is not None)


class Starts(NamedTuple):
    """Where routes can start now: connected guards, the relays known, and what time it is."""

    guards: Sequence[NodeId]
    view: RelayView
    now: float
    others: Sequence[NodeId] = ()
    """Connected guards that the route must not start from: they may be its third hop."""

    def __repr__(self) -> str:
        return "<starts of routes>"


class TunnelRoutes:
    """Chooses routes; remembers those of collection by mailbox, each with third hops of its own."""

    def __init__(
        self,
        *,
        middles: Callable[[NodeId], Sequence[NodeId]],
        scores: RelayScores,
        third_hops: ThirdHops,
        entropy: Entropy,
    ) -> None:
        self._middles = middles
        self._scores = scores
        self.third_hops = third_hops
        self._entropy = entropy
        self._kept: dict[MailboxId, TunnelRoute] = {}
        self.related = False
        """Whether the last route had to pass two relays of one operator or /16."""

    def choose(
        self, end: NodeId, starts: Starts, mailbox: MailboxId | None = None
    ) -> TunnelRoute | None:
        """Return a route to `end` for a few questions, or to collect a mailbox; None for none."""
        if not starts.view.relays:
            return None
        if mailbox is not None:
            return self.choose_lasting(end, mailbox, starts)
        if not starts.view.is_full:
            return self._over(end, None, starts)
        with suppress(NoPathError):
            third = draw_before(starts.view.candidates, end, self._entropy)
            if tuple(starts.guards) == (third,):
                third = self._instead(end, third, starts)
            return self._over(end, third, starts) or self._over(
                end, self._round_guards(end, starts), starts
            )
        return None

    def choose_lasting(self, end: NodeId, mailbox: MailboxId, starts: Starts) -> TunnelRoute | None:
        """Return the route of the last time if it still serves, else a new one, and keep it.

        A third hop that looks dead gives way to the mailbox's other one.
        """
        kept = self._kept.get(mailbox)
        if kept is not None and self._serves(kept, end, mailbox, starts):
            return kept
        route = self._lasting(end, mailbox, starts)
        if route is not None:
            self._kept.pop(mailbox, None)
            self._kept[mailbox] = route
            if len(self._kept) > _KEPT_ROUTES:
                del self._kept[next(iter(self._kept))]
        return route

    def _lasting(self, end: NodeId, mailbox: MailboxId, starts: Starts) -> TunnelRoute | None:
        if not starts.view.is_full:
            return self._over(end, None, starts)
        hops, suspects = self.third_hops, self._scores.suspects(starts.now)
        serving = hops.serving(mailbox, end, starts.view)
        choices = [third for third in serving if third not in suspects]
        if not any(self._over(end, third, starts) for third in choices) and hops.may_draw(
            mailbox, end, starts.view, self._scores.dead(starts.now)
        ):
            with suppress(NoPathError):
                choices.append(hops.draw(mailbox, end, starts.view))
        doubtful = [third for third in serving if third in suspects]
        choices += sorted(doubtful, key=lambda third: self._scores.score(third, starts.now))
        routes = (self._over(end, third, starts) for third in choices)
        return next((route for route in routes if route is not None), None)

    def _serves(self, kept: TunnelRoute, end: NodeId, mailbox: MailboxId, starts: Starts) -> bool:
        """Say whether a route still serves, as far as scores tell."""
        if kept.guard not in starts.guards or (kept.third is None) is starts.view.is_full:
            return False
        if kept.middle not in self._second_hops(kept.guard, end, kept.third, starts):
            return False
        return kept.third is None or (
            kept.third in self.third_hops.serving(mailbox, end, starts.view)
            and kept.third not in self._scores.suspects(starts.now)
        )

    def _instead(self, end: NodeId, drawn: NodeId, starts: Starts) -> NodeId:
        """Return a third hop for a tunnel that has to start at the one that was drawn.

        Its caller draws the guard as well: with the other guard here, each is the third hop as
        often as any other relay.
        """
        view = starts.view
        for other in starts.others:
            if other in view.relays and other != end and not view.related((other, end)):
                return other
        return drawn

    def _round_guards(self, end: NodeId, starts: Starts) -> NodeId:
        """Draw a third hop that leaves a guard to start from: there is no other way to `end`."""
        without = frozenset(starts.guards)
        return draw_before(starts.view.candidates, end, self._entropy, without=without)

    def _over(self, end: NodeId, third: NodeId | None, starts: Starts) -> TunnelRoute | None:
        """Choose guard and second hop to fit the end and the third hop."""
        routes = [
            TunnelRoute(guard, middle, third)
            for guard in starts.guards
            if guard not in (end, third)
            for middle in self._second_hops(guard, end, third, starts)
        ]
        if not routes:
            return None
        apart = [route for route in routes if not starts.view.related((*route.relays, end))]
        self.related = not apart
        return pick(apart or routes, self._entropy)

    def _second_hops(
        self, guard: NodeId, end: NodeId, third: NodeId | None, starts: Starts
    ) -> Sequence[NodeId | None]:
        """Return the second hops that serve now, those that look alive if there are any.

        A connected guard is one only if no other is left, or all others look dead.
        """
        if third is None:
            return (None,)
        sticky = self._middles(guard)
        live = [m for m in sticky if m in starts.view.relays and m not in (guard, third, end)]
        apart = [m for m in live if m not in (*starts.guards, *starts.others)] or live
        suspects = self._scores.suspects(starts.now)
        for choices in (apart, live):
            alive = [middle for middle in choices if middle not in suspects]
            if alive:
                return alive
        return self._scores.prefer(apart, starts.now) if apart else ()
