"""What becomes of packets: reports and tokens in, scores and names of relays out.

Spec: docs/spec/onion.md section 14. It also notices what explains a loss: a link that broke,
a relay that restarted. It must never decide over which relays anything goes.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import trio

from zentalk.ids import NodeId
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.relays.loss_detection import LossDetector
from zentalk.node.relays.scores import RelayScores
from zentalk.node.relays.view import CurrentRelays, RelayView
from zentalk.node.tunnels.tunnels import Tunnels

_LOOK_SECONDS: Final = 10.0
"""How often lost packets are looked for when nothing else happens."""


class PacketFates:
    """The fates of one node's packets; `run` must be running for those without a sign.

    A token that has not come `patience_seconds` after its packet counts as lost.
    """

    def __init__(
        self, patience_seconds: float, runtime: Runtime, tunnels: Tunnels, relays: CurrentRelays
    ) -> None:
        self.losses = LossDetector(patience_seconds)
        self.guard_scores = RelayScores()
        """How packets over a guard fare, whatever relays come after it."""
        self.collected: Counter[NodeId] = Counter()
        """The relays at which mailboxes of ours are collected now, with their number."""
        self._runtime = runtime
        self._links = tunnels.links
        self._scores = tunnels.scores
        self._relays = relays
        self._linked: frozenset[NodeId] = frozenset()
        self._boots: dict[NodeId, int] = {}
        self._view: RelayView | None = None
        self._restarted: set[NodeId] = set()
        self._restarts = Signal()

    async def run(self) -> None:
        """Look whenever links or relays have changed, and at times, until cancelled."""
        while True:
            self.look()
            with trio.move_on_after(_LOOK_SECONDS):
                await self._links.changes.park()

    def token_returned(self, token: bytes) -> bool:
        """Take note of a token; True if it was a loop's, and is nobody else's business."""
        return self.losses.returned(token, self._runtime.monotonic())

    def report_lost(self, hops: tuple[NodeId, ...], token: bytes | None = None) -> None:
        """No sign came of a packet sent over `hops`, nor the ack with `token`."""
        now = self._runtime.monotonic()
        self._scores.lost(hops, self.losses.take_ack_path(token), now)
        self.guard_scores.lost(hops[:1], (), now)

    def report_arrived(self, hops: tuple[NodeId, ...], token: bytes | None = None) -> None:
        """A packet sent over `hops` arrived; with `token`, so did its ack."""
        now = self._runtime.monotonic()
        self._scores.arrived((*hops, *self.losses.take_ack_path(token)), now)
        self.guard_scores.arrived(hops[:1], now)
        if token is None:
            self.losses.confirmed(hops)

    def looks_lost(self, hops: tuple[NodeId, ...]) -> bool:
        """Tell whether a relay before the last of `hops` looks dead.

        The hop before the end is drawn whatever is known of it.
        """
        return not self._scores.dead(self._runtime.monotonic()).isdisjoint(hops[:-1])

    def collecting(self, relay: NodeId, *, begins: bool) -> None:
        """A mailbox of ours is collected from now on, or no longer."""
        self.collected[relay] += 1 if begins else -1
        if self.collected[relay] <= 0:
            del self.collected[relay]

    async def restarted_relays(self) -> frozenset[NodeId]:
        """Return relays of which a newer boot is known now, as soon as there are any.

        What was on its way through them is lost. One task at a time may wait.
        """
        await self._restarts.wait()
        restarted = frozenset(self._restarted)
        self._restarted.clear()
        return restarted

    def look(self) -> None:
        """Take up what has changed: links, relays, and packets without any sign for too long."""
        now = self._runtime.monotonic()
        self._look_at_links(now)
        view = self._relays.view()
        if view is not self._view:
            self._view = view
            self._look_at_boots(view)
        self.losses.tick(now, self.collected)
        if self.losses.loop_overdue(now):
            self._relays.refresh_soon()

    def _look_at_links(self, now: float) -> None:
        linked = frozenset(self._links.connected())
        for guard in self._linked - linked:
            self.losses.link_broke(guard, now)
        if self._linked and not linked:
            self.losses.went_offline()
        self._linked = linked

    def _look_at_boots(self, view: RelayView) -> None:
        """Let relays that restarted begin with a clean slate."""
        boots = {node_id: descriptor.boot for node_id, descriptor in view.relays.items()}
        restarted = [n for n, boot in boots.items() if self._boots.get(n, boot) != boot]
        for node_id in restarted:
            self.losses.restarted(node_id)
            self._scores.restarted(node_id)
            self.guard_scores.restarted(node_id)
        self._boots = boots
        if restarted:
            self._restarted.update(restarted)
            self._restarts.set()
