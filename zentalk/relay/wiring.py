"""Puts the parts of one relay together, once its ports and keys exist.

Wiring only: each part gets what it may use and nothing else, in an order in which everything that
a part needs exists already. Times, limits and rules are in the parts themselves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from zentalk.config import RelaySettings
from zentalk.directory.descriptor_set import DescriptorSet
from zentalk.directory.observations import AddressRules, ObservedRelays
from zentalk.directory.subnets import MAIN_NETWORK
from zentalk.net.dialling import RelayDialler
from zentalk.net.runtime import Runtime
from zentalk.relay.access.doorkeeper import Doorkeeper, read_rules
from zentalk.relay.connections import RelayConnections, RelayServices
from zentalk.relay.directory.known_relays import KnownRelays
from zentalk.relay.directory.service import DirectoryService, open_directory
from zentalk.relay.forwarding.forwarder import Forwarder
from zentalk.relay.forwarding.router import Router
from zentalk.relay.forwarding.tunnels import TunnelService
from zentalk.relay.keys.rotation import KeyRotation
from zentalk.relay.links.capacity import LinkCapacity
from zentalk.relay.links.memory_budget import MemoryBudget
from zentalk.relay.links.neighbours import RelayLinks
from zentalk.relay.links.reachability import Reachability
from zentalk.relay.mailbox.service import MailboxService
from zentalk.relay.metrics import Counters
from zentalk.relay.observing.handshake_probe import HandshakeProbe
from zentalk.relay.shards.opening import open_shards
from zentalk.relay.shards.service import ShardService
from zentalk.relay.storage import Stores, mailbox_settings

MAIL_SHARE: Final = 0.5
"""Share of the budget for mail on its way to the disk or to its owner, and in memory."""
QUEUE_SHARE: Final = 0.25
"""Share of the budget for packets that wait for a link."""


class RelayWiring(NamedTuple):
    """The parts of a running relay; `tasks` are those that run besides, until cancelled."""

    counters: Counters
    capacity: LinkCapacity
    links: RelayLinks
    router: Router
    directory: DirectoryService
    mailboxes: MailboxService
    shards: ShardService
    connections: RelayConnections
    reachability: Reachability
    doorkeeper: Doorkeeper
    tasks: tuple[Callable[[], Awaitable[None]], ...]


def wire_relay(
    settings: RelaySettings,
    runtime: Runtime,
    dialler: RelayDialler,
    rotation: KeyRotation,
    stores: Stores,
    max_links: int,
) -> RelayWiring:
    """Put one relay together; nothing runs yet. Raises ConfigError if access rules are damaged."""
    keys = rotation.keys
    own_id = keys.descriptor.node_id
    counters = Counters()
    # The replay filters may take the other half (`zentalk.relay.keys.mix_keys`).
    budget = MemoryBudget(settings.memory_bytes // 2)
    capacity = LinkCapacity(settings.network, max_links, budget)
    observations = ObservedRelays(own_id, address_rules(settings))
    known = KnownRelays(
        runtime.wall,
        DescriptorSet(
            settings.network, id_difficulty=settings.id_difficulty, observations=observations
        ),
        settings.bootstraps,
    )
    links = RelayLinks(runtime.for_part("links"), known, counters)
    directory = open_directory(
        runtime.for_part("directory"),
        stores.directory,
        links,
        rotation,
        known,
        observations=observations,
        prober=HandshakeProbe(runtime.for_part("probes"), dialler, settings.network),
    )
    queues = budget.account(QUEUE_SHARE, greedy=False)
    forwarder = Forwarder(own_id, links, counters, queues)
    mailboxes = MailboxService(
        runtime.for_part("mailboxes"),
        stores.mailboxes,
        mailbox_settings(settings),
        own_id,
        forwarder.send_ack,
        budget.account(MAIL_SHARE, greedy=False),
    )
    router = Router(
        runtime.for_part("router"), keys.peelers, forwarder, mailboxes, counters, budget
    )
    tunnels = TunnelService(own_id, known, links, capacity.streams, counters)
    reachability = Reachability(
        runtime,
        others=lambda: len(known.live()) - 1,
        counts=lambda node_id: known.descriptor_of(node_id) is not None,
    )
    doorkeeper = Doorkeeper(runtime.wall, counters, read_rules(settings, own_id))
    mailboxes.judge_by(doorkeeper.admittance)
    shards = open_shards(
        runtime.for_part("shards"),
        own_id,
        settings.storage_bytes,
        stores.shards,
        budget,
        doorkeeper,
    )
    services = RelayServices(
        links, router, tunnels, directory, mailboxes, shards, reachability, doorkeeper
    )
    own = runtime.for_part("connections")
    connections = RelayConnections(own, dialler, keys, capacity, counters, services)
    return RelayWiring(
        counters=counters,
        capacity=capacity,
        links=links,
        router=router,
        directory=directory,
        mailboxes=mailboxes,
        shards=shards,
        connections=connections,
        reachability=reachability,
        doorkeeper=doorkeeper,
        tasks=(
            capacity.turns.run,
            forwarder.run,
            router.run,
            directory.run,
            reachability.run,
            shards.run,
        ),
    )


def address_rules(settings: RelaySettings) -> AddressRules:
    """Return what relays' addresses must be like in the network of the settings."""
    return AddressRules(
        public_only=not settings.private_addresses, capped=settings.network == MAIN_NETWORK
    )
