"""Who holds which slot of a file, while it is sent: a holder that fails is replaced.

Spec: docs/spec/mesh.md section 7. In memory; the sender writes it down with what it has done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from zentalk.errors import UnavailableError
from zentalk.ids import NodeId
from zentalk.mesh.placement import Layout, ShardNumber, slot_of
from zentalk.wire.head import PIECES

TOO_FEW = "no relay takes files now, or all that do are full: it is tried again"


class FileSlots:
    """The slots of one file. `order` are all candidates, the nearest to the file first.

    `holders` only grows: rows that were written name holders by their place in it.
    """

    def __init__(
        self,
        holders: Sequence[NodeId],
        row: bytes,
        order: Sequence[NodeId],
        head_order: Sequence[NodeId],
    ) -> None:
        self.holders = tuple(holders)
        self.row = row
        self._order = tuple(order)
        self._head_order = tuple(head_order)
        self._failed: set[NodeId] = set()

    def place_of(self, segment: int, index: int) -> int:
        """Return the place in `holders` of who keeps a shard of a segment."""
        return self.row[slot_of(ShardNumber(segment, index))]

    def place(self, holder: NodeId) -> int:
        """Return the place of a holder, which gets one if it has none."""
        if holder not in self.holders:
            self.holders = (*self.holders, holder)
        return self.holders.index(holder)

    def replace(self, place: int, fault: Exception) -> None:
        """Give the slots of a holder that failed to the nearest that has none.

        Where there is no such one, those who have the fewest take them. Raises UnavailableError if
        there is nobody left.
        """
        self._failed.add(self.holders[place])
        row = bytearray(self.row)
        for slot, holder in enumerate(row):
            if holder == place:
                row[slot] = self._next(row, fault)
        self.row = bytes(row)

    def _next(self, row: bytearray, fault: Exception) -> int:
        taken = Counter(self.holders[place] for place in row)
        left = [one for one in self._order if one not in self._failed]
        if not left:
            raise UnavailableError(TOO_FEW) from fault
        return self.place(min(left, key=lambda one: taken[one]))

    def layout(self) -> Layout:
        """Return what the head is to say: the holders of now, each once."""
        return layout_of(self.holders, self.row)

    def head_order(self) -> list[NodeId]:
        """Return who may keep a copy of the head, the nearest first."""
        return [one for one in self._head_order if one not in self._failed]


def layout_of(holders: Sequence[NodeId], row: bytes) -> Layout:
    """Return what a head says of who has which slot; `row` has the place of each slot's holder."""
    used = list(dict.fromkeys(row))
    return Layout(
        tuple(holders[place] for place in used),
        tuple(used.index(row[slot]) for slot in range(PIECES)),
    )
