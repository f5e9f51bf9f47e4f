"""Refreshes the snapshot, and the view of relays that paths are drawn from.

Spec: docs/spec/directory.md section 8. What to believe is the directory core's decision;
this file decides when to refresh, and `SnapshotSources` of whom to request. It must never let
anybody make this node refresh more than once a minute on average, or in a small network as
often as costs the same.
"""

from __future__ import annotations

import math
from contextlib import AbstractAsyncContextManager
from typing import Final

import trio

from zentalk.ids import EPOCH_SECONDS, Epoch, NodeId, epoch_at
from zentalk.net.backoff import fraction, half_jitter
from zentalk.net.connection import Connection
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.relays.view import NetworkSize, RelayView, make_view
from zentalk.node.snapshot.client import SnapshotClient
from zentalk.node.snapshot.shown_relays import REFRESHES, ShownRelays
from zentalk.node.snapshot.sources import SnapshotSource, SnapshotSources

REFRESH_SECONDS: Final = 600.0
_REFRESH_SPREAD: Final = 0.2
"""Refreshes come 10 minutes apart, a fifth more or less."""
ASKED_APART_SECONDS: Final = 60.0
"""Refreshes before their time come once a minute on average ..."""
APART_PER_RELAY_SECONDS: Final = 0.15
LEAST_APART_SECONDS: Final = 1.5
"""... or more often where a snapshot is small: with ten relays that restart one after the
other, one that is a minute old has the mix keys of hardly any. Each refresh that finds no relay
restarted doubles that, as what gets lost has another cause."""
_MOST_DOUBLINGS: Final = 8
BURST: Final = 3
"""But the first three may come together: when relays restart, the first answer may still
be the old one, and the next must not be a minute away."""
GAP_SHARE: Final = 0.25
"""Of that time, at least, between any two."""
PAUSE_SECONDS: Final = 1.0
"""A caller that asks has just seen something break: let it settle first."""
RETRY_FIRST_SECONDS: Final = 1.0
RETRY_LONGEST_SECONDS: Final = 60.0
GUARDS_COME_SECONDS: Final = 10.0
"""How long a start waits for guards of the last time before it turns to bootstraps."""


