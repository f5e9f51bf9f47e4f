"""When an API node publishes the records of which days.

Spec: docs/spec/directory.md section 7. Records go out ahead, so that an owner who is away
stays reachable, and at random times, so that those of different days are not linked by
the moment of their arrival. It only plans; the caller seals and sends.
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto.types import Entropy
from zentalk.directory.records import AHEAD_DAYS
from zentalk.ids import Day, day_at
from zentalk.onion.draw import below

SPREAD_SECONDS: Final = 6 * 3600.0
"""Long enough to part the days from each other, short enough for a node that is on for an
evening to leave a week behind."""
_STEPS: Final = 1 << 32


def publication_plan(now: float, entropy: Entropy) -> list[tuple[float, Day]]:
    """Return (wall time, day) pairs in order of time: yesterday, today and tomorrow at once.

    The 7 days after those follow at independent random times within six hours.
    """
    today = day_at(now)
    urgent = [(now, Day(today + offset)) for offset in (0, 1, -1)]
    later = [
        (now + SPREAD_SECONDS * below(_STEPS, entropy) / _STEPS, Day(today + offset))
        for offset in range(2, AHEAD_DAYS + 1)
    ]
    return urgent + sorted(later)
