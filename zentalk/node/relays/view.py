"""The relays a node may use in one epoch, in the form in which paths are drawn from them.

Built once per snapshot and epoch, so that a packet costs no work per relay. It holds public
facts only and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from zentalk.directory.subnets import wide_subnet
from zentalk.ids import Epoch, NodeId
from zentalk.onion.path import Candidate
from zentalk.wire.descriptor import ROLE_FORWARD, Descriptor


@dataclass(frozen=True, slots=True)
class RelayView:
    """Relays with a mix key for `epoch`; `keys` are their (lane, mix key) pairs.

    `facts` are the `candidates` by relay.
    """

    epoch: Epoch
    relays: Mapping[NodeId, Descriptor] = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    keys: Mapping[NodeId, tuple[tuple[int, bytes], ...]] = field(default_factory=dict)
    facts: Mapping[NodeId, Candidate] = field(default_factory=dict)

    def related(self, relays: Iterable[NodeId]) -> bool:
        """Say whether two of these relays have one operator, or are in one /16."""
        known = [self.facts[node_id] for node_id in relays if node_id in self.facts]
        families = [fact.family for fact in known if fact.family]
        subnets = [fact.subnet for fact in known if fact.subnet]
        return len({*families}) < len(families) or len({*subnets}) < len(subnets)


def make_view(
    descriptors: Iterable[Descriptor], epoch: Epoch, boots: Mapping[NodeId, int]
) -> RelayView:
    """Return the view of forwarding relays that `epoch`'s packets can pass.

    `boots` are the starts of a relay within the last hour, as far as they were seen.
    """
    relays: dict[NodeId, Descriptor] = {}
    keys: dict[NodeId, tuple[tuple[int, bytes], ...]] = {}
    candidates = []
    for descriptor in descriptors:
        lanes = [(lane, descriptor.mix_key(lane, epoch)) for lane in range(len(descriptor.lanes))]
        usable = tuple((lane, key) for lane, key in lanes if key is not None)
        if not usable or not descriptor.roles & ROLE_FORWARD:
            continue
        node_id = descriptor.node_id
        relays[node_id], keys[node_id] = descriptor, usable
        subnet = wide_subnet(descriptor.host, descriptor.network).encode()
        candidates.append(Candidate(node_id, subnet, descriptor.family, boots.get(node_id, 0)))
    facts = {candidate.node_id: candidate for candidate in candidates}
    return RelayView(epoch, relays, tuple(candidates), keys, facts)
