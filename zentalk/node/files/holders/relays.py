"""The relays that keep files, in the order in which a file's shards go to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zentalk.directory.subnets import narrow_subnet
from zentalk.ids import NodeId
from zentalk.mesh.placement import Groups, ShardCandidate
from zentalk.wire.descriptor import ROLE_SHARDS, Descriptor


class StorageRelays:
    """What the snapshot says of relays with the role `storage`."""

    def __init__(self, descriptors: Callable[[], Mapping[NodeId, Descriptor]]) -> None:
        self._descriptors = descriptors

    def candidates(self) -> list[ShardCandidate]:
        """Return all of them, each with the groups with which it shares its fate."""
        return [
            ShardCandidate(node_id, _groups(relay))
            for node_id, relay in self._descriptors().items()
            if relay.roles & ROLE_SHARDS
        ]


def _groups(relay: Descriptor) -> Groups:
    subnet = narrow_subnet(relay.host, relay.network)
    return frozenset(group for group in (subnet, relay.family) if group)
