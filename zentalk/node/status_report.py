"""Looks at the parts of a running node and says what its owner is told."""

from __future__ import annotations

from zentalk.node.network import NodeNetwork
from zentalk.node.status import LossyRelay, NetworkStatus, NodeStatus, role_of
from zentalk.node.wiring import NodeParts
from zentalk.wire.text import format_relay_uri


def report(parts: NodeParts, profile: str) -> NodeStatus:
    """Return what the owner of a node in a profile is told."""
    network = parts.network.status()
    collected = parts.incoming.mailboxes.connected()
    troubles = (parts.database.trouble, parts.devices.tokens.trouble)
    return NodeStatus(
        ready=collected > 0 and parts.publisher.published.is_set() and network.guards_connected > 0,
        relays_known=network.relays_known,
        guards_connected=network.guards_connected,
        mailboxes=collected,
        tunnels=network.tunnels,
        notes=(
            *parts.devices.linked.watch.notes(),
            *parts.incoming.mailboxes.notes(),
            *network.notes,
            *(trouble for trouble in troubles if trouble is not None),
        ),
        entries=tuple(map(format_relay_uri, parts.network.entries())),
        unit_sizes=tuple(sorted(parts.network.unit_sizes())),
        profile=profile,
        lossy_relays=_lossy_relays(parts.network, network),
    )


def _lossy_relays(network: NodeNetwork, status: NetworkStatus) -> tuple[LossyRelay, ...]:
    known, guards = network.descriptors(), network.guards()
    return tuple(
        LossyRelay(
            relay=format_relay_uri(known[found.node_id].uri),
            role=role_of(found, is_guard=found.node_id in guards),
            lost=found.lost,
            packets=found.probes,
        )
        for found in status.findings
        if found.node_id in known
    )
