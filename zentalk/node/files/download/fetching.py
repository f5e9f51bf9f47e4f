"""Gets the shards of some segments: ten of each, from whoever has them.

Spec: docs/spec/mesh.md section 7. Pieces of the data come first, so that nothing need be computed
where their holders answer. A holder that failed is asked last for the rest of a reading.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import trio

from zentalk.errors import RELAY_FAULTS, DecodeError, RefusedError
from zentalk.ids import NodeId
from zentalk.mesh.erasure import TooFewShardsError
from zentalk.node.files.holders.calls import HolderCalls
from zentalk.node.files.maps import ShardPlace
from zentalk.wire.shard import Coding, decode_shard

NEEDED: Final = Coding.PIECE.value[0]
Pieces = dict[int, bytes]
"""Payloads of the shards of one segment, by index."""


class Fetcher:
    """Fetches for one reading of one file; `nearest` are candidates that repair may have used."""

    def __init__(self, calls: HolderCalls, nearest: Callable[[], Sequence[NodeId]]) -> None:
        self._calls = calls
        self._nearest = nearest
        self._bad: set[NodeId] = set()

    async def fetch(self, segments: Sequence[Sequence[ShardPlace]]) -> list[Pieces]:
        """Return ten pieces of each segment; raises TooFewShardsError."""
        found: list[Pieces] = [{} for _ in segments]
        tried: set[tuple[int, int]] = set()
        while wanted := self._wanted(segments, found, tried):
            tried |= {(at, index) for at, index, _ in wanted}
            await self._ask(wanted, found)
        short = [at for at, pieces in enumerate(found) if len(pieces) < NEEDED]
        if short:
            await self._search([(at, segments[at]) for at in short], found)
        for pieces in found:
            if len(pieces) < NEEDED:
                raise TooFewShardsError(len(pieces), NEEDED)
        return found

    def _wanted(
        self,
        segments: Sequence[Sequence[ShardPlace]],
        found: Sequence[Pieces],
        tried: set[tuple[int, int]],
    ) -> list[tuple[int, int, ShardPlace]]:
        wanted: list[tuple[int, int, ShardPlace]] = []
        for at, places in enumerate(segments):
            left = [index for index in range(len(places)) if (at, index) not in tried]
            left.sort(key=lambda index: (places[index].holder in self._bad, index))
            missing = max(0, NEEDED - len(found[at]))
            wanted += [(at, index, places[index]) for index in left[:missing]]
        return wanted

    async def _ask(
        self, wanted: Sequence[tuple[int, int, ShardPlace]], found: Sequence[Pieces]
    ) -> None:
        by_holder: dict[NodeId, list[tuple[int, int, ShardPlace]]] = {}
        for one in wanted:
            by_holder.setdefault(one[2].holder, []).append(one)
        async with trio.open_nursery() as nursery:
            for holder, mine in by_holder.items():
                nursery.start_soon(self._ask_one, holder, mine, found)

    async def _ask_one(
        self,
        holder: NodeId,
        mine: Sequence[tuple[int, int, ShardPlace]],
        found: Sequence[Pieces],
    ) -> None:
        async with self._calls.held(holder):
            for at, index, place in mine:
                try:
                    shard = decode_shard(await self._calls.get(holder, place.id))
                    if (shard.coding, shard.index) != (Coding.PIECE, index):
                        raise DecodeError("a shard has another index than its file says")
                except RefusedError:
                    self._bad.add(holder)
                except RELAY_FAULTS:
                    self._bad.add(holder)
                    return
                else:
                    found[at][index] = shard.payload

    async def _search(
        self, short: Sequence[tuple[int, Sequence[ShardPlace]]], found: Sequence[Pieces]
    ) -> None:
        """Look for what is missing at the relays to which repair would have taken it."""
        for holder in self._nearest():
            missing = {
                place.id: (at, index)
                for at, places in short
                for index, place in enumerate(places)
                if index not in found[at] and len(found[at]) < NEEDED
            }
            if not missing:
                return
            try:
                here = await self._calls.look(holder, list(missing))
            except RELAY_FAULTS:
                continue
            some = [(*missing[one], ShardPlace(one, holder)) for one in here]
            await self._ask(some, found)
