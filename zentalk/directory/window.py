"""The time in which a descriptor is of use: its own epoch and one to either side.

Spec: docs/spec/directory.md section 3.
"""

from __future__ import annotations

from zentalk.ids import epoch_at
from zentalk.wire.descriptor import Descriptor


def is_usable(descriptor: Descriptor, now: float) -> bool:
    """Say whether a descriptor's epoch is now or one to either side.

    A descriptor is usable until the end of the epoch after its own; one from further
    ahead than the next epoch is a lie or a broken clock.
    """
    return abs(descriptor.epoch - epoch_at(now)) <= 1
