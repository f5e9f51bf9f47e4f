"""Which relays several refreshes have shown: only these become guards, second hops or mailboxes.

Spec: docs/spec/directory.md section 8. Two dishonest sources of three can show relays that do not
exist. A packet that passes one of those is lost; a guard is kept for months. So what lasts is drawn
from relays that three refreshes have shown, none of whose sources was asked twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from zentalk.ids import NodeId
from zentalk.wire.network_state import TimesShown

REFRESHES: Final = 3
DISJOINT_FROM: Final = 9
"""In a network of so many relays three refreshes have three sources each of their own."""


class ShownRelays:
    """How often each relay of the snapshot was shown, and by which sources."""

    def __init__(self) -> None:
        self._by: dict[NodeId, tuple[int, frozenset[NodeId]]] = {}

    def note(
        self, shown: Collection[NodeId], sources: Collection[NodeId], accepted: Collection[NodeId]
    ) -> None:
        """Take what one refresh showed; relays that are accepted no longer are forgotten.

        A refresh counts for a relay if none of its sources showed that relay before. That is asked
        only where there are enough relays.
        """
        by = frozenset(sources)
        small = len(accepted) < DISJOINT_FROM
        self._by = {node_id: kept for node_id, kept in self._by.items() if node_id in accepted}
        for node_id in shown:
            times, before = self._by.get(node_id, (0, frozenset()))
            if times < REFRESHES and (small or not before & by):
                self._by[node_id] = (times + 1, before | by)

    def restore(self, kept: Iterable[TimesShown]) -> None:
        """Take up what an earlier run of the node has counted."""
        self._by = {one.node_id: (one.times, frozenset(one.sources)) for one in kept}

    def counts(self) -> tuple[TimesShown, ...]:
        """Return what a later run is to take up; by whom matters only while more are counted."""
        return tuple(
            TimesShown(one, times, tuple(sorted(by)) if times < REFRESHES else ())
            for one, (times, by) in sorted(self._by.items())
        )

    def often(self) -> frozenset[NodeId]:
        """Return the relays that were shown often enough."""
        return frozenset(one for one, (times, _) in self._by.items() if times >= REFRESHES)
