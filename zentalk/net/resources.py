"""The resources that one link may use of its program: memory, and the processor.

Spec: docs/spec/link.md section 11. A program with few links, such as a node, gives each of
them all there is.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

from zentalk.link.outbox import UNLIMITED, Account
from zentalk.net.pump import NO_TURN, Meter, Turn


@dataclass(frozen=True, slots=True)
class LinkResources:
    """The account in which a link's memory is counted, its turn among many links, and the meter
    of what it carries.

    `origin` is in whose name the link's peer asks for more: whatever the program shares by.
    """

    account: Account = UNLIMITED
    turn: Turn = NO_TURN
    meter: Meter = field(default_factory=Meter)
    origin: Hashable = None


NO_LIMITS: Final = LinkResources()
"""A link with these waits for nobody, and is bounded by its own queues only."""
