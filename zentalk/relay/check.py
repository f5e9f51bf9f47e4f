"""`zentalk relay check`: whether a folder's relay would start, found out without starting it.

Nothing is written, made, migrated or announced. It works beside a running relay, too.
"""

from __future__ import annotations

from contextlib import suppress

from zentalk.config import RelaySettings
from zentalk.errors import ConfigError
from zentalk.net.descriptors import connections_allowed
from zentalk.net.transport import Network
from zentalk.relay.access.doorkeeper import read_rules
from zentalk.relay.announced import unreachable
from zentalk.relay.keys.identity import load_relay_identity
from zentalk.relay.links.listeners import bind_lanes, bind_udp
from zentalk.relay.relay import HTTP_CONNECTIONS
from zentalk.relay.status import read_status
from zentalk.relay.storage import check_databases, storage_warnings


async def check(settings: RelaySettings, network: Network) -> tuple[str, list[str]]:
    """Return the relay's URI and sentences that its operator should read.

    Raises ConfigError or StorageError in the sentence that `relay run` would end with.
    """
    identity = load_relay_identity(settings.directory, settings.id_difficulty)
    check_databases(settings)
    warnings = storage_warnings(settings, identity.node_id)
    read_rules(settings, identity.node_id)
    warnings += await unreachable(settings)
    wanted = settings.max_links
    allowed = connections_allowed(wanted, HTTP_CONNECTIONS if settings.http else 0)
    if allowed < wanted:
        warnings.append(
            f"this process may have {allowed} connections and `max_links` is {wanted}: raise the "
            "limit (`ulimit -n`, or LimitNOFILE= of the service)"
        )
    if not _runs(settings):
        for listener in await bind_lanes(network, settings.hosts, settings.port, settings.lanes):
            await listener.aclose()
        if settings.udp and settings.port:
            for datagrams in await bind_udp(network, settings.hosts, settings.port):
                await datagrams.aclose()
    return identity.uri(
        settings.announced_hosts[0], settings.announce_port or settings.port
    ), warnings


def _runs(settings: RelaySettings) -> bool:
    with suppress(ConfigError):  # one that never ran does not run
        return read_status(settings.directory).running
    return False
