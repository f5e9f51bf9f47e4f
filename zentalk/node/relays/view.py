"""The relays a node may use in one epoch, in the form in which paths are drawn from them.

Built once per snapshot and epoch, so that a packet costs no work per relay. It holds public
facts only and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from zentalk.directory.subnets import wide_subnet
from zentalk.ids import DAY_SECONDS, Epoch, NodeId
from zentalk.onion.candidates import Candidate, CandidateSet
from zentalk.wire.descriptor import ROLE_FORWARD, Descriptor

MIN_FULL_RELAYS: Final = 6
"""With this many relays live within a day paths and tunnels are full; with fewer `short`."""
MIN_LIVE_RELAYS: Final = 4
"""While fewer are live paths and tunnels are `short` whatever was before: four hops need four."""
REMEMBERED_SECONDS: Final = DAY_SECONDS


@dataclass(frozen=True, slots=True)
class RelayView:
    """Relays with a mix key for `epoch`; `keys` are their (lane, mix key) pairs.

    `lasting` are those that several refreshes have shown: guards, second hops and own mailboxes
    are chosen from these.
    """

    epoch: Epoch
    relays: Mapping[NodeId, Descriptor] = field(default_factory=dict)
    candidates: CandidateSet = field(default_factory=CandidateSet)
    keys: Mapping[NodeId, tuple[tuple[int, bytes], ...]] = field(default_factory=dict)
    lasting: frozenset[NodeId] = frozenset()
    is_full: bool = False
    """Whether packets take all their hops and tunnels have two relays more than a guard."""

    def related(self, relays: Iterable[NodeId]) -> bool:
        """Say whether two of these relays have one operator, or are in one /16."""
        facts = self.candidates.by_id
        known = [facts[node_id] for node_id in relays if node_id in facts]
        families = [fact.family for fact in known if fact.family]
        subnets = [fact.subnet for fact in known if fact.subnet]
        return len({*families}) < len(families) or len({*subnets}) < len(subnets)

    def related_to(self, relay: NodeId, others: Iterable[NodeId]) -> set[NodeId]:
        """Return those of `others` that have the operator or the /16 of a relay."""
        return {other for other in others if self.related((relay, other))}


class CurrentRelays(Protocol):
    """Where the relays to use now are to be had: the view of this epoch and the newest snapshot."""

    def view(self) -> RelayView:
        """Return the relays to use now: one object for as long as nothing changes."""
        ...

    def refresh_soon(self, *, restarted: bool = False) -> None:
        """Ask for a new snapshot; `restarted` says that a relay probably has."""


class NetworkSize:
    """Whether a network is large enough for full paths, and was so lately.

    Whoever makes relays fail, or hides them, must not shorten the paths of everybody at once. Times
    are unix seconds; `full_until` is kept over restarts.
    """

    def __init__(self, full_until: float = 0.0) -> None:
        self.full_until = full_until

    def is_full(self, live: int, wall: float) -> bool:
        """Take note of how many relays are live now, and say whether that is enough."""
        until = min(self.full_until, wall + REMEMBERED_SECONDS)
        self.full_until = wall + REMEMBERED_SECONDS if live >= MIN_FULL_RELAYS else until
        return live >= MIN_LIVE_RELAYS and wall < self.full_until


def make_view(
    descriptors: Iterable[Descriptor],
    epoch: Epoch,
    boots: Mapping[NodeId, int],
    lasting: frozenset[NodeId] | None = None,
    size: NetworkSize | None = None,
    wall: float = 0.0,
) -> RelayView:
    """Return the view of forwarding relays that `epoch`'s packets can pass, at the time `wall`.

    `boots` are the starts of a relay within the last hour, as far as they were seen; `lasting` may
    name relays that are not in the view, None stands for all of it; `size` knows how large the
    network was before.
    """
    size = size or NetworkSize()
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
    kept = frozenset(relays) if lasting is None else lasting & relays.keys()
    is_full = size.is_full(len(relays), wall)
    return RelayView(epoch, relays, CandidateSet(candidates), keys, kept, is_full)
