"""What relays ask for a new mailbox: three others are asked when one asks for work.

Spec: docs/spec/mailbox.md section 15. Nobody is asked while new mailboxes are free. A relay that
names a low price and asks for more gains nothing: what it asked for is noted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import trio

from zentalk.errors import RELAY_FAULTS
from zentalk.ids import NodeId
from zentalk.net.runtime import Runtime
from zentalk.node.mailboxes.selection import MailboxSelection
from zentalk.node.network import NodeNetwork
from zentalk.wire.rpc_mailbox import decode_price_response, encode_price_request

ASKED_SIDE_BY_SIDE: Final = 4
"""Relays whose prices are compared, the one that asked for work among them."""
KNOWN_SECONDS: Final = 600.0
_UNKNOWN: Final = 256
"""As dear as no relay can be: taken last."""


class Prices:
    """The prices that this node has heard lately."""

    def __init__(self, runtime: Runtime, network: NodeNetwork, selection: MailboxSelection) -> None:
        self._runtime = runtime
        self._network = network
        self._selection = selection
        self._known: dict[NodeId, tuple[int, float]] = {}
        self._asking = trio.Lock()

    async def is_cheaper_elsewhere(self, relay: NodeId, bits: int) -> bool:
        """Note what a relay asks for; tell whether another asks for less."""
        async with self._asking:
            self._note(relay, bits)
            others = [node_id for node_id in self._selection.draw() if node_id not in self._fresh()]
            missing = max(0, ASKED_SIDE_BY_SIDE - len(self._fresh()))
            async with trio.open_nursery() as nursery:
                for other in others[:missing]:
                    nursery.start_soon(self._ask, other)
        taken = self._network.packets.own_mailboxes
        return any(price < bits for node_id, price in self._fresh().items() if node_id not in taken)

    def cheapest_first(self, drawn: Sequence[NodeId]) -> list[NodeId]:
        """Return relays in the order in which to take them, as drawn where no price is known.

        One of which we hold a token asks for nothing.
        """
        fresh, token = self._fresh(), self._network.access.token
        return sorted(
            drawn,
            key=lambda node_id: 0 if token(node_id) is not None else fresh.get(node_id, _UNKNOWN),
        )

    async def _ask(self, relay: NodeId) -> None:
        try:
            async with self._network.tunnels.short(relay) as connection:
                body = await connection.request(encode_price_request())
            self._note(relay, decode_price_response(body))
        except RELAY_FAULTS:
            self._note(relay, _UNKNOWN)

    def _note(self, relay: NodeId, bits: int) -> None:
        self._known[relay] = (bits, self._runtime.monotonic())

    def _fresh(self) -> dict[NodeId, int]:
        oldest = self._runtime.monotonic() - KNOWN_SECONDS
        self._known = {relay: known for relay, known in self._known.items() if known[1] >= oldest}
        return {relay: bits for relay, (bits, _) in self._known.items()}
