"""Audits: which shards an owner reads to see whether they are there, and what it knows then.

Spec: docs/spec/mesh.md section 11. What a holder says about a lease is its word; only what was read
and compared is known. Silence must never be taken for loss before its time: relays restart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from zentalk.crypto.types import Entropy
from zentalk.ids import DAY_SECONDS, NodeId, ShardId
from zentalk.mesh.placement import ShardNumber
from zentalk.wire.rpc_shards import DELETED, UNKNOWN
from zentalk.wire.shard import shard_id

AUDIT_SECONDS: Final = DAY_SECONDS
SILENT_SECONDS: Final = 3 * DAY_SECONDS
"""The time that a holder may be silent before its shards count as lost."""
SAMPLES: Final = 3
"""Shards of a file that are read of each holder in one audit."""
_DRAW_BYTES: Final = 8


class ShardVerdict(StrEnum):
    """The outcome of reading a shard, or of asking for its lease."""

    RIGHT = "right"
    MISSING = "missing"
    """The holder says that it has it not."""
    CORRUPT = "corrupt"
    """Other bytes came."""
    SILENT = "silent"
    """No answer, or one that says nothing about the shard."""


LOST: Final = frozenset({ShardVerdict.MISSING, ShardVerdict.CORRUPT})


class KnownShard(NamedTuple):
    """The last that was known of a shard at a holder: never SILENT, which is the holder's."""

    holder: NodeId
    number: ShardNumber
    verdict: ShardVerdict


def judge_bytes(wanted: ShardId, content: bytes) -> ShardVerdict:
    """Judge what a holder gave for a shard."""
    return ShardVerdict.RIGHT if shard_id(content) == wanted else ShardVerdict.CORRUPT


def judge_refusal(reason: str) -> ShardVerdict:
    """Judge the word that a holder refused a read with: most say nothing about the shard."""
    return ShardVerdict.MISSING if reason in {UNKNOWN, DELETED} else ShardVerdict.SILENT


def draw_samples(
    held: Mapping[NodeId, Collection[ShardNumber]], entropy: Entropy, count: int = SAMPLES
) -> dict[NodeId, tuple[ShardNumber, ...]]:
    """Draw which shards are read of each holder: any `count` of them, equally likely.

    Nobody can foresee them, so a holder that drops some is found in time: of one that has dropped
    a tenth, three reads a day find something within 8 days in nine of ten cases.
    """
    return {holder: _draw(sorted(numbers), entropy, count) for holder, numbers in held.items()}


def _draw(numbers: list[ShardNumber], entropy: Entropy, count: int) -> tuple[ShardNumber, ...]:
    drawn: list[ShardNumber] = []
    while numbers and len(drawn) < count:
        at = int.from_bytes(entropy(_DRAW_BYTES), "big") % len(numbers)
        numbers[at], numbers[-1] = numbers[-1], numbers[at]
        drawn.append(numbers.pop())
    return tuple(drawn)


class ShardBook:
    """The knowledge of an owner: the shards of one file, and which holders are silent since when.

    `known` and `silent_since` are all of it, to be stored and given back. Times are unix seconds.
    """

    __slots__ = ("_known", "silent_since")

    def __init__(
        self, known: Iterable[KnownShard] = (), silent_since: Mapping[NodeId, float] | None = None
    ) -> None:
        self._known: defaultdict[NodeId, dict[ShardNumber, ShardVerdict]] = defaultdict(dict)
        self.silent_since: dict[NodeId, float] = dict(silent_since or {})
        for holder, number, verdict in known:
            self._known[holder][number] = verdict

    @property
    def known(self) -> Iterator[KnownShard]:
        """The last word on every shard at every holder."""
        for holder, shards in self._known.items():
            for number, verdict in shards.items():
                yield KnownShard(holder, number, verdict)

    def stored(self, holder: NodeId, number: ShardNumber) -> None:
        """Note that a holder has confirmed a put."""
        self.silent_since.pop(holder, None)
        self._known[holder][number] = ShardVerdict.RIGHT

    def looked(self, holder: NodeId, leases: Mapping[ShardNumber, int]) -> None:
        """Note until which hours a holder says that it keeps shards, 0 for what it has not.

        That a corrupt one is there proves nothing; that one is there again which it said it had
        not is as good as before.
        """
        self.silent_since.pop(holder, None)
        known = self._known[holder]
        for number in known.keys() & leases.keys():
            if not leases[number]:
                known[number] = ShardVerdict.MISSING
            elif known[number] is ShardVerdict.MISSING:
                known[number] = ShardVerdict.RIGHT

    def read(self, holder: NodeId, number: ShardNumber, verdict: ShardVerdict, wall: float) -> None:
        """Note what came of reading a shard."""
        if verdict is ShardVerdict.SILENT:
            self.was_silent(holder, wall)
            return
        self.silent_since.pop(holder, None)
        if number in self._known[holder]:
            self._known[holder][number] = verdict

    def was_silent(self, holder: NodeId, wall: float) -> None:
        """Note that a holder did not answer; what was known of its shards stays."""
        self.silent_since[holder] = min(self.silent_since.get(holder, wall), wall)

    def forget(self, holder: NodeId, number: ShardNumber) -> None:
        """Note that a shard is no longer wanted at a holder."""
        self._known[holder].pop(number, None)

    def is_lost(self, holder: NodeId, number: ShardNumber, wall: float) -> bool:
        """Say whether a shard at a holder counts as lost."""
        verdict = self._known.get(holder, {}).get(number, ShardVerdict.MISSING)
        return verdict in LOST or self._is_gone(holder, wall)

    @property
    def spoilers(self) -> set[NodeId]:
        """Holders that gave other bytes: they would take a put for a renewal, and keep theirs."""
        return {one.holder for one in self.known if one.verdict is ShardVerdict.CORRUPT}

    def live(self, wall: float) -> dict[NodeId, set[ShardNumber]]:
        """Return the shards that do not count as lost, by holder."""
        return {
            holder: {number for number, verdict in shards.items() if verdict not in LOST}
            for holder, shards in self._known.items()
            if not self._is_gone(holder, wall)
        }

    def _is_gone(self, holder: NodeId, wall: float) -> bool:
        since = self.silent_since.get(holder)
        return since is not None and wall - since >= SILENT_SECONDS
