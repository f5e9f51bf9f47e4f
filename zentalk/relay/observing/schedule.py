"""Plans when each relay is probed, and limits how often one address and its surroundings are.

Spec: docs/spec/directory.md section 3. Plain synchronous code. Who makes descriptors decides where
others connect to, so no address and no range of addresses is connected to often because of them.
What rumours use up is not taken from relays that show themselves, or that are known already.
Times are monotonic seconds.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from enum import Enum
from typing import Final

from zentalk.directory.subnets import narrow_subnet
from zentalk.wire.text import RelayUri

SAME_ADDRESS_SECONDS: Final = 600.0
PER_SUBNET: Final = 6
"""Probes a minute in one /24 or /48, for each cause, but all that are told together; at one address
of who came from there."""
_MINUTE: Final = 60.0
_FEW: Final = 1024


class Cause(Enum):
    """The cause for probing a relay."""

    RUMOUR = "somebody told of it"
    HELLO = "it showed itself"
    HOME = "it showed itself from where it says it is"
    AGAIN = "it was reached a day ago"
    FURTHER = "it was reached elsewhere, and says it is there too"

    @property
    def is_told(self) -> bool:
        """Say whether nothing but somebody's word speaks for the address."""
        return self in {Cause.RUMOUR, Cause.FURTHER}


class ProbeSchedule:
    """The probes that are planned, and those made lately."""

    def __init__(self, network: str) -> None:
        self._network = network
        self._planned: dict[RelayUri, tuple[float, Cause]] = {}
        self._order: list[tuple[float, int, RelayUri]] = []
        self._count = 0
        self._done: dict[object, float] = {}
        self._subnets: dict[tuple[Cause, str], deque[float]] = {}
        self._sweep_above = _FEW

    def __contains__(self, uri: RelayUri) -> bool:
        """Say whether a probe of a relay is planned."""
        return uri in self._planned

    def plan(self, uri: RelayUri, at: float, cause: Cause) -> None:
        """Probe a relay at a time, or when it was planned if that is sooner."""
        known = self._planned.get(uri)
        if known is None or at < known[0]:
            self._put(uri, at, cause)

    def forget(self, uri: RelayUri) -> None:
        """Plan nothing for a relay any more."""
        self._planned.pop(uri, None)

    def next_at(self) -> float:
        """Return when something is due next, infinity if nothing is planned."""
        while self._order and not self._is_current(self._order[0]):
            heapq.heappop(self._order)
        return self._order[0][0] if self._order else math.inf

    def due(self, now: float) -> list[tuple[RelayUri, Cause]]:
        """Take what is to be probed now; what its address or range may not bear is put off."""
        found = []
        while self.next_at() <= now:
            _, _, uri = heapq.heappop(self._order)
            _, cause = self._planned.pop(uri)
            later = self.admit(uri, uri.host, cause, now)
            if later:
                self._put(uri, now + later, cause)
            else:
                found.append((uri, cause))
        return found

    def admit(self, uri: RelayUri, host: str, cause: Cause, now: float) -> float:
        """Return 0 if a relay may be probed at a host now, else in how many seconds perhaps."""
        subnet = narrow_subnet(host, self._network)
        place = self._place(uri, host, subnet, cause)
        waits = self._done.get(place, -math.inf) + SAME_ADDRESS_SECONDS - now
        if waits > 0:
            return waits
        if subnet:
            # Who came from there is connected to at its own wish, whatever its neighbours claim.
            area = host if cause is Cause.HOME else subnet
            counted = Cause.RUMOUR if cause.is_told else cause
            lately = self._subnets.setdefault((counted, area), deque(maxlen=PER_SUBNET))
            if len(lately) == PER_SUBNET and now - lately[0] < _MINUTE:
                return lately[0] + _MINUTE - now
            lately.append(now)
        self._done[place] = now
        self._forget_old(now)
        return 0.0

    def _place(self, uri: RelayUri, host: str, subnet: str, cause: Cause) -> object:
        """Return what is connected to seldom: told, the address; for others, that relay there.

        An exempt host holds a whole network, so there a port is what an address is elsewhere.
        """
        if not cause.is_told:
            return (cause, uri, host)
        return host if subnet else (host, uri.port)

    def _put(self, uri: RelayUri, at: float, cause: Cause) -> None:
        self._planned[uri] = (at, cause)
        self._count += 1
        heapq.heappush(self._order, (at, self._count, uri))

    def _is_current(self, item: tuple[float, int, RelayUri]) -> bool:
        planned = self._planned.get(item[2])
        return planned is not None and planned[0] == item[0]

    def _forget_old(self, now: float) -> None:
        if len(self._done) + len(self._subnets) > self._sweep_above:
            oldest = now - SAME_ADDRESS_SECONDS
            self._done = {place: at for place, at in self._done.items() if at > oldest}
            self._subnets = {
                key: lately for key, lately in self._subnets.items() if now - lately[-1] < _MINUTE
            }
            self._sweep_above = max(_FEW, 2 * (len(self._done) + len(self._subnets)))
