"""Look-ups for nobody, so that a look-up does not mean that a conversation begins.

Spec: docs/spec/onion.md section 13. At times drawn from nothing but chance a shaped node
does over its tunnels what comes before a first message: it reads a user record (its own)
and asks a mailbox relay one question. It must never take a prekey, of which there are few.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import trio

from zentalk.errors import RELAY_FAULTS
from zentalk.ids import SEND_ID_BYTES, SendId, UserAddress
from zentalk.net.backoff import exponential
from zentalk.net.runtime import Runtime
from zentalk.node.network import NodeNetwork
from zentalk.node.records.lookup import Records
from zentalk.onion.draw import pick
from zentalk.wire.descriptor import ROLE_MAILBOX
from zentalk.wire.rpc_send_ids import encode_state_request

MEAN_SECONDS: Final = 1800.0


class Decoys:
    """Decoys of one node; `run` does nothing where the profile has no shape."""

    def __init__(
        self, runtime: Runtime, network: NodeNetwork, records: Records, own: UserAddress
    ) -> None:
        self._runtime = runtime
        self._network = network
        self._records = records
        self._own = own

    async def run(self) -> None:
        """Look up at random times, until cancelled."""
        if self._network.profile.shape is None:
            return
        entropy = self._runtime.for_part("decoys").entropy
        while True:
            await trio.sleep(exponential(MEAN_SECONDS, entropy))
            with suppress(*RELAY_FAULTS):
                await self._records.find(self._own)
                await self._ask()

    async def _ask(self) -> None:
        """Ask about a send id that does not exist: the answer is as long as any other."""
        known = self._network.descriptors()
        relays = sorted(n for n, found in known.items() if found.roles & ROLE_MAILBOX)
        if not relays:
            return
        send_id = SendId(self._runtime.entropy(SEND_ID_BYTES))
        async with self._network.tunnel(pick(relays, self._runtime.entropy)) as link:
            await link.request(encode_state_request(send_id))
