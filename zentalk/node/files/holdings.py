"""What holders have of a file, as far as they say: by asking each of them once.

Spec: docs/spec/mesh.md sections 7 and 11. What a holder says that it has is not read here; repair
reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import trio

from zentalk.errors import RELAY_FAULTS
from zentalk.ids import NodeId, ShardId
from zentalk.mesh.placement import HEAD, INDEX, ShardNumber
from zentalk.node.files.holders.calls import HolderCalls
from zentalk.node.files.maps import FileMap


@dataclass(frozen=True, slots=True)
class Holdings:
    """Who said until which hour it keeps which shards, and who did not answer."""

    hours: Mapping[NodeId, Mapping[ShardId, int]] = field(repr=False)
    silent: frozenset[NodeId] = field(repr=False)

    def seen(self, file_map: FileMap) -> dict[NodeId, set[ShardNumber]]:
        """Return which shards of a file each holder said that it has."""
        found: dict[NodeId, set[ShardNumber]] = {holder: set() for holder in self.hours}
        for segment, row in enumerate(file_map.segments):
            for index, place in enumerate(row):
                if place.id in self.hours.get(place.holder, {}):
                    found[place.holder].add(ShardNumber(segment, index))
        for index, place in enumerate(file_map.index):
            if place.id in self.hours.get(place.holder, {}):
                found[place.holder].add(ShardNumber(INDEX, index))
        for place in file_map.head:
            if place.id in self.hours.get(place.holder, {}):
                found[place.holder].add(ShardNumber(HEAD, 0))
        return found

    def first_end(self) -> int | None:
        """Return the hour at which the first lease ends."""
        ends = [hour for kept in self.hours.values() for hour in kept.values()]
        return min(ends, default=None)


async def holdings(calls: HolderCalls, file_map: FileMap) -> Holdings:
    """Ask all holders of a file, side by side."""
    wanted: dict[NodeId, list[ShardId]] = {}
    for row in (*file_map.segments, file_map.index, file_map.head):
        for place in row:
            wanted.setdefault(place.holder, []).append(place.id)
    hours: dict[NodeId, Mapping[ShardId, int]] = {}
    silent: set[NodeId] = set()

    async def ask(holder: NodeId) -> None:
        try:
            hours[holder] = await calls.look(holder, wanted[holder])
        except RELAY_FAULTS:
            silent.add(holder)

    async with trio.open_nursery() as nursery:
        for holder in wanted:
            nursery.start_soon(ask, holder)
    return Holdings(hours, frozenset(silent))
