"""What a relay counts when a mistake of ours ends a link, or costs a packet that waited.

Spec: docs/spec/link.md section 11. How it is contained is in `zentalk.net.containment`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from typing import Final

import structlog

from zentalk.net import containment
from zentalk.relay.metrics import Counters

MISTAKE: Final = "mistake"
"""The word under which they are counted."""

_LOG: Final = structlog.get_logger("zentalk.relay")


def contained(
    counters: Counters, event: str = "link_ended_by_a_mistake"
) -> AbstractContextManager[None]:
    """Run the work of one link or packet: what it raises is counted and goes no further."""
    return containment.contained(_LOG, event, partial(counters.refuse, MISTAKE))
