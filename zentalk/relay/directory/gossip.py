"""Passes on what is new in the directory: each descriptor and proof once, to a few relays.

Spec: docs/spec/directory.md section 4. News of half a second travels together, so that a
hundred relays that start at once cost a few notifications each. It never sends back to
where news came from, and never sends anything that the descriptor set did not accept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import trio

from zentalk.directory.equivocation import EquivocationProof
from zentalk.directory.news import Command, GossipDescriptor, GossipEquivocation
from zentalk.errors import ZentalkError
from zentalk.ids import NodeId
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.onion.draw import sample
from zentalk.relay.directory.known_relays import KnownRelays
from zentalk.relay.directory.peers import Neighbour, PeerLinks
from zentalk.wire.descriptor import Descriptor
from zentalk.wire.rpc_directory import encode_announces, encode_equivocation

FAN_OUT: Final = 8
"""A relay misses news that everyone passes on once with a probability of about e^-8; the
next exchange with another relay makes up for it."""
LEAST_TARGETS: Final = 4
"""Below this many links, more are dialled to spread news at all."""
GATHER_SECONDS: Final = 0.5

News: TypeAlias = Mapping[NodeId, tuple[Descriptor, NodeId | None]]
Proofs: TypeAlias = Sequence[EquivocationProof]


class Gossip:
    """The queue of news and the task that sends it."""

    def __init__(self, runtime: Runtime, links: PeerLinks, known: KnownRelays, own: NodeId) -> None:
        self._runtime = runtime
        self._links = links
        self._known = known
        self._own = own
        self._news: dict[NodeId, tuple[Descriptor, NodeId | None]] = {}
        self._proofs: list[EquivocationProof] = []
        self._wake = Signal()
        self.sent = 0
        """Notifications sent so far."""

    def push(self, commands: Sequence[Command], source: NodeId | None) -> None:
        """Queue what the descriptor set accepted; `source` is who told us, if a relay did."""
        for command in commands:
            if isinstance(command, GossipDescriptor):
                self._news[command.descriptor.node_id] = (command.descriptor, source)
            elif isinstance(command, GossipEquivocation):
                self._proofs.append(command.proof)
        if self._news or self._proofs:
            self._wake.set()

    async def run(self) -> None:
        """Send news in small batches until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                await self._wake.wait()
                await trio.sleep(GATHER_SECONDS)
                self._wake.take()  # what came meanwhile is sent now
                news, self._news = self._news, {}
                proofs, self._proofs = self._proofs, []
                targets = self._linked()
                for neighbour in targets:
                    self._send(neighbour, news, proofs)
                for node_id in self._others(targets):
                    # Dials run beside each other: one dead relay must not hold up the news.
                    nursery.start_soon(self._dial_and_send, node_id, news, proofs)

    async def _dial_and_send(self, node_id: NodeId, news: News, proofs: Proofs) -> None:
        try:
            neighbour = await self._links.get(node_id)
        except ZentalkError:
            return
        self._send(neighbour, news, proofs)

    def _send(self, neighbour: Neighbour, news: News, proofs: Proofs) -> None:
        peer = neighbour.peer.node_id
        raws = [
            descriptor.raw
            for node_id, (descriptor, source) in news.items()
            if peer not in (node_id, source)
        ]
        calls = encode_announces(raws)
        calls += [encode_equivocation(proof.first, proof.second) for proof in proofs]
        try:
            for call in calls:
                neighbour.notify(call)
                self.sent += 1
        except ZentalkError:
            return  # the link just ended; the exchange with other relays makes up for it

    def _linked(self) -> list[Neighbour]:
        """Draw a few relays among those that are linked now."""
        linked = sorted(self._links.connected(), key=lambda item: item.peer.node_id or b"")
        return sample(linked, FAN_OUT, self._runtime.entropy)

    def _others(self, targets: Sequence[Neighbour]) -> list[NodeId]:
        """Draw relays to dial when too few are linked to spread news at all."""
        missing = LEAST_TARGETS - len(targets)
        if missing <= 0:
            return []
        reached = {self._own, *(neighbour.peer.node_id for neighbour in targets)}
        live = self._known.live()
        others = [item.node_id for item in live if item.node_id not in reached]
        return sample(others, missing, self._runtime.entropy)
