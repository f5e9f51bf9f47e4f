"""Finds who has to be offered which user records after the set of relays has changed.

Spec: docs/spec/directory.md section 7. A record's holders follow from the set of relays, so
relays that join or leave make others responsible for records that they do not have. Whoever
holds a record offers it to those; nothing here asks, sends or reads the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from zentalk.directory.distance import HolderMap
from zentalk.ids import Day, NodeId
from zentalk.wire.descriptor import Descriptor


class Handover:
    """The records that one relay has to hand over, round by round.

    The first round offers everything to everyone responsible: what happened while this
    relay was away is not known.
    """

    def __init__(self, own: NodeId) -> None:
        self._own = own
        self._before: Mapping[NodeId, Descriptor] = {}
        self._now: Mapping[NodeId, Descriptor] = {}
        self._maps: dict[tuple[bool, Day], HolderMap] = {}
        self._unserved: frozenset[NodeId] = frozenset()
        self._failed: set[NodeId] = set()

    def is_due(self, relays: Iterable[Descriptor]) -> bool:
        """Say whether responsibilities may have moved since the last round."""
        return _places(relays) != _places(self._now.values())

    @property
    def has_unserved(self) -> bool:
        """Say whether somebody could not be reached in the last round."""
        return bool(self._failed)

    def begin(self, relays: Iterable[Descriptor]) -> None:
        """Begin a round over these relays."""
        self._before, self._now = self._now, {relay.node_id: relay for relay in relays}
        self._unserved, self._failed = frozenset(self._failed), set()
        self._maps.clear()

    def recipients(self, blinded_key: bytes, day: Day) -> list[NodeId]:
        """Return who became responsible for a record, or was not reached when it did."""
        holders = self._holders(self._now, blinded_key, day)
        before = self._holders(self._before, blinded_key, day) - self._unserved
        return sorted(holders - before - self._failed - {self._own})

    def failed(self, node_id: NodeId) -> None:
        """A relay could not be reached, or took too little: leave it for the next round."""
        self._failed.add(node_id)

    def _holders(
        self, relays: Mapping[NodeId, Descriptor], blinded_key: bytes, day: Day
    ) -> set[NodeId]:
        place = (relays is self._now, day)
        if place not in self._maps:
            self._maps[place] = HolderMap(relays.values(), day)
        points = self._maps[place].holders(blinded_key)
        return {node_id for point in points for node_id in point}


def _places(relays: Iterable[Descriptor]) -> frozenset[tuple[NodeId, str, bytes]]:
    """Return what holders are chosen by; keys and boots change every hour and do not matter."""
    return frozenset((relay.node_id, relay.host, relay.family) for relay in relays)
