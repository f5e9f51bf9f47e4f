"""The relay as one object: how it starts, what it reports, and how it stops.

It holds no rules of its own. Everything that runs is a task of `run`, which ends only
after `stop`, or with the error of a part that cannot go on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import trio

from zentalk.config import RelaySettings
from zentalk.errors import ConfigError, UnavailableError
from zentalk.ids import EPOCH_SECONDS, Epoch, NodeId
from zentalk.logs import quiet_logger
from zentalk.net.datagrams import Datagrams
from zentalk.net.descriptors import connections_allowed
from zentalk.net.dialling import RelayDialler
from zentalk.net.runtime import Runtime
from zentalk.net.transport import Listener, Network
from zentalk.relay.access.doorkeeper import read_rules
from zentalk.relay.connections import RelayConnections
from zentalk.relay.keys.boot_check import BootCheck
from zentalk.relay.keys.identity import load_or_create_relay_identity
from zentalk.relay.keys.mix_keys import OwnKeys, filter_capacity
from zentalk.relay.keys.rotation import KeyRotation, boot_keys
from zentalk.relay.links.address_echo import echo_addresses
from zentalk.relay.links.listeners import bind_udp, bind_when_resolved
from zentalk.relay.machine import own_peak_memory
from zentalk.relay.metrics import Counters, RelayStats, mailbox_counts, shard_counts
from zentalk.relay.reloading import apply, changed
from zentalk.relay.standing import CUT_OFF, CUT_OFF_SHOWN_SECONDS, EXCLUDED, NO_MAIL
from zentalk.relay.status import STOPPED, RelayStatus, coarse, shown_storage, was_cut_off
from zentalk.relay.storage import Stores, known_relays, open_stores
from zentalk.relay.wiring import RelayWiring, wire_relay
from zentalk.store.directory_store import FILE_NAME as DIRECTORY_FILE
from zentalk.store.key_file import KEY_FILE_NAME
from zentalk.wire.descriptor import (
    ROLE_DIRECTORY,
    ROLE_FORWARD,
    ROLE_MAILBOX,
    ROLE_SHARDS,
    DescriptorBody,
    Lane,
    WebDoor,
)
from zentalk.wire.text import Scheme

_LOG: Final = quiet_logger("zentalk.relay")
JOIN_SECONDS: Final = 10.0
DRAIN_SECONDS: Final = 2.0
HTTP_CONNECTIONS: Final = 256
"""Those of a door for HTTP, if there is one (`zentalk.web.serving.Places`)."""


class Relay:
    """One relay over any network.

    `warnings` are sentences for the operator that stay in the status.

    Reads its identity from `settings.directory`, or makes one in a folder that no relay
    has used; raises ConfigError if that cannot be done.
    """

    def __init__(
        self,
        settings: RelaySettings,
        runtime: Runtime,
        network: Network,
        warnings: Sequence[str] = (),
    ) -> None:
        self._settings = settings
        self._runtime = runtime
        self._network = network
        self._standing_warnings = tuple(warnings)
        self._waiting_keys: list[str] = []
        folder = settings.directory
        if (folder / DIRECTORY_FILE).exists() and not (folder / KEY_FILE_NAME).exists():
            raise ConfigError(
                f"the identity key {folder / KEY_FILE_NAME} is gone: restore it from a backup, "
                "or use another folder for a new relay"
            )
        self._identity = load_or_create_relay_identity(
            folder, runtime.entropy, settings.id_difficulty
        )
        self._port = settings.port
        self._wiring: RelayWiring | None = None
        self._keys: OwnKeys | None = None
        self._state = STOPPED
        self._started_at = 0.0
        self._was_cut_off = False
        self._stopping = trio.Event()

    @property
    def node_id(self) -> NodeId:
        """The id other relays know this one by."""
        return self._identity.node_id

    @property
    def uri(self) -> str:
        """The `zt-relay:...` text that others use; its port is final once `run` has started."""
        first = self._settings.announced_hosts[0]
        return self._identity.uri(first, self._settings.announce_port or self._port)

    @property
    def wiring(self) -> RelayWiring:
        """Return the parts that HTTP leads to; raises UnavailableError before `run`."""
        if self._wiring is None:
            raise UnavailableError("the relay is not running")
        return self._wiring

    @property
    def stopping(self) -> trio.Event:
        """Set once `stop` was called."""
        return self._stopping

    def stop(self) -> None:
        """Let `run` finish what it is writing, and return."""
        self._stopping.set()

    def reload(self, settings: RelaySettings) -> None:
        """Use changed settings as far as a running relay can; the status names the others.

        Raises ConfigError, and changes nothing, if they cannot be used.
        """
        if self._wiring is None:
            raise ConfigError("the relay is not running yet")
        keys = changed(self._settings, settings)
        max_links = self._allowed_links(settings)
        rules = read_rules(settings, self.node_id)
        self._settings = apply(self._wiring, self._settings, settings, max_links, rules)
        self._waiting_keys = changed(self._settings, settings)
        _LOG.info("settings_reloaded", changed=len(keys), waiting=len(self._waiting_keys))

    async def run(self, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until `stop`; reports its URI once the network knows its new keys.

        Raises ConfigError (port, folder) or StorageError (database) in a sentence each.
        """
        try:
            await self._run(task_status)
        except BaseExceptionGroup as group:
            # Callers are promised the error itself, not the nursery that it ended.
            raise _only_leaf(group) from None

    async def _run(self, task_status: trio.TaskStatus[str]) -> None:
        settings = self._settings
        max_links = self._allowed_links(settings)
        listeners = await bind_when_resolved(
            self._network, settings.hosts, settings.port, settings.lanes, self._stopping
        )
        self._port = listeners[0].port
        self._started_at = self._runtime.wall()
        self._was_cut_off = was_cut_off(settings.directory)
        self._state = "starting"
        ports: list[Datagrams] = []
        try:
            if settings.udp:
                ports = await bind_udp(self._network, settings.hosts, self._port)
            stores = await self._runtime.run_blocking(
                partial(open_stores, settings, self.node_id, self._runtime.run_blocking)
            )
            try:
                await self._run_wired(stores, listeners, ports, max_links, task_status)
            finally:
                stores.close()
        finally:
            self._state = STOPPED
            with trio.CancelScope(shield=True):
                for listener in listeners:
                    await listener.aclose()
                for port in ports:
                    await port.aclose()

    async def _run_wired(
        self,
        stores: Stores,
        listeners: list[Listener],
        ports: list[Datagrams],
        max_links: int,
        task_status: trio.TaskStatus[str],
    ) -> None:
        settings, runtime = self._settings, self._runtime
        keys = self._keys = self._make_keys(listeners, max_links)
        keys.offer(ROLE_SHARDS, lambda: self._stores_shards(stores))
        await boot_keys(runtime, settings.directory, keys, await self._seen_boot(stores))
        rotation = KeyRotation(runtime, settings.directory, keys, self.status)
        wiring = self._wiring = wire_relay(
            settings, runtime, self._dialler(), rotation, stores, max_links
        )
        self._log_start(len(wiring.directory.descriptors), max_links)
        await rotation.write_status()
        async with trio.open_nursery() as nursery:
            await nursery.start(wiring.mailboxes.run)
            nursery.start_soon(wiring.links.run, wiring.connections.connect)
            for task in wiring.tasks:
                nursery.start_soon(task)
            for lane, listener in enumerate(listeners):
                nursery.start_soon(listener.serve, partial(wiring.connections.accept, lane))
            nursery.start_soon(
                echo_addresses, settings.network, runtime.monotonic, wiring.counters, ports
            )
            nursery.start_soon(rotation.run, wiring.directory.publish_own)
            await wiring.directory.joined(JOIN_SECONDS)
            await self._enter("ready", rotation)
            task_status.started(self.uri)
            await self._stopping.wait()
            _LOG.info("relay_draining", connections=wiring.capacity.admission.connections)
            with suppress(ConfigError):  # a full disk must not cut the draining short
                await self._enter("stopping", rotation)
            await _drain(wiring.connections)
            nursery.cancel_scope.cancel()
        with suppress(ConfigError):
            await self._enter(STOPPED, rotation)
        _LOG.info("relay_stopped")

    def _log_start(self, relays_known: int, max_links: int) -> None:
        settings = self._settings
        _LOG.info(
            "relay_starts",
            version=_version(),
            network=settings.network,
            host=",".join(settings.hosts),
            port=self._port,
            announced_host=",".join(settings.announced_hosts),
            announced_port=settings.announce_port or self._port,
            profile=settings.mailbox_profile,
            lanes=settings.lanes,
            max_links=max_links,
            memory_bytes=settings.memory_bytes,
            queue_ttl_seconds=settings.queue_ttl_seconds,
            bootstraps=len(settings.bootstraps),
            relays_known=relays_known,
        )
        if self._was_cut_off:
            _LOG.warning("last_run_was_cut_off")

    def _allowed_links(self, settings: RelaySettings) -> int:
        """Return how many connections may be open; raises ConfigError if hardly any."""
        wanted = settings.max_links
        allowed = connections_allowed(wanted, HTTP_CONNECTIONS if settings.http else 0)
        if allowed < wanted:
            _LOG.warning("fewer_connections_than_wanted", allowed=allowed, wanted=wanted)
        return allowed

    async def _seen_boot(self, stores: Stores) -> int:
        """Return the highest boot of this relay that others have seen."""
        known = await self._runtime.run_blocking(partial(known_relays, stores))
        asking = BootCheck(
            self._runtime.for_part("seen-boots"), self._dialler(), self._settings.network
        )
        return await asking.highest(self._identity.key.public, [*self._settings.bootstraps, *known])

    def _stores_shards(self, stores: Stores) -> bool:
        return self._settings.storage_bytes > 0 and not stores.shards.trouble

    def _dialler(self) -> RelayDialler:
        return RelayDialler(self._network, public_only=not self._settings.private_addresses)

    async def _enter(self, state: str, rotation: KeyRotation) -> None:
        self._state = state
        await rotation.write_status()

    def stats(self) -> RelayStats:
        """Return counters and gauges of this moment; all zero before `run`."""
        wiring = self._wiring
        if wiring is None or self._keys is None:
            return RelayStats()
        counted = {name: getattr(wiring.counters, name) for name in Counters.__slots__}
        refused = dict(wiring.counters.refused)
        if wiring.directory.news_dropped:
            refused["news"] = wiring.directory.news_dropped
        mail, shards = mailbox_counts(wiring.mailboxes.stats()), shard_counts(wiring.shards.stats())
        counted |= mail | shards | {"refused": refused | mail["refused"] | shards["refused"]}
        filters_bytes = sum(peeler.filter_bytes for peeler in self._keys.peelers)
        return RelayStats(
            **counted,
            connections=wiring.capacity.admission.connections,
            relay_links=len(wiring.links.connected()),
            dialled_by=wiring.reachability.count,
            streams=wiring.capacity.streams.count,
            queued_bytes=wiring.router.queued_bytes,
            memory_bytes=wiring.capacity.budget.used_bytes + filters_bytes,
            bytes_in=wiring.capacity.meter.received,
            bytes_out=wiring.capacity.meter.sent,
            relays_known=len(wiring.directory.descriptors),
            access_tokens=wiring.doorkeeper.tokens,
            access_tokens_used=wiring.doorkeeper.tokens_used,
            boot=self._keys.descriptor.boot,
        )

    def status(self) -> RelayStatus:
        """Return what the status file says, in rounded numbers."""
        stats = self.stats()
        return RelayStatus(
            running=self._state != STOPPED,
            state=self._state,
            pid=os.getpid(),
            port=self._port,
            uri=self.uri,
            network=self._settings.network,
            version=_version(),
            started_at=int(self._started_at // EPOCH_SECONDS * EPOCH_SECONDS),
            counters=coarse(stats.counters()),
            refused=coarse(stats.refused),
            mailbox=coarse(stats.mailbox),
            storage=shown_storage(stats.storage),
            warnings=self._warnings(),
            memory=coarse(own_peak_memory()),
        )

    def _warnings(self) -> list[str]:
        found = list(self._standing_warnings)
        run_seconds = self._runtime.wall() - self._started_at
        if self._was_cut_off and run_seconds < CUT_OFF_SHOWN_SECONDS:
            found.append(CUT_OFF)
        if self._waiting_keys:
            names = ", ".join(f"`{name}`" for name in self._waiting_keys)
            found.append(f"changed in the settings, but used only after a restart: {names}")
        if self._wiring is not None:
            found += self._wiring.directory.warnings + self._wiring.reachability.warnings
            if trouble := self._wiring.mailboxes.trouble:
                found.append(NO_MAIL[trouble].format(folder=self._settings.directory))
            if warning := self._wiring.shards.warning:
                found.append(warning)
            if self._wiring.directory.is_excluded:
                found.append(EXCLUDED)
        return found

    def _make_keys(self, listeners: list[Listener], max_links: int) -> OwnKeys:
        settings = self._settings
        host, *further_hosts = settings.announced_hosts
        body = DescriptorBody(
            network=settings.network,
            identity=self._identity.key.public,
            host=host,
            lanes=tuple(Lane(port, bytes(32), bytes(32)) for port in self._ports(listeners)),
            roles=ROLE_FORWARD | ROLE_DIRECTORY | ROLE_MAILBOX,
            family=settings.family.encode(),
            max_links=max_links,
            version=_version(),
            epoch=Epoch(0),
            boot=0,
            further_hosts=tuple(further_hosts),
            doors=tuple(
                WebDoor(place.scheme is Scheme.WSS, place.port, place.path)
                for place in settings.announce_websockets
            ),
        )
        capacity = filter_capacity(settings.memory_bytes, len(listeners))
        return OwnKeys(
            self._identity.key, body, self._runtime.for_part("mix-keys").entropy, capacity
        )

    def _ports(self, listeners: list[Listener]) -> list[int]:
        """Return the port of each lane as others see it."""
        first = self._settings.announce_port
        return [first + lane if first else listener.port for lane, listener in enumerate(listeners)]


async def _drain(connections: RelayConnections) -> None:
    connections.drain()
    with trio.move_on_after(DRAIN_SECONDS):
        for connection in list(connections.open):
            await connection.closed.wait()


@cache
def _version() -> str:
    """Return our version: read once, because metadata is parsed from a file."""
    try:
        return version("zentalk")
    except PackageNotFoundError:
        return "unknown"  # run from a source tree that was not installed


def _only_leaf(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one error inside nested groups, or the group if there are several."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        if len(error.exceptions) != 1:
            return group
        error = error.exceptions[0]
    return error