class SnapshotRefresher:
    """The snapshot of one node; all that park in `changes` are woken by each new view.

    A snapshot on one source's word is used only if `one_source_is_enough`: no more than
    one was configured. From then on `unverified` holds, whatever later refreshes say: all
    that is known came from that one.
    """

    def __init__(
        self,
        network: str,
        runtime: Runtime,
        *,
        id_difficulty: int,
        one_source_is_enough: bool,
        changes: trio.lowlevel.ParkingLot,
    ) -> None:
        self._runtime = runtime
        self._one_is_enough = one_source_is_enough
        self._changes = changes
        self._view = RelayView(Epoch(0))
        self._epoch_began = 0
        self._sources: dict[NodeId, SnapshotSource] = {}
        self._wake = Signal()
        self._due = math.inf
        self._planned = -math.inf
        self._spent_until = -math.inf
        self._fruitless = 0
        self.shown = ShownRelays()
        self.client = SnapshotClient(runtime, self._open, network, id_difficulty)
        self.size = NetworkSize()
        self.unverified = False
        self.omitting = False

    def view(self) -> RelayView:
        """Return the relays to use now; built anew when the epoch has turned."""
        wall = self._runtime.wall()
        if not self._epoch_began <= wall < self._epoch_began + EPOCH_SECONDS:
            known = len(self._view.relays)
            self._rebuild(epoch_at(wall))
            if len(self._view.relays) < known:
                self.refresh_soon()  # keys are missing: this node slept
        return self._view

    def refresh_soon(self, *, restarted: bool = False) -> None:
        """Ask for a refresh before its time; often asking does not make it come more often.

        `restarted` says that a relay probably has: that refreshes found nothing before no longer
        counts.
        """
        now = self._runtime.monotonic()
        if restarted and self._fruitless:
            self._fruitless = 0
            self._spent_until = min(self._spent_until, now)
        if self._planned > now:
            return
        if now - self._planned > REFRESH_SECONDS:
            self._fruitless = 0
        small = max(LEAST_APART_SECONDS, APART_PER_RELAY_SECONDS * len(self._view.relays))
        apart = min(ASKED_APART_SECONDS, small * 2.0 ** min(self._fruitless, _MOST_DOUBLINGS))
        affordable = self._spent_until - (BURST - 1) * apart
        self._planned = max(now + PAUSE_SECONDS, self._planned + GAP_SHARE * apart, affordable)
        self._spent_until = max(self._spent_until, self._planned) + apart
        self._due = min(self._due, self._planned)
        self._wake.set()

    async def run(self, sources: SnapshotSources) -> None:
        """Refresh whenever it is due, until cancelled; at a start so often at once as it takes.

        Who has counted before which relays last asks once.
        """
        async with trio.open_nursery() as nursery:
            await self._await_guards(sources)
            failures = refreshes = 0
            while True:
                fresh = await self._refresh(sources, nursery)
                failures = 0 if fresh else failures + 1
                refreshes += fresh
                if fresh and (refreshes >= REFRESHES or self._knows_what_lasts()):
                    await self._rest()
                elif not fresh:
                    await trio.sleep(
                        half_jitter(
                            failures - 1,
                            RETRY_FIRST_SECONDS,
                            RETRY_LONGEST_SECONDS,
                            self._runtime.entropy,
                        )
                    )

    def _knows_what_lasts(self) -> bool:
        """Say whether most relays were shown often enough: this node has run before."""
        return 2 * len(self._view.lasting) >= len(self._view.relays)

    async def _await_guards(self, sources: SnapshotSources) -> None:
        """Let the guards of the last time connect: bootstraps need not see this start."""
        if not sources.has_guards():
            return
        with trio.move_on_after(GUARDS_COME_SECONDS):
            while not sources.enough(self.view()):
                await sources.changed()

    async def _refresh(self, sources: SnapshotSources, nursery: trio.Nursery) -> bool:
        """Refresh once; False if nothing was learnt, so that it is to be tried again soon."""
        self._due = math.inf
        chosen = sources.choose(self.view(), self._runtime.monotonic(), nursery)
        self._sources = {source.node_id: source for source in chosen}
        before = self._boots()
        result = await self.client.fetch_snapshot(list(self._sources))
        if result.unverified and self._one_is_enough:
            self.unverified = True
        self.omitting = bool(result.dropped)
        if result.complete and (self._one_is_enough or not result.unverified):
            accepted = {item.node_id for item in result.descriptors}
            self.shown.note(result.shown, self._sources.keys(), accepted)
        self._rebuild(epoch_at(self._runtime.wall()))
        if self._boots() != before:
            self._fruitless = 0
            self._spent_until = min(self._spent_until, self._runtime.monotonic())
        else:
            self._fruitless += 1
        return result.complete and bool(self._view.relays)

    def _boots(self) -> dict[NodeId, int]:
        return {key: item.boot for key, item in self.client.descriptors().items()}

    def _rebuild(self, epoch: Epoch) -> None:
        untrusted = self.client.unverified and not self._one_is_enough
        relays = {} if untrusted else self.client.descriptors()
        self._epoch_began = epoch * EPOCH_SECONDS
        boots, wall = self.client.boots_last_hour(), self._runtime.wall()
        self._view = make_view(relays.values(), epoch, boots, self.shown.often(), self.size, wall)
        self._changes.unpark_all()

    async def _rest(self) -> None:
        """Wait until a refresh is due: by time, or for some cause."""
        now = self._runtime.monotonic()
        share = 1.0 + _REFRESH_SPREAD * (2.0 * fraction(self._runtime.entropy) - 1.0)
        self._due = min(self._due, now + REFRESH_SECONDS * share)
        while (wait := self._due - self._runtime.monotonic()) > 0:
            await self._wake.wait(wait)

    def _open(self, node_id: NodeId) -> AbstractAsyncContextManager[Connection]:
        return self._sources[node_id].open()
