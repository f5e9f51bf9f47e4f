"""What a relay has to give to links: places, memory, and turns at the processor.

Spec: docs/spec/link.md section 11. Each of the three has its own rules in its own file; here is
only that a relay has one of each, and that every link draws on all of them.
"""

from __future__ import annotations

from zentalk.net.pump import Meter
from zentalk.net.resources import LinkResources
from zentalk.net.turns import LinkTurn, Turns
from zentalk.relay.links.admission import Admission
from zentalk.relay.links.memory_budget import MemoryBudget


class LinkCapacity:
    """The capacity of one relay; `turns.run` must be running."""

    def __init__(self, network: str, max_links: int, budget: MemoryBudget) -> None:
        self.budget = budget
        self.admission = Admission(network, max_links, budget)
        self.turns = Turns()
        self.meter = Meter()
        """What the links have carried; what runs inside one is in its bytes already."""

    def resources(self, turn: LinkTurn | None = None) -> LinkResources:
        """Return what a new link may use; a link inside another takes no turns of its own."""
        account = self.budget.account()
        return LinkResources(account) if turn is None else LinkResources(account, turn, self.meter)
