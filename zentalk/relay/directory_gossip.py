"""Passes on what is new in the directory: each descriptor and proof once, to a few relays.

Spec: docs/spec/directory.md section 4. News of half a second travels together, so that a
hundred relays that start at once cost a few notifications each. It never sends back to
where news came from, and never sends anything that the descriptor set did not accept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import trio

from zentalk.directory.descriptor_set import Command, DescriptorSet, GossipDescriptor
from zentalk.directory.equivocation import EquivocationProof
from zentalk.errors import ZentalkError
from zentalk.ids import NodeId
from zentalk.net.runtime import Runtime
from zentalk.onion.draw import sample
from zentalk.relay.directory_links import Links, Neighbour
from zentalk.wire.descriptor import Descriptor
from zentalk.wire.rpc_directory import announce_calls, equivocation_call

FAN_OUT: Final = 8
"""A relay misses news that everyone passes on once with a probability of about e^-8; the
next exchange with another relay makes up for it."""
LEAST_TARGETS: Final = 4
"""Below this many links, more are dialled to spread news at all."""
GATHER_SECONDS: Final = 0.5


class Gossip:
    """The queue of news and the task that sends it."""

    def __init__(
        self, runtime: Runtime, links: Links, descriptors: DescriptorSet, own: NodeId
    ) -> None:
        self._runtime = runtime
        self._links = links
        self._descriptors = descriptors
        self._own = own
        self._news: dict[NodeId, tuple[Descriptor, NodeId | None]] = {}
        self._proofs: list[EquivocationProof] = []
        self._wake = trio.Event()
        self.sent = 0
        """Notifications sent so far."""

    def push(self, commands: Sequence[Command], source: NodeId | None) -> None:
        """Queue what the descriptor set accepted; `source` is who told us, if a relay did."""
        for command in commands:
            if isinstance(command, GossipDescriptor):
                self._news[command.descriptor.node_id] = (command.descriptor, source)
            else:
                self._proofs.append(command.proof)
        if commands:
            self._wake.set()

    async def run(self) -> None:
        """Send news in small batches until cancelled."""
        while True:
            await self._wake.wait()
            await trio.sleep(GATHER_SECONDS)
            self._wake = trio.Event()
            news, self._news = self._news, {}
            proofs, self._proofs = self._proofs, []
            for connection in await self._targets():
                self._send(connection, news, proofs)

    def _send(
        self,
        connection: Neighbour,
        news: dict[NodeId, tuple[Descriptor, NodeId | None]],
        proofs: list[EquivocationProof],
    ) -> None:
        peer = connection.peer.node_id
        raws = [
            descriptor.raw
            for node_id, (descriptor, source) in news.items()
            if peer not in (node_id, source)
        ]
        calls = announce_calls(raws)
        calls += [equivocation_call(proof.first, proof.second) for proof in proofs]
        try:
            for call in calls:
                connection.notify(call)
                self.sent += 1
        except ZentalkError:
            return  # the link just ended; the exchange with other relays makes up for it

    async def _targets(self) -> list[Neighbour]:
        """Draw a few linked relays; dial some if there are not enough links."""
        linked = sorted(self._links.connected(), key=lambda item: item.peer.node_id or b"")
        targets = sample(linked, FAN_OUT, self._runtime.entropy)
        missing = LEAST_TARGETS - len(targets)
        if missing <= 0:
            return targets
        reached = {connection.peer.node_id for connection in targets}
        others = [
            descriptor.node_id
            for descriptor in self._descriptors.live(self._runtime.wall())
            if descriptor.node_id != self._own and descriptor.node_id not in reached
        ]
        for node_id in sample(others, missing, self._runtime.entropy):
            try:
                targets.append(await self._links.get(node_id))
            except ZentalkError:
                continue
        return targets
