"""What one link may use of the program that it belongs to: memory, and the processor.

Spec: docs/spec/link.md section 11. A program with few links, such as a node, gives each of
them all there is.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from zentalk.link.outbox import UNLIMITED, Account
from zentalk.net.pump import NO_TURN, Turn


@dataclass(frozen=True, slots=True)
class LinkResources:
    """The account in which a link's memory is counted, and its turn among many links.

    `origin` is in whose name the link's peer asks for more: whatever the program shares by.
    """

    account: Account = UNLIMITED
    turn: Turn = NO_TURN
    origin: Hashable = None


NO_LIMITS: Final = LinkResources()
"""A link with these waits for nobody, and is bounded by its own queues only."""
