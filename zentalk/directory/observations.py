"""Which relays we reached ourselves, where, and when: only these count.

Spec: docs/spec/directory.md section 3. A descriptor says where its signer claims to be. It counts
once we shook hands there with the holder of its key, and for 26 hours, whatever epochs and boots
come meanwhile. An observed relay keeps its place: nobody else can take it. Nothing that others say
is an observation, and a link that came in proves nothing about an address.
Times are wall clock, as this is kept over restarts.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from zentalk.directory.public_addresses import is_public_port, public_address
from zentalk.ids import NodeId
from zentalk.wire.descriptor import Descriptor, node_id_of
from zentalk.wire.rpc_directory import MAX_SNAPSHOT
from zentalk.wire.text import RelayUri

OBSERVED_SECONDS: Final = 26 * 3600.0
AGAIN_SECONDS: Final = 24 * 3600.0
"""How old an observation is when it is made anew; two hours are left for trying again."""
_CAPS: Final = {4: ((32, 1), (24, 8), (16, 128)), 6: ((64, 1), (48, 8), (32, 128))}
"""Prefixes of an address, and how many relays there may be in each."""
_Place = tuple[str, int]


class AddressRules(NamedTuple):
    """What a network demands of relays' addresses.

    `public_only`: addresses of the Internet and no others. `capped`: so many of a range.
    """

    public_only: bool = False
    capped: bool = False

    def allow(self, descriptor: Descriptor) -> bool:
        """Say whether a relay may be where it says; a name is looked at when it is resolved."""
        if not self.public_only:
            return True
        hosts = descriptor.body.hosts
        ports = all(is_public_port(lane.port) for lane in descriptor.lanes)
        return ports and all(not _parsed(host) or public_address(host) for host in hosts)


class Observation(NamedTuple):
    """A relay was reached at `uri`, where `address` is what its host stood for."""

    uri: RelayUri
    address: str
    at: float


class ObservedRelays:
    """The newest observation of each relay, 10,000 at most.

    `own` is the relay that observes: it counts without being reached.
    """

    def __init__(self, own: NodeId, rules: AddressRules, most: int = MAX_SNAPSHOT) -> None:
        self.rules = rules
        self._own = own
        self._most = most
        self._found: dict[NodeId, Observation] = {}
        self._places: dict[_Place, NodeId] = {}
        self._ranges: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._found)

    def count(self, descriptor: Descriptor, now: float) -> bool:
        """Say whether a relay was reached at an address that this descriptor names."""
        if descriptor.node_id == self._own:
            return True
        found = self._found.get(descriptor.node_id)
        return found is not None and found.uri in descriptor.uris() and _is_fresh(found, now)

    def note(self, found: Observation) -> bool:
        """Take note of a relay that was reached; False if there is no place for it.

        Another key that was reached there before is there no more, and loses the place.
        """
        node_id = node_id_of(found.uri.identity)
        place = (found.address, found.uri.port)
        holder = self._places.get(place)
        if holder is not None and holder != node_id:
            self.forget(holder)
        before = self._found.get(node_id)
        if before is not None and before.address == found.address:
            self._replace(node_id, before, found)
            return True
        if before is not None:
            self.forget(node_id)
        if len(self._found) >= self._most or not self._has_room(found.address):
            if before is not None:
                self._add(node_id, before)
            return False
        self._add(node_id, found)
        return True

    def forget(self, node_id: NodeId) -> None:
        """Give up a relay's place, if it has one."""
        found = self._found.pop(node_id, None)
        if found is not None:
            self._places.pop((found.address, found.uri.port), None)
            self._ranges.subtract(_prefix(found.address, bits) for bits, _ in _caps(found.address))

    def expire(self, now: float) -> list[NodeId]:
        """Give up the places of relays that were not reached for 26 hours; returns whose."""
        gone = [node_id for node_id, found in self._found.items() if not _is_fresh(found, now)]
        for node_id in gone:
            self.forget(node_id)
        self._ranges = +self._ranges
        return gone

    def old(self, now: float) -> list[RelayUri]:
        """Return where relays are to be reached again by now."""
        return [found.uri for found in self._found.values() if now - found.at >= AGAIN_SECONDS]

    def get(self, node_id: NodeId) -> Observation | None:
        """Return the observation of a relay, or None."""
        return self._found.get(node_id)

    def restore(self, kept: Iterable[Observation], now: float) -> None:
        """Take up what the store kept; what a wrong clock put ahead counts from now."""
        for one in kept:
            found = one._replace(at=min(one.at, now))
            if _is_fresh(found, now) and node_id_of(found.uri.identity) not in self._found:
                self.note(found)

    def _has_room(self, address: str) -> bool:
        if not self.rules.capped:
            return True
        return all(self._ranges[_prefix(address, bits)] < most for bits, most in _caps(address))

    def _add(self, node_id: NodeId, found: Observation) -> None:
        self._found[node_id] = found
        self._places[found.address, found.uri.port] = node_id
        self._ranges.update(_prefix(found.address, bits) for bits, _ in _caps(found.address))

    def _replace(self, node_id: NodeId, before: Observation, found: Observation) -> None:
        self._places.pop((before.address, before.uri.port), None)
        self._places[found.address, found.uri.port] = node_id
        self._found[node_id] = found


def _is_fresh(found: Observation, now: float) -> bool:
    return now - found.at < OBSERVED_SECONDS


def _parsed(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def _caps(address: str) -> tuple[tuple[int, int], ...]:
    parsed = _parsed(address)
    return () if parsed is None else _CAPS[parsed.version]


def _prefix(address: str, bits: int) -> str:
    return str(ipaddress.ip_network((address.strip("[]"), bits), strict=False))
