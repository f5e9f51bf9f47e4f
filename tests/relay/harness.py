"""Whole relays over the in-memory network, and a client that speaks to them by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from tests.strangers.ground import Ground
from zentalk.config import RelaySettings
from zentalk.crypto.ed25519 import SigningKey
from zentalk.ids import DepositId, MailboxId, NodeId, SendId, day_at, epoch_at
from zentalk.mailbox.proof import sign_collect
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.onion.geometry import SMALL
from zentalk.onion.packet import DEPOSIT, DeliveryPlaintext, Hop
from zentalk.onion.wrap import wrap
from zentalk.relay.forwarding.router import Router
from zentalk.relay.relay import Relay
from zentalk.wire import rpc_mailbox as mail
from zentalk.wire import rpc_send_ids
from zentalk.wire.deposit import (
    ACK_BYTES,
    ENVELOPE_SMALL_BYTES,
    AckRoute,
    Deposit,
    encode_deposit,
)
from zentalk.wire.descriptor import Descriptor, decode_descriptor
from zentalk.wire.rpc import decode_call
from zentalk.wire.rpc_directory import decode_snapshot_response, encode_snapshot_request
from zentalk.wire.text import RelayUri, parse_relay_uri

START = 1_700_000_000.0
PORT = 9001


@dataclass
class Running:
    """One relay in its own cancel scope, so that it can crash."""

    relay: Relay
    scope: trio.CancelScope
    ended: trio.Event

    @property
    def node_id(self) -> NodeId:
        return self.relay.node_id

    @property
    def uri(self) -> RelayUri:
        return parse_relay_uri(self.relay.uri)

    @property
    def descriptor(self) -> Descriptor:
        assert self.relay._keys is not None
        return self.relay._keys.descriptor

    @property
    def router(self) -> Router:
        assert self.relay._wiring is not None
        return self.relay._wiring.router


class World:
    """Relays by host name, each under its own folder of `root`."""

    def __init__(
        self, root: Path, nursery: trio.Nursery, seed: int = 1, network_id: str = "local"
    ) -> None:
        self.root = root
        self.network_id = network_id
        self.nursery = nursery
        self.network = MemoryNetwork()
        self.runtime = Runtime.virtual(seed, START)
        self.relays: dict[str, Running] = {}
        self.starts = 0

    def folder(self, name: str) -> Path:
        return self.root / name

    async def start(self, name: str, *, runtime: Runtime | None = None, **changes: Any) -> Running:
        """Start a relay whose bootstraps are all that run already."""
        self.network.revive(name)
        others = [running for other, running in self.relays.items() if other != name]
        values: dict[str, Any] = {
            "directory": self.folder(name),
            "host": name,
            "port": PORT,
            "network": self.network_id,
            "id_difficulty": 0,
            "bootstraps": tuple(running.uri for running in others),
        }
        settings = RelaySettings(**(values | changes))
        self.starts += 1  # a restart must not draw the mix keys of the start before
        part = runtime or self.runtime.for_part(f"{name}-{self.starts}")
        running = Running(
            Relay(settings, part, self.network.host(name)), trio.CancelScope(), trio.Event()
        )
        await self.nursery.start(self._run, running)
        self.relays[name] = running
        return running

    async def _run(self, running: Running, *, task_status: trio.TaskStatus[str]) -> None:
        try:
            with running.scope:
                await running.relay.run(task_status=task_status)
        finally:
            running.ended.set()

    async def crash(self, name: str) -> None:
        """Kill a relay as the power would: nothing is written or said any more."""
        self.network.kill(name)
        running = self.relays.pop(name)
        running.scope.cancel()
        await running.ended.wait()

    async def stop(self, name: str) -> None:
        """Let a relay drain."""
        running = self.relays.pop(name)
        running.relay.stop()
        await running.ended.wait()

    async def start_all(self, *names: str, **changes: Any) -> list[Running]:
        """Start relays and wait until each knows all."""
        running = [await self.start(name, **changes) for name in names]
        await self.settle(len(self.relays))
        return running

    async def settle(self, count: int) -> None:
        """Wait until every relay knows `count` relays with their newest descriptors."""
        for _ in range(1200):
            if all(self._knows(running, count) for running in self.relays.values()):
                return
            await trio.sleep(0.25)
        raise AssertionError("the relays did not learn of each other")

    def _knows(self, running: Running, count: int) -> bool:
        assert running.relay._wiring is not None
        directory = running.relay._wiring.directory
        newest = {other.node_id: other.descriptor.raw for other in self.relays.values()}
        known = {node_id: directory.state.known.descriptor_of(node_id) for node_id in newest}
        return len(newest) == count and all(
            found is not None and found.raw == newest[node_id] for node_id, found in known.items()
        )

    @property
    def ground(self) -> Ground:
        """What strangers have of these relays."""
        uris = {name: running.uri for name, running in self.relays.items()}
        return Ground(self.network, self.network_id, self.runtime, self.nursery, uris)

    async def client(self, name: str, relay: str, handlers: Any = None) -> Connection:
        """Connect a client's host to a relay."""
        return await self.ground.client(name, relay, handlers)

    async def tunnel(
        self, connection: Connection, hops: Sequence[str], handlers: Any = None
    ) -> Connection:
        """Open a tunnel over a client's connection."""
        return await self.ground.tunnel(connection, hops, handlers)

    def hops(self, *names: str, delay_ms: int = 0) -> list[Hop]:
        """Return a path over relays with the keys that they have now."""
        return [self.hop(self.relays[name].descriptor, delay_ms) for name in names]

    def hop(self, descriptor: Descriptor, delay_ms: int = 0, lane: int = 0) -> Hop:
        epoch = epoch_at(self.runtime.wall())
        key = descriptor.mix_key(lane, epoch)
        assert key is not None
        return Hop(descriptor.node_id, key, epoch, lane, delay_ms)

    def packet(self, hops: Sequence[Hop], service: int, payload: bytes) -> bytes:
        return wrap(SMALL, hops, DeliveryPlaintext(service, payload), self.runtime.entropy)

    def deposit(
        self,
        hops: Sequence[Hop],
        send_id: SendId,
        text: bytes,
        ack: AckRoute | None = None,
        deposit_id: bytes = b"",
        ttl_seconds: int = 3600,
    ) -> bytes:
        """Return a packet that leaves an envelope at the last hop."""
        entropy = self.runtime.entropy
        payload = encode_deposit(
            Deposit(
                send_id=send_id,
                deposit_id=DepositId(deposit_id or entropy(16)),
                ttl_seconds=ttl_seconds,
                ack=ack,
                envelope=text.ljust(ENVELOPE_SMALL_BYTES, b"\0"),
            ),
            entropy(ACK_BYTES),
        )
        return self.packet(hops, DEPOSIT, payload)


