"""When a user record is offered, looked for and changed, and what number a change has.

Spec: docs/spec/directory.md section 7. Plain synchronous code. What holders and readers can see
must say nothing of when the owner's node starts or runs: times are drawn, and a sequence names the
hour of a change, never that of publication. Times are unix seconds.
"""

from __future__ import annotations

from typing import Final

from zentalk.crypto.types import Entropy
from zentalk.directory.records import AHEAD_DAYS, CLOCK_DAYS, VALID_DAYS
from zentalk.ids import DAY_SECONDS, Day, day_at
from zentalk.net.backoff import fraction

SPREAD_SECONDS: Final = 6 * 3600.0
"""Long enough to part the days from each other and a change from its cause, short enough for a
node that is on for an evening to leave a week behind."""
LOOK_SECONDS: Final = 12 * 3600.0
"""Within this a record that readers may use is looked for at its holders once."""
SOON_SECONDS: Final = 3600.0
"""Within this a record is looked for whose holders have moved, or were reached by few."""
_HOUR_SECONDS: Final = 3600


def drawn(now: float, seconds: float, entropy: Entropy) -> float:
    """Draw a time within some seconds from now."""
    return now + seconds * fraction(entropy)


def is_urgent(day: Day, now: float) -> bool:
    """Tell whether readers may already look for the record of a day, so that it cannot wait."""
    return abs(day - day_at(now)) <= VALID_DAYS


def first_offer(day: Day, now: float, entropy: Entropy) -> float:
    """Return when a new record is offered: days ahead, at some time of that day.

    What should have been offered already follows within six hours, or at once if it is urgent.
    """
    if is_urgent(day, now):
        return now
    planned = drawn((day - AHEAD_DAYS) * DAY_SECONDS, DAY_SECONDS, entropy)
    return planned if planned > now else drawn(now, SPREAD_SECONDS, entropy)


def next_look(day: Day, now: float, entropy: Entropy) -> float:
    """Return when a record that holders have is looked for again: once readers may use it."""
    readable = (day - VALID_DAYS) * DAY_SECONDS
    if now < readable:
        return drawn(readable, DAY_SECONDS, entropy)
    return drawn(now, LOOK_SECONDS, entropy)


def time_of_change(now: float, *, works: bool, entropy: Entropy) -> float:
    """Return when holders may see that contents have changed: at once if the old are useless."""
    return drawn(now, SPREAD_SECONDS, entropy) if works else now


def sequence_of_change(day: Day, now: float, before: int) -> int:
    """Return the sequence of a record that replaces one with the sequence `before`.

    It is the number of this hour since the day could first be held, so that the owner of a folder
    that was restored from a copy is above what was published since; and above `before`.
    """
    first_held = (day - AHEAD_DAYS - CLOCK_DAYS) * DAY_SECONDS
    return max(before + 1, int((now - first_held) // _HOUR_SECONDS))
