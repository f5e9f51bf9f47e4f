"""The capacity of a relay for links: places, streams, memory, and turns at the processor.

Spec: docs/spec/link.md section 11. Each has its own rules in its own file; here is only
that a relay has one of each, and that every link draws on all of them.
"""

from __future__ import annotations

from collections.abc import Hashable

from zentalk.net.pump import NO_TURN, Meter, Turn
from zentalk.net.resources import LinkResources
from zentalk.net.turns import Turns
from zentalk.relay.links.admission import Admission
from zentalk.relay.links.handshakes import HandshakeTurns
from zentalk.relay.links.memory_budget import MemoryBudget
from zentalk.relay.links.stream_shares import StreamShares


class LinkCapacity:
    """The capacity of one relay; `turns.run` must be running."""

    def __init__(self, network: str, max_links: int, budget: MemoryBudget) -> None:
        self.budget = budget
        self.admission = Admission(network, max_links, budget)
        self.streams = StreamShares(budget)
        self.handshakes = HandshakeTurns()
        self.turns = Turns()
        self.meter = Meter()
        """The bytes that the links have carried; what runs inside one is in its bytes already."""

    def resources(self, origin: Hashable, turn: Turn = NO_TURN) -> LinkResources:
        """Return what a new link may use; a link inside another takes no turns of its own."""
        account = self.budget.account()
        if turn is NO_TURN:
            return LinkResources(account, origin=origin)
        return LinkResources(account, turn, self.meter, origin)
