"""Whether the clock of a node or relay is wrong, going by the epochs that relays are in.

Plain code without a clock. It only explains to the owner why nothing works: no rule may
follow what it finds, because the relays that respond can make it find anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from itertools import islice
from typing import Final

from zentalk.errors import RemoteProtocolError
from zentalk.ids import EPOCH_SECONDS, Epoch, epoch_at
from zentalk.wire.descriptor import decode_descriptor

PUBLISHED_SECONDS: Final = 2700.0
"""Relays publish for a new epoch within 35 minutes of its start; ten more are for clocks."""
LEAST_RELAYS: Final = 2
LOOKED_AT: Final = 8
"""Descriptors of one comparison that were not taken and are decoded once more for their epoch."""


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


def epochs_of(raws: Iterable[bytes]) -> list[Epoch]:
    """Return the epochs of a few descriptors that were not taken, perhaps because of the clock."""
    found = []
    for raw in islice(raws, LOOKED_AT):
        with suppress(RemoteProtocolError):
            found.append(decode_descriptor(raw).epoch)
    return found


def amount(ahead: int) -> str:
    """Return a number of hours that is not 0 as people say it: `2 hours ahead of`."""
    hours = "an hour" if abs(ahead) == 1 else f"{abs(ahead)} hours"
    return f"{hours} {'ahead of' if ahead > 0 else 'behind'}"


def note(ahead: int) -> str | None:
    """Return what to tell the owner, or None."""
    if not ahead:
        return None
    return (
        f"this computer's clock is about {amount(ahead)} the relays: set it right to be reachable"
    )
