"""The loss alarm: how many of the own loops came back lately.

Spec: docs/spec/onion.md section 14. A loop is a packet to oneself that nobody can tell
from others. An attacker who drops all packets but a few, to see where those go,
drops loops too.
Plain code without a clock; it only counts, and never says whose fault a loss is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Final, NamedTuple

from zentalk.ids import NodeId

WINDOW: Final = 32
"""The loops that count: the last ones whose fate is known."""
ALARM_LOST: Final = 12
"""Lost ones of the window from which on there is an alarm. At 5 % honest loss, once in
50 million loops by chance: at one loop in eight seconds, once in twelve years."""
CALM_LOST: Final = 4
"""At most so many lost ones of the window end an alarm."""


class _Fate(NamedTuple):
    hops: Collection[NodeId]
    returned: bool


class LossAlarm:
    """Fates of loops in, an alarm out."""

    __slots__ = ("_active", "_fates")

    def __init__(self) -> None:
        self._fates: deque[_Fate] = deque(maxlen=WINDOW)
        self._active = False

    @property
    def active(self) -> bool:
        """Whether the owner is to be told."""
        return self._active

    @property
    def lost(self) -> int:
        """Lost loops among the last `counted`."""
        return sum(not fate.returned for fate in self._fates)

    @property
    def counted(self) -> int:
        """How many loops count now, at most `WINDOW`."""
        return len(self._fates)

    def note(self, hops: Collection[NodeId], *, returned: bool) -> None:
        """Take the fate of one loop over these relays."""
        self._fates.append(_Fate(hops, returned))
        self._judge()

    def restarted(self, node_id: NodeId) -> None:
        """A relay has new keys: loops that were lost over it with the old ones do not count."""
        kept = [fate for fate in self._fates if fate.returned or node_id not in fate.hops]
        self._fates = deque(kept, maxlen=WINDOW)
        self._judge()

    def _judge(self) -> None:
        lost = self.lost
        if lost >= ALARM_LOST:
            self._active = True
        elif lost <= CALM_LOST:
            self._active = False
