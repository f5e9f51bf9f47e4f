"""Asks the holders of one file for their leases, reads some of its shards, and renews what is due.

Spec: docs/spec/mesh.md sections 8 and 11. What a holder says counts for its leases; whether it has
a shard is known only of what was read. A holder whose shards cannot be read is silent, even if it
says that it has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import trio

from zentalk.errors import RELAY_FAULTS, RefusedError
from zentalk.ids import NodeId, ShardId
from zentalk.mesh.audit import LOST, SAMPLES, ShardBook, ShardVerdict, draw_samples, judge_refusal
from zentalk.mesh.leases import hour_at, renewal_hour
from zentalk.mesh.placement import ShardNumber
from zentalk.net.backoff import fraction
from zentalk.net.runtime import Runtime
from zentalk.node.files.care.books import FileBook
from zentalk.node.files.holders.calls import CorruptShardError, HolderCalls
from zentalk.wire.rpc_shards import Changed
from zentalk.wire.statement import Op

HOLDERS_AT_ONCE: Final = 3
"""Few, so that uploads and downloads have links meanwhile."""
MORE_SAMPLES: Final = 10
"""So many more are read of a holder for each that was not right."""
MOST_SAMPLES: Final = 100


@dataclass(slots=True)
class CheckResult:
    """What came of asking all holders; what was found stands in the book."""

    answered: set[NodeId] = field(default_factory=set, repr=False)
    silent: set[NodeId] = field(default_factory=set, repr=False)
    renewed: int = 0
    """Leases."""


class FileChecker:
    """Checks files. `book` is changed as answers come; it has to be saved."""

    def __init__(self, runtime: Runtime, calls: HolderCalls) -> None:
        self._runtime = runtime
        self._calls = calls

    async def check(self, book: FileBook, chance: float) -> CheckResult:
        """Ask all holders, in any order; each sample is read with a chance of so much."""
        known, shards, result = book.known, book.shards(), CheckResult()
        before = dict(known.silent_since)
        drawn = draw_samples(shards, self._runtime.entropy, MOST_SAMPLES)
        limit = trio.CapacityLimiter(HOLDERS_AT_ONCE)

        async def ask(holder: NodeId) -> None:
            visit = _Visit(self._calls, book, holder, shards[holder], result)
            async with limit, self._calls.held(holder):
                try:
                    least = 1 if holder in before else self._samples(chance)
                    await visit.look(hour_at(self._runtime.wall()))
                    await visit.read(drawn[holder], least)
                except RELAY_FAULTS:
                    result.silent.add(holder)
                else:
                    result.answered.add(holder)
                    known.silent_since.pop(holder, None)

        async with trio.open_nursery() as nursery:
            for holder in self._shuffled(list(shards)):
                nursery.start_soon(ask, holder)
        if result.answered and before.keys() >= shards.keys():
            # Nobody answered before: that was this node's own silence, and told nothing of them.
            before = {}
        now = self._runtime.wall()
        for holder in result.silent:
            # A holder that answers, but gives nothing, is as silent as it was before.
            known.silent_since[holder] = before.get(holder, now)
        return result

    def _samples(self, chance: float) -> int:
        return sum(fraction(self._runtime.entropy) < chance for _ in range(SAMPLES))

    def _shuffled(self, holders: list[NodeId]) -> list[NodeId]:
        drawn = [(self._runtime.entropy(8), holder) for holder in holders]
        return [holder for _, holder in sorted(drawn)]


class _Visit:
    """One holder; a fault of RELAY_FAULTS means that it says nothing."""

    def __init__(
        self,
        calls: HolderCalls,
        book: FileBook,
        holder: NodeId,
        shards: Mapping[ShardNumber, ShardId],
        result: CheckResult,
    ) -> None:
        self._calls = calls
        self._book = book
        self._known: ShardBook = book.known
        self._holder = holder
        self._shards = shards
        self._result = result
        self._here: set[ShardId] = set()

    async def look(self, hour: int) -> None:
        """Ask until when the shards are kept, and renew the leases that have run for a week."""
        ids = list(self._shards.values())
        hours = await self._calls.look(self._holder, ids)
        self._known.looked(
            self._holder, {number: hours.get(one, 0) for number, one in self._shards.items()}
        )
        self._here = set(hours)
        due = [one for one in ids if one in hours and renewal_hour(hours[one]) <= hour]
        if due:
            await self._renew(due)

    async def _renew(self, due: Sequence[ShardId]) -> None:
        assert self._book.file.owner_secret is not None
        changed = await self._calls.change(
            self._holder, self._book.file.owner_secret, Op.RENEW, due
        )
        gone = {one for one, what in changed.items() if what is not Changed.DONE}
        self._here -= gone
        self._known.looked(
            self._holder, {number: 0 for number, one in self._shards.items() if one in gone}
        )
        self._result.renewed += len(changed) - len(gone)

    async def read(self, numbers: Sequence[ShardNumber], wanted: int) -> None:
        """Read some shards that it says it has, and more where one is not right."""
        for number in numbers:
            if wanted <= 0:
                return
            if self._shards[number] not in self._here:
                continue
            verdict = await self._verdict(self._shards[number])
            self._known.read(self._holder, number, verdict, 0.0)
            wanted += MORE_SAMPLES if verdict in LOST else 0
            wanted -= 1

    async def _verdict(self, wanted: ShardId) -> ShardVerdict:
        """Read a shard that the holder says it has.

        Where it says then that it has not, a put would be a renewal for it: that is no better than
        other bytes, and only another read may say that it is over.
        """
        try:
            await self._calls.get(self._holder, wanted)
        except CorruptShardError:
            return ShardVerdict.CORRUPT
        except RefusedError as refusal:
            if judge_refusal(refusal.reason) is ShardVerdict.SILENT:
                raise
            return ShardVerdict.CORRUPT
        return ShardVerdict.RIGHT
