"""The relays that this one has verified, and where else to look for one.

The rest of the relay asks here for a descriptor or an address. Nothing is learned here: what
enters the descriptor set goes through `zentalk.relay.directory.state`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zentalk.directory.descriptor_set import DescriptorSet
from zentalk.ids import NodeId
from zentalk.wire.descriptor import Descriptor, node_id_of
from zentalk.wire.text import RelayUri


class KnownRelays:
    """The verified descriptors of this moment, and the operator's bootstraps.

    `wall` is the wall clock (unix seconds): a descriptor is usable for its epochs only.
    """

    def __init__(
        self,
        wall: Callable[[], float],
        descriptors: DescriptorSet,
        bootstraps: Sequence[RelayUri] = (),
    ) -> None:
        self._wall = wall
        self.descriptors = descriptors
        self.bootstraps = {uri: node_id_of(uri.identity) for uri in bootstraps}

    def use_bootstraps(self, uris: Sequence[RelayUri]) -> list[RelayUri]:
        """Let the operator's bootstraps be these; return those that are new."""
        before = self.bootstraps
        self.bootstraps = {uri: node_id_of(uri.identity) for uri in uris}
        return [uri for uri in self.bootstraps if uri not in before]

    def descriptor_of(self, node_id: NodeId) -> Descriptor | None:
        """Return the usable verified descriptor of a relay, or None."""
        return self.descriptors.get(node_id, self._wall())

    def live(self) -> list[Descriptor]:
        """Return all relays that can be used now."""
        return self.descriptors.live(self._wall())

    def addresses_of(self, node_id: NodeId, lane: int = 0) -> list[RelayUri]:
        """Return where to dial a lane of a relay, in the order in which to try.

        Of what its descriptor names, only where it was reached: the rest may be anybody's. Where
        it was reached last comes first, where the operator says that it is comes last.
        """
        descriptor = self.descriptor_of(node_id)
        others = self.hints_of(node_id) if lane == 0 else []
        if descriptor is None:
            return others
        at_host = {uri.host: uri for uri in descriptor.uris(lane)}
        places = self.descriptors.places_of(descriptor)
        named = [at_host[uri.host] for uri in places if uri.host in at_host]
        return list(dict.fromkeys([*named, *others]))

    def hints_of(self, node_id: NodeId) -> list[RelayUri]:
        """Return where else to dial a relay: a bootstrap's URI, an expired descriptor."""
        found = [uri for uri, named in self.bootstraps.items() if named == node_id]
        hint = self.descriptors.hint(node_id)
        return list(dict.fromkeys([*found, hint] if hint else found))

    def places(self, besides: NodeId) -> dict[NodeId, RelayUri]:
        """Return every live relay and bootstrap; if there is none, those seen in the past.

        `besides` is the relay that asks: it is left out.
        """
        places = {item.node_id: item.uri for item in self.live()}
        for uri, node_id in self.bootstraps.items():
            places.setdefault(node_id, uri)
        places.pop(besides, None)
        return places or {node_id_of(uri.identity): uri for uri in self.descriptors.hints()}
