"""Distances: XOR between ids, and which relays hold a user record on a day.

Spec: docs/spec/directory.md section 7. Holders are not the relays whose ids are nearest
to the record's key, because twenty chosen ids would then own any record for ever. A
record has four points spread by hash, and relays stand at a position that changes every
day, so that a place near a point cannot be taken once and kept. Nothing here asks whether
a relay is reachable.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from zentalk.crypto.hashing import blake2b_256
from zentalk.crypto.labels import Label
from zentalk.directory.subnets import wide_subnet
from zentalk.ids import NODE_ID_BYTES, Day, NodeId
from zentalk.wire.descriptor import Descriptor

POINTS: Final = 4
HOLDERS_PER_POINT: Final = 5
ACCEPT_NEAREST: Final = 8
"""A holder accepts a record within this many of a point: publisher and holder may see
slightly different sets of relays, and holders are picked for diversity among these."""

_DAY_BYTES: Final = 8
_ID_BITS: Final = NODE_ID_BYTES * 8


def xor_distance(left: bytes, right: bytes) -> int:
    """Return the XOR metric of two ids of one length."""
    return int.from_bytes(left, "big") ^ int.from_bytes(right, "big")


def holder_points(blinded_key: bytes, day: Day) -> tuple[bytes, ...]:
    """Return the 4 points (32 bytes each) of a record."""
    where = blinded_key + day.to_bytes(_DAY_BYTES, "big")
    return tuple(blake2b_256(Label.RECORD_POINT, where, bytes([n])) for n in range(POINTS))


def day_position(node_id: NodeId, day: Day) -> bytes:
    """Return where a relay stands on a day (32 bytes)."""
    return blake2b_256(Label.DESCRIPTOR_POINT, node_id, day.to_bytes(_DAY_BYTES, "big"))


class HolderMap:
    """The holders of each record on one day, among one set of relays.

    Build it once per day and set: it hashes every relay once (one BLAKE2b each). A question
    then looks at some twenty relays, however many there are.
    """

    __slots__ = ("_places", "_positions", "_relays", "day")

    def __init__(self, relays: Iterable[Descriptor], day: Day) -> None:
        self.day = day
        self._relays = {relay.node_id: relay for relay in relays}
        self._positions = sorted(
            (int.from_bytes(day_position(node_id, day), "big"), node_id) for node_id in self._relays
        )
        self._places = [position for position, _ in self._positions]

    def holders(self, blinded_key: bytes) -> tuple[tuple[NodeId, ...], ...]:
        """Return, for each point, the relays to publish at and to ask, nearest first.

        At most 5 a point, from different /16 networks and families as far as the 8
        nearest allow.
        """
        return tuple(
            self._diverse(self._nearest(point)) for point in holder_points(blinded_key, self.day)
        )

    def accepts(self, node_id: NodeId, blinded_key: bytes) -> bool:
        """Say whether a relay is one of the 8 nearest of any point of the record."""
        points = holder_points(blinded_key, self.day)
        return any(node_id in self._nearest(point) for point in points)

    def _nearest(self, point: bytes) -> list[NodeId]:
        target = int.from_bytes(point, "big")
        low, high = self._neighbourhood(target)
        some = self._positions[low:high]
        near = heapq.nsmallest(
            ACCEPT_NEAREST, ((position ^ target, node_id) for position, node_id in some)
        )
        return [node_id for _, node_id in near]

    def _neighbourhood(self, target: int) -> tuple[int, int]:
        """Return the smallest range of positions around `target` that holds enough of them.

        Who shares a longer prefix with the target is nearer than all who share a shorter one.
        """
        low, high = 0, len(self._places)
        for shift in reversed(range(_ID_BITS)):
            start = target >> shift << shift
            first = bisect_left(self._places, start, low, high)
            last = bisect_left(self._places, start + (1 << shift), low, high)
            if last - first < ACCEPT_NEAREST:
                break
            low, high = first, last
        return low, high

    def _diverse(self, near: list[NodeId]) -> tuple[NodeId, ...]:
        """Pick in order of distance, first one per /16 and family, then whoever is left."""
        picked: list[NodeId] = []
        taken: set[str | bytes] = set()
        for node_id in near:
            groups = self._groups(node_id)
            if len(picked) < HOLDERS_PER_POINT and not taken & groups:
                picked.append(node_id)
                taken |= groups
        for node_id in near:
            if len(picked) < HOLDERS_PER_POINT and node_id not in picked:
                picked.append(node_id)
        return tuple(picked)

    def _groups(self, node_id: NodeId) -> set[str | bytes]:
        relay = self._relays[node_id]
        subnet = wide_subnet(relay.host, relay.network)
        return {group for group in (subnet, relay.family) if group}
