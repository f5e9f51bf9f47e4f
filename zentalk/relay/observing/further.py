"""Further addresses that observed relays claim, and the times at which these are looked at.

Spec: docs/spec/directory.md section 3. A relay that names several addresses is dialled at each
where it was reached, so that it stays in reach when one of them dies. Whoever signs a descriptor
may name other people's machines there, so a round of such probes is rare, whatever is signed: each
address of a relay once a day, and where the relay names others meanwhile, once an hour.
Times are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from zentalk.directory.observations import ObservedRelays
from zentalk.ids import NodeId
from zentalk.wire.descriptor import Descriptor, node_id_of
from zentalk.wire.text import RelayUri

SAME_SECONDS: Final = 24 * 3600.0
CHANGED_SECONDS: Final = 3600.0


class _Round(NamedTuple):
    """The addresses of one relay that were to be probed, and when."""

    at: float
    uris: tuple[RelayUri, ...]


class FurtherAddresses:
    """Plans rounds of probes at addresses of relays that count, where they were not reached yet."""

    def __init__(self, observations: ObservedRelays) -> None:
        self._observations = observations
        self._rounds: dict[NodeId, _Round] = {}

    def __contains__(self, uri: RelayUri) -> bool:
        """Say whether an address is one of its relay's latest round."""
        latest = self._rounds.get(node_id_of(uri.identity))
        return latest is not None and uri in latest.uris

    def due(self, relays: Iterable[Descriptor], now: float) -> list[RelayUri]:
        """Begin new rounds, and return what they consist of; `relays` are all that count."""
        found: list[RelayUri] = []
        rounds: dict[NodeId, _Round] = {}
        for descriptor in relays:
            latest = self._rounds.get(descriptor.node_id)
            begun = self._begun(descriptor, latest, now)
            if begun is not None:
                found += begun.uris
                latest = begun
            if latest is not None:
                rounds[descriptor.node_id] = latest
        self._rounds = rounds
        return found

    def _begun(self, descriptor: Descriptor, latest: _Round | None, now: float) -> _Round | None:
        """Return the round of a relay that begins now, if one does."""
        if len(descriptor.body.hosts) == 1 or not self._observations.rules.allow(descriptor):
            return None
        uris = tuple(self._observations.unreached(descriptor))
        if latest is not None:
            wait = CHANGED_SECONDS if set(uris) - set(latest.uris) else SAME_SECONDS
            if now - latest.at < wait:
                return None
        return _Round(now, uris) if uris else None
