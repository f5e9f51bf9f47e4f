"""Counts how often each relay started lately: one that keeps crashing loses packets.

Spec: docs/spec/directory.md section 3. Counted from the boot numbers in verified
descriptors, so that a start nobody saw counts too. Must never be fed unverified numbers.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from zentalk.ids import NodeId

WINDOW_SECONDS: Final = 3600.0
MAX_BOOTS_PER_HOUR: Final = 3
"""A relay with more is left out of new paths while enough others remain."""
_MAX_NOTES: Final = 16


class BootLog:
    """The boot numbers of relays over the last hour; `now` is seconds of one clock."""

    __slots__ = ("_notes",)

    def __init__(self) -> None:
        self._notes: dict[NodeId, deque[tuple[float, int]]] = {}

    def note(self, node_id: NodeId, boot: int, now: float) -> None:
        """Take the boot number of a newly accepted descriptor."""
        notes = self._notes.setdefault(node_id, deque(maxlen=_MAX_NOTES))
        if not notes or boot > notes[-1][1]:
            notes.append((now, boot))

    def recent(self, node_id: NodeId, now: float) -> int:
        """Return how many times the relay started in the hour before `now`.

        The last number seen before that hour is where counting begins; a relay first
        seen within the hour counts from its first number.
        """
        notes = self._notes.get(node_id)
        if not notes:
            return 0
        older = [boot for at, boot in notes if at <= now - WINDOW_SECONDS]
        return notes[-1][1] - (older[-1] if older else notes[0][1])

    def forget(self, node_id: NodeId) -> None:
        """Drop a relay that is no longer known."""
        self._notes.pop(node_id, None)
