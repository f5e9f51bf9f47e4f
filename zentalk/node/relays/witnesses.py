"""Which relays are dead for all we can tell: several others could not reach them a moment ago.

One relay that says so proves nothing: it can lie, or its own line is down. What two say, on tunnels
of ours, is a hint that few can give on purpose, as those are sticky second hops for the most part.
It must never move a draw that somebody sees the outcome of again and again (spec:
docs/spec/onion.md section 9).
"""

from __future__ import annotations

from typing import Final

from zentalk.ids import NodeId

WITNESSES: Final = 2
WITNESSED_SECONDS: Final = 300.0
MAX_RELAYS: Final = 256


class Witnesses:
    """Who could not reach a relay, and when; times are monotonic seconds."""

    __slots__ = ("_said",)

    def __init__(self) -> None:
        self._said: dict[NodeId, dict[NodeId, float]] = {}
        """For each relay the last ones that could not reach it, the newest at the end."""

    def not_reached(self, node_id: NodeId, by: NodeId, now: float) -> None:
        """Note that the relay `by` could not reach another."""
        said = self._said.pop(node_id, {})
        said.pop(by, None)
        said[by] = now
        if len(said) > WITNESSES:
            del said[next(iter(said))]
        self._said[node_id] = said
        if len(self._said) > MAX_RELAYS:
            del self._said[next(iter(self._said))]

    def reached(self, node_id: NodeId) -> None:
        """Forget what was said of a relay: it was reached, or has new keys."""
        self._said.pop(node_id, None)

    def dead(self, now: float) -> frozenset[NodeId]:
        """Return the relays that so many could not reach lately."""
        oldest = now - WITNESSED_SECONDS
        return frozenset(
            node_id
            for node_id, said in self._said.items()
            if sum(at > oldest for at in said.values()) >= WITNESSES
        )
