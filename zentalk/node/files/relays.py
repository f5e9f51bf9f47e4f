"""The relays that keep files, in the order in which a file's shards go to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zentalk.directory.subnets import narrow_subnet
from zentalk.ids import NodeId
from zentalk.mesh.placement import Candidate
from zentalk.wire.descriptor import ROLE_SHARDS, Descriptor


class StorageRelays:
    """What the snapshot says of relays with the role `storage`."""

    def __init__(self, descriptors: Callable[[], Mapping[NodeId, Descriptor]]) -> None:
        self._descriptors = descriptors

    def candidates(self) -> list[Candidate]:
        """Return all of them, each with the groups of which it shares a fate."""
        return [
            Candidate(node_id, _groups(relay))
            for node_id, relay in self._descriptors().items()
            if relay.roles & ROLE_SHARDS
        ]

    def known(self) -> bool:
        """Say whether there is a snapshot at all."""
        return bool(self._descriptors())


def _groups(relay: Descriptor) -> frozenset[bytes]:
    subnet = narrow_subnet(relay.host, relay.network).encode()
    return frozenset(group for group in (subnet, relay.family) if group)
