"""The relays that we reached, the descriptors that wait for that, and the plan of probes.

It keeps and plans; `zentalk.directory` has the rules, and the state of the relay's directory
decides what follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from zentalk.directory.observations import Observation, ObservedRelays
from zentalk.directory.waiting_pool import WaitingDescriptor, WaitingPool
from zentalk.directory.window import is_usable
from zentalk.net.backoff import fraction
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.relay.observing.further import FurtherAddresses
from zentalk.relay.observing.schedule import Cause, ProbeSchedule
from zentalk.wire.descriptor import Descriptor, node_id_of
from zentalk.wire.text import RelayUri

SPREAD_SECONDS: Final = 60.0
SPREAD_PER_RELAY_SECONDS: Final = 0.006
"""First probes come within so long: a network of ten at once, one of 10,000 within a minute."""
AGAIN_SPREAD_SECONDS: Final = 2400.0
"""Those of a day ago come within so long, or a whole network would be probed at once each day. In
two hours, after which they count no longer, there are three tries."""
RETRY_SECONDS: Final = 600.0


class Observing:
    """One relay's observations and what is to become one; `wake` is set when a probe is planned."""

    def __init__(self, runtime: Runtime, network: str, observations: ObservedRelays) -> None:
        self._runtime = runtime
        self.observations = observations
        self.pool = WaitingPool(network)
        self.schedule = ProbeSchedule(network)
        self._further = FurtherAddresses(observations)
        self.wake = Signal()

    def wait(self, item: WaitingDescriptor, relays: int) -> None:
        """Let a descriptor wait until its relay is reached; `relays` is how many count already.

        Who showed itself is probed at once, at first where it came from, others in a while.
        Addresses that cannot count here are left out.
        """
        if not self.observations.rules.allow(item.descriptor):
            return
        for gone in self.pool.put(item):
            self._forget(gone, besides=item.descriptor)
        if not self.wants(item.descriptor.uri, Cause.RUMOUR):
            return
        homes = [uri for uri in item.descriptor.uris() if uri.host == item.home]
        if homes:
            self._plan(homes[0], 0.0, Cause.HOME)
        elif item.said_hello:
            self._plan(item.descriptor.uri, 0.0, Cause.HELLO)
        else:
            spread = min(SPREAD_SECONDS, SPREAD_PER_RELAY_SECONDS * (relays + len(self.pool)))
            seconds = spread * fraction(self._runtime.entropy)
            self._plan(item.descriptor.uri, seconds, Cause.RUMOUR)

    def reached(self, uri: RelayUri, address: str, known: Descriptor | None) -> Observation | None:
        """Take note that a relay proved its identity at an address.

        `known` is its descriptor if it counts already. None if nothing follows from it: it is one
        of its further lanes or another way to it that the operator knows, or there is no place.
        """
        waits = self.pool.get(node_id_of(uri.identity))
        named = {uri for item in (known, waits) if item is not None for uri in item.uris()}
        found = Observation(uri, address, self._runtime.wall())
        if (named and uri not in named) or not self.observations.note(found, named):
            return None
        return found

    def failed(self, uri: RelayUri, cause: Cause) -> None:
        """Try a relay at its next address, or once more later if that was its last.

        Only if it waits: others are planned by `look_again`.
        """
        waiting = self.pool.get(node_id_of(uri.identity))
        if cause is Cause.AGAIN or waiting is None or uri not in waiting.uris():
            return
        if cause is Cause.FURTHER:
            cause = Cause.RUMOUR  # the probe that was planned for what waits gave way to this one
        uris = waiting.uris()
        if cause is Cause.HOME:
            self._plan(uris[0], RETRY_SECONDS if len(uris) == 1 else 0.0, Cause.HELLO)
        elif uri != uris[-1]:
            self._plan(uris[uris.index(uri) + 1], 0.0, cause)
        else:
            self._plan(uris[0], RETRY_SECONDS * (1 + fraction(self._runtime.entropy)), cause)

    def wants(self, uri: RelayUri, cause: Cause) -> bool:
        """Say whether a planned probe is still to be made."""
        waiting = self.pool.get(node_id_of(uri.identity))
        if waiting is not None and uri in waiting.uris():
            return True
        return cause is Cause.AGAIN or (cause is Cause.FURTHER and uri in self._further)

    def look_again(self, relays: Sequence[Descriptor]) -> None:
        """Plan to reach relays anew that were reached a day ago.

        `relays` are those that count: where else they say they are is looked at once a day too.
        """
        for uri in self.observations.old(self._runtime.wall()):
            self._plan_unplanned(uri, AGAIN_SPREAD_SECONDS, Cause.AGAIN)
        for uri in self._further.due(relays, self._runtime.monotonic()):
            self._plan_unplanned(uri, SPREAD_SECONDS, Cause.FURTHER)

    def expire(self) -> None:
        """Let go of descriptors whose epochs are over, and of relays not reached for a day."""
        wall = self._runtime.wall()
        self.observations.expire(wall)
        for descriptor in self.pool.all():
            if not is_usable(descriptor, wall):
                self.pool.take(descriptor.node_id)
                self._forget(descriptor)

    def _forget(self, gone: Descriptor, besides: Descriptor | None = None) -> None:
        """Plan nothing for a relay where it was said to be, but where it still is."""
        for uri in gone.uris():
            if besides is None or uri not in besides.uris():
                self.schedule.forget(uri)

    def _plan_unplanned(self, uri: RelayUri, within: float, cause: Cause) -> None:
        if uri not in self.schedule:
            self._plan(uri, within * fraction(self._runtime.entropy), cause)

    def _plan(self, uri: RelayUri, seconds: float, cause: Cause) -> None:
        self.schedule.plan(uri, self._runtime.monotonic() + seconds, cause)
        self.wake.set()
