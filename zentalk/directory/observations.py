"""The relays that we reached ourselves, with place and time: only these count.

Spec: docs/spec/directory.md section 3. A descriptor says where its signer claims to be. It counts
once we shook hands there with the holder of its key, and for 26 hours, whatever epochs and boots
come meanwhile. Of several addresses each is observed for itself, and is dialled only then. An
observed relay keeps its place: nobody else can take it. Nothing that others say is an observation,
and a link that came in proves nothing about an address.
Times are wall clock, as this is kept over restarts.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Iterable
from typing import Final, NamedTuple

from zentalk.directory.address_room import AddressRoom
from zentalk.ids import NodeId
from zentalk.wire.descriptor import MAX_HOSTS, Descriptor, node_id_of
from zentalk.wire.public_addresses import is_public_port, public_address
from zentalk.wire.rpc_directory import MAX_SNAPSHOT
from zentalk.wire.text import RelayUri

OBSERVED_SECONDS: Final = 26 * 3600.0
AGAIN_SECONDS: Final = 24 * 3600.0
"""An observation is made anew at this age; two hours are left for trying again."""
_Place = tuple[str, int]


class AddressRules(NamedTuple):
    """The demands of a network on relays' addresses.

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
    """The newest observations of each relay: 10,000 relays at most, four addresses of each.

    `own` is the relay that observes: it counts without being reached.
    """

    def __init__(self, own: NodeId, rules: AddressRules, most: int = MAX_SNAPSHOT) -> None:
        self.rules = rules
        self._own = own
        self._most = most
        self._found: dict[NodeId, dict[RelayUri, Observation]] = {}
        """The addresses of each relay: the one reached last comes first, the others are spare."""
        self._places: dict[_Place, RelayUri] = {}
        self._room = AddressRoom(capped=rules.capped)

    def __len__(self) -> int:
        return len(self._found)

    def count(self, descriptor: Descriptor, now: float) -> bool:
        """Say whether a relay was reached at an address that this descriptor names."""
        if descriptor.node_id == self._own:
            return True
        return any(_is_fresh(found, now) for found in self.named_by(descriptor))

    def named_by(self, descriptor: Descriptor) -> list[Observation]:
        """Return where a relay was reached of what its descriptor names, the last one first."""
        named = descriptor.uris()
        return [found for found in self._of(descriptor.node_id) if found.uri in named]

    def unreached(self, descriptor: Descriptor) -> list[RelayUri]:
        """Return where an observed relay says that it is too, and was not reached."""
        reached = {found.uri for found in self.named_by(descriptor)}
        return [uri for uri in descriptor.uris() if uri not in reached] if reached else []

    def note(self, found: Observation, named: Container[RelayUri] = ()) -> bool:
        """Take note of a relay that was reached; False if there is no place for it.

        What else was observed of it stays if it is `named` too: else the relay has moved. Another
        key that was reached there before is there no more, and loses the place.
        """
        holder = self._places.get(_place(found))
        if holder is not None and holder != found.uri:
            self._drop(holder)
        before = self._of(node_id_of(found.uri.identity))
        others = [one.uri for one in before if one.uri != found.uri and one.uri in named]
        gone = [one for one in before if one.uri not in others[: MAX_HOSTS - 1]]
        for one in gone:
            self._drop(one.uri)
        if self._add(found):
            return True
        for one in reversed(gone):
            self._add(one)
        return False

    def forget(self, node_id: NodeId) -> None:
        """Give up a relay's places, if it has any."""
        for found in self._of(node_id):
            self._drop(found.uri)

    def expire(self, now: float) -> list[NodeId]:
        """Give up where nobody was reached for 26 hours; returns the relays that have no place."""
        before = list(self._found)
        for found in self._all():
            if not _is_fresh(found, now):
                self._drop(found.uri)
        return [node_id for node_id in before if node_id not in self._found]

    def old(self, now: float) -> list[RelayUri]:
        """Return where relays are to be reached again by now."""
        return [found.uri for found in self._all() if now - found.at >= AGAIN_SECONDS]

    def restore(self, kept: Iterable[Observation], now: float) -> None:
        """Take up what the store kept, the newest first; what a wrong clock put ahead counts now.

        Of two keys at one address the one that was reached there last is there.
        """
        found: dict[RelayUri, Observation] = {}
        places: set[_Place] = set()
        for one in (item._replace(at=min(item.at, now)) for item in kept):
            if _is_fresh(one, now) and one.uri not in found and _place(one) not in places:
                found[one.uri] = one
                places.add(_place(one))
        for one in reversed(found.values()):
            self.note(one, named=found)

    def _of(self, node_id: NodeId) -> list[Observation]:
        return list(self._found.get(node_id, {}).values())

    def _all(self) -> list[Observation]:
        return [found for mine in self._found.values() for found in mine.values()]

    def _add(self, found: Observation) -> bool:
        """Put an observation before the others of its relay, which are spare from now on."""
        node_id = node_id_of(found.uri.identity)
        others = self._found.get(node_id, {})
        doomed = self._room.in_the_way(found.address)
        if doomed is None or (doomed and others) or (not others and len(self) >= self._most):
            return False
        for uri in doomed:
            self._drop(uri)
        if others:
            first = next(iter(others.values()))
            self._room.spare(first.uri, first.address)
        self._room.take(found.address)
        self._found[node_id] = {found.uri: found, **others}
        self._places[_place(found)] = found.uri
        return True

    def _drop(self, uri: RelayUri) -> None:
        """Give up one place of a relay; it has the next of its others for its own, if any."""
        node_id = node_id_of(uri.identity)
        mine = self._found[node_id]
        found = mine.pop(uri)
        del self._places[_place(found)]
        self._room.give_up(uri, found.address)
        if mine:
            heir = next(iter(mine.values()))
            self._room.settle(heir.uri, heir.address)
        else:
            del self._found[node_id]


def _place(found: Observation) -> _Place:
    return found.address, found.uri.port


def _is_fresh(found: Observation, now: float) -> bool:
    return now - found.at < OBSERVED_SECONDS


def _parsed(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
