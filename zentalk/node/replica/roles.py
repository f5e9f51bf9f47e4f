"""What a folder is, and the node that runs on it."""

from __future__ import annotations

from zentalk.config.settings import ApiSettings
from zentalk.net.runtime import Runtime
from zentalk.net.transport import Network
from zentalk.node.direct.parts import WaysFactory
from zentalk.node.node import Node
from zentalk.node.replica.invitation import is_replica
from zentalk.node.replica.replica_node import ReplicaNode


def open_node(
    settings: ApiSettings,
    runtime: Runtime,
    network: Network,
    make_ways: WaysFactory | None = None,
) -> Node:
    """Return the node of a folder, a replica or not; without ways it connects with nobody directly.

    Raises ConfigError or StorageError if its identity or database cannot be opened.
    """
    if is_replica(settings.directory):
        return ReplicaNode(settings, runtime, network)
    return Node(settings, runtime, network, make_ways=make_ways)
