"""Addresses at which relays were once seen, whose descriptors have expired since.

Spec: docs/spec/directory.md section 3. A hint says where to dial and nothing else: who answers
there has to prove itself, and no relay is used or passed on because of one.
"""

from __future__ import annotations

from typing import Final

from zentalk.ids import NodeId
from zentalk.wire.text import RelayUri

MAX_HINTS: Final = 1024


class DialHints:
    """The last places of at most 1,024 relays; the oldest goes first."""

    def __init__(self) -> None:
        self._places: dict[NodeId, RelayUri] = {}

    def add(self, uri: RelayUri, node_id: NodeId) -> None:
        """Remember where a relay was seen."""
        self._places[node_id] = uri
        if len(self._places) > MAX_HINTS:
            del self._places[next(iter(self._places))]

    def of(self, node_id: NodeId) -> RelayUri | None:
        """Return where a relay was seen last, or None."""
        return self._places.get(node_id)

    def all(self) -> list[RelayUri]:
        """Return all places, by NodeId."""
        return [uri for _, uri in sorted(self._places.items())]

    def forget(self, node_id: NodeId) -> None:
        """Forget a relay: its descriptor is known, or it is excluded."""
        self._places.pop(node_id, None)
