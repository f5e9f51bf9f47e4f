"""How many descriptors and proofs others may make this relay verify without being asked.

Spec: docs/spec/directory.md section 4. What was seen before costs nothing and is not
counted. Clients hide behind guards and cannot be told apart, so beside a limit for each
link there is one for all of them together. Excess is dropped and counted; the link stays,
as an honest peer may have much to tell, and comparing snapshots makes up for it.
"""

from __future__ import annotations

from typing import Final
from weakref import WeakKeyDictionary

from zentalk.directory.allowance import Allowance
from zentalk.relay.directory.peers import Neighbour

RELAY_BURST: Final = 10_000
"""A whole network's set: what a relay may have to tell another after a partition."""
RELAY_PER_SECOND: Final = 100
CLIENT_BURST: Final = 512
CLIENT_PER_SECOND: Final = 4
CLIENTS_BURST: Final = 4096
CLIENTS_PER_SECOND: Final = 64
"""All clients together: verifying so many takes about half a percent of a core."""


class NewsLimits:
    """Allowances of links, and of all clients' links together."""

    def __init__(self, now: float) -> None:
        self._links: WeakKeyDictionary[Neighbour, Allowance] = WeakKeyDictionary()
        self._clients = Allowance(CLIENTS_BURST, CLIENTS_PER_SECOND, now)
        self.dropped = 0
        """Descriptors and proofs that nobody looked at."""

    def admits(self, link: Neighbour, now: float, units: int = 1) -> bool:
        """Say whether something new that came over a link is to be verified."""
        of_client = link.peer.node_id is None
        allowance = self._links.get(link)
        if allowance is None:
            burst, rate = RELAY_BURST, RELAY_PER_SECOND
            if of_client:
                burst, rate = CLIENT_BURST, CLIENT_PER_SECOND
            allowance = self._links[link] = Allowance(burst, rate, now)
        admitted = allowance.take(now, units) and (not of_client or self._clients.take(now, units))
        self.dropped += 0 if admitted else units
        return admitted
