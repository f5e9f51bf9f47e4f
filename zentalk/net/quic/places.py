"""PipePlaces of connections on one port: what strangers can take of it is bounded.

An Initial names an address that may be another's. A few are answered at once; above that, who
asks has to show first that it gets what is sent there (RFC 9000 section 8.1), for which nothing
is kept here. Only what is kept is counted.
"""

from __future__ import annotations

import math
from collections import Counter

from zentalk.net.quic.settings import HANDSHAKE_SECONDS, QuicLimits
from zentalk.net.sources import source_of


class PipePlace:
    """The place of one connection, until `leave`. Made by `PipePlaces`."""

    def __init__(self, places: PipePlaces, source: str | None, *, is_proven: bool) -> None:
        self._places = places
        self.source = source
        """None for a connection that we made."""
        self.is_half_open = source is not None
        self.is_proven = is_proven

    def opened(self) -> None:
        """Count it no more among the half-open ones; nothing if that was said before."""
        if self.is_half_open:
            self.is_half_open = False
            self._places.count_half_open(-1, is_proven=self.is_proven)

    def leave(self) -> None:
        """Give the place back; once only."""
        self.opened()
        self._places.gave_back(self)


class PipePlaces:
    """All places on one port."""

    def __init__(self, limits: QuicLimits) -> None:
        self._limits = limits
        self.taken = 0
        """All connections that there are."""
        self._half_open = 0
        self._unproven = 0
        self._sources: Counter[str] = Counter()
        self._alarmed_until = -math.inf

    def wants_proof(self, now: float) -> bool:
        """Whether a stranger has to prove its address before it gets a place."""
        return self._unproven >= self._limits.half_open_unproven or now < self._alarmed_until

    def alarm(self, now: float) -> None:
        """Want a proof of everybody for a while: looking at what came for nothing was work."""
        self._alarmed_until = now + HANDSHAKE_SECONDS

    def dialled(self) -> PipePlace | None:
        """Return a place for a connection that we make, None if there is none."""
        if self.taken >= self._limits.connections:
            return None
        self.taken += 1
        return PipePlace(self, None, is_proven=True)

    def asked(self, host: str, *, is_proven: bool) -> PipePlace | None:
        """Return a place for a connection that a host asks for, None if there is none."""
        source = source_of(host)
        if (
            self.taken >= self._limits.connections
            or self._half_open >= self._limits.half_open
            or self._sources[source] >= self._limits.per_source
        ):
            return None
        self.taken += 1
        self._sources[source] += 1
        self.count_half_open(1, is_proven=is_proven)
        return PipePlace(self, source, is_proven=is_proven)

    def count_half_open(self, change: int, *, is_proven: bool) -> None:
        """Called by a place that begins or ends to be half-open."""
        self._half_open += change
        self._unproven += 0 if is_proven else change

    def gave_back(self, place: PipePlace) -> None:
        """Called by a place that is left."""
        self.taken -= 1
        if place.source is not None:
            self._sources[place.source] -= 1
            if not self._sources[place.source]:
                del self._sources[place.source]
