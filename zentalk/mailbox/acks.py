"""Sends compact acks: at a time drawn on arrival, if the mail is safe then, else never.

Spec: docs/spec/mailbox.md section 6. The time must not depend on anything but the draw,
or a stranger could tell by it whether the owner is online.
"""

from __future__ import annotations

import heapq
from typing import Final

from zentalk.crypto.types import Entropy
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.state import Listed, Mail
from zentalk.wire.deposit import AckRoute

_DRAW_BYTES: Final = 4


class AckSchedule:
    """Acks that wait for their time, earliest first; bounded by the settings."""

    __slots__ = ("_drawn", "_entropy", "_heap", "_settings")

    def __init__(self, settings: MailboxSettings, entropy: Entropy) -> None:
        self._settings = settings
        self._entropy = entropy
        self._heap: list[tuple[float, int, AckRoute, Mail | Listed]] = []
        self._drawn = 0

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, route: AckRoute, mail: Mail | Listed, arrived: float, now: float) -> bool:
        """Draw the time for an ack, from the arrival on.

        False when too many wait, or it is over already: an ack that came later than others would
        tell that something was slow. The sender will repeat.
        """
        settings = self._settings
        if len(self._heap) >= settings.max_waiting_acks:
            return False
        draw = int.from_bytes(self._entropy(_DRAW_BYTES), "big") / 2 ** (8 * _DRAW_BYTES)
        delay = settings.ack_delay_seconds * (1 + settings.ack_spread * (2 * draw - 1))
        if arrived + delay < now:
            return False
        self._drawn += 1
        heapq.heappush(self._heap, (arrived + delay, self._drawn, route, mail))
        return True

    def due(self, now: float) -> list[AckRoute]:
        """Take out every ack whose time has come; return those whose mail is safe."""
        routes = []
        while self._heap and self._heap[0][0] <= now:
            _, _, route, mail = heapq.heappop(self._heap)
            if mail.safe:
                routes.append(route)
        return routes

    def next_deadline(self) -> float | None:
        """Return when the next ack is due."""
        return self._heap[0][0] if self._heap else None
