"""The last few descriptors of each relay: by them a second one for an epoch and boot is noticed.

Spec: docs/spec/directory.md section 3. They are kept for relays of the set only, and while their
epochs last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from zentalk.directory.equivocation import EquivocationProof, contradicts, make_proof
from zentalk.ids import NodeId
from zentalk.wire.descriptor import Descriptor

RECENT_PER_RELAY: Final = 8
"""Descriptors kept per relay to notice a second one for the same epoch and boot."""


class RecentDescriptors:
    """Verified descriptors by relay, epoch and boot."""

    def __init__(self) -> None:
        self._kept: dict[NodeId, dict[tuple[int, int], Descriptor]] = {}

    def convicts(self, descriptor: Descriptor) -> EquivocationProof | None:
        """Return a proof against the relay if another of its descriptors contradicts this one."""
        other = self._kept.get(descriptor.node_id, {}).get(descriptor.order)
        if other is None or not contradicts(other, descriptor):
            return None
        return make_proof(other, descriptor)

    def keep(self, descriptor: Descriptor) -> None:
        """Remember a descriptor; the oldest of too many is forgotten."""
        kept = self._kept.setdefault(descriptor.node_id, {})
        kept[descriptor.order] = descriptor
        if len(kept) > RECENT_PER_RELAY:
            del kept[min(kept)]

    def forget(self, node_id: NodeId) -> list[Descriptor]:
        """Forget a relay; returns what was kept of it."""
        return list(self._kept.pop(node_id, {}).values())

    def expire(self, is_usable: Callable[[Descriptor], bool]) -> None:
        """Forget descriptors that are not usable: nobody takes a second one either."""
        for kept in self._kept.values():
            for order in [order for order, item in kept.items() if not is_usable(item)]:
                del kept[order]