@asynccontextmanager
async def world(root: Path, seed: int = 1, network_id: str = "local") -> AsyncIterator[World]:
    """Run a world; everything in it is cancelled at the end of the block."""
    async with trio.open_nursery() as nursery:
        yield World(root, nursery, seed, network_id)
        nursery.cancel_scope.cancel()


@dataclass
class Owner(NoHandlers):
    """A mailbox's owner: collects over whatever link it is given, and acks unless told not to."""

    key: SigningKey
    acks: bool = True
    pushed: list[bytes] = field(default_factory=list)
    tokens: list[bytes] = field(default_factory=list)
    generation: int = 0
    day_seconds: float = START

    def notify_received(self, connection: Connection, body: bytes, /) -> None:
        method, fields = decode_call(body)
        if method == mail.PUSH:
            push = mail.decode_push(fields)
            self.pushed.append(push.envelope.rstrip(b"\0"))
            if self.acks:
                connection.notify(mail.encode_ack([push.seq]))
        elif method == mail.TOKEN:
            self.tokens.append(mail.decode_token(fields).token)

    async def open(self, connection: Connection, relay: Running) -> None:
        """Become the collector of this owner's mailbox at a relay."""
        self.generation += 1
        signature = sign_collect(
            self.key, connection.handshake_hash, relay.node_id, self.generation
        )
        call = mail.OpenRequest(MailboxId(self.key.public), self.generation, signature, 16)
        mail.decode_open_response(await connection.request(mail.encode_open_request(call)))

    async def register(
        self,
        connection: Connection,
        send_id: SendId,
        kind: rpc_send_ids.SendIdKind = rpc_send_ids.SendIdKind.CONTACT,
    ) -> None:
        """Let others deposit under a send id."""
        today = day_at(self.day_seconds)
        entry = rpc_send_ids.SendIdEntry(send_id, kind, today, today)
        body = rpc_send_ids.encode_send_ids_request(rpc_send_ids.SendIdsRequest((entry,), ()))
        rpc_send_ids.decode_send_ids_response(await connection.request(body))


async def snapshot(connection: Connection) -> list[Descriptor]:
    """Ask a relay for all descriptors."""
    answer = await connection.request(encode_snapshot_request())
    return [decode_descriptor(raw) for raw in decode_snapshot_response(answer).whole]


def table_rows(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Read every row of every table of a database, as an investigator would."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        names = [row[0] for row in tables.fetchall()]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}
    finally:
        connection.close()


def folder_bytes(folder: Path) -> bytes:
    """Return everything that a folder's files hold."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())
