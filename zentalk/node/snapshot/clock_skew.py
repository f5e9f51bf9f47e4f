"""Whether this node's clock is wrong, going by the epochs that relays are in.

Plain code without a clock. It only explains to the owner why nothing works: no rule may
follow what it finds, because the relays that respond to a node can make it find anything.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from zentalk.ids import EPOCH_SECONDS, Epoch, epoch_at

PUBLISHED_SECONDS: Final = 2700.0
"""Relays publish for a new epoch within 35 minutes of its start; ten more are for clocks."""
LEAST_RELAYS: Final = 2


def hours_ahead(epochs: Collection[Epoch], wall: float) -> int:
    """Return by how many epochs of an hour `wall` is ahead of most relays; 0 if it seems right.

    `epochs` are those of the descriptors that relays show now. Negative: it is behind.
    """
    if len(epochs) < LEAST_RELAYS:
        return 0
    own = epoch_at(wall)
    ahead = own - sorted(epochs)[len(epochs) // 2]
    if ahead == 1 and wall - own * EPOCH_SECONDS < PUBLISHED_SECONDS:
        return 0
    return ahead


def note(ahead: int) -> str | None:
    """Return what to tell the owner, or None."""
    if not ahead:
        return None
    hours = "an hour" if abs(ahead) == 1 else f"{abs(ahead)} hours"
    way = "ahead of" if ahead > 0 else "behind"
    return f"this computer's clock is about {hours} {way} the relays: set it right to be reachable"
