"""What every relay of a world sees: who connects, what it decrypts, what passes through it.

A `Spy` is the memory of operators who keep everything. It changes nothing of what relays
do. `look` must be called before the relays start.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

from zentalk.ids import NodeId
from zentalk.link.outbox import Account
from zentalk.mailbox.storage import PutEnvelope
from zentalk.net.transport import ByteStream
from zentalk.onion.packet import DEPOSIT, Deliver, Forward
from zentalk.relay.connections import LinkHandlers, RelayConnections
from zentalk.relay.forwarding.router import Router
from zentalk.relay.forwarding.tunnels import TunnelService
from zentalk.relay.mailbox.collectors import Collectors
from zentalk.relay.mailbox.service import MailboxService
from zentalk.store.mailbox.sqlite import SqliteMailboxStore
from zentalk.wire.deposit import Deposit, decode_deposit


class Hop(NamedTuple):
    """One packet at one relay: what brought it, where it went (None: it ended here)."""

    relay: NodeId
    from_client: bool
    next_id: NodeId | None
    service: int


@dataclass
class Opened:
    """An OPEN that a relay was asked for: by a client, at what depth, to whom."""

    from_client: bool
    depth: int
    target: NodeId | None


@dataclass
class Seen:
    """Everything that one relay has seen."""

    sources: set[str] = field(default_factory=set)
    """Hosts that opened a connection to it."""
    data: list[bytes] = field(default_factory=list)
    """Packets, payloads, questions, answers and stream bytes, all as this relay reads them."""
    questions: list[bytes] = field(default_factory=list)
    deposits: list[Deposit] = field(default_factory=list)
    opened: list[Opened] = field(default_factory=list)
    streamed: list[bytes] = field(default_factory=list)
    """What passed in streams that it carried for others."""

    def holds(self, secret: bytes) -> bool:
        """Tell whether any of it shows these bytes."""
        return any(secret in piece for piece in self.data)


class Spy:
    """What all relays have seen, by relay; `paths` are the packets that reached their end."""

    def __init__(self) -> None:
        self.relays: dict[NodeId, Seen] = defaultdict(Seen)
        self.written: list[PutEnvelope] = []
        self._packets: dict[bytes, list[Hop]] = {}
        self._from_client = False
        self._arrived = b""
        self.paths: list[list[Hop]] = []

    def forget(self) -> None:
        """Begin anew: only what is seen from now on counts."""
        self.relays.clear()
        self.written.clear()
        self.paths.clear()

    def all_data(self) -> Iterator[bytes]:
        """Return what all relays together have read."""
        for seen in self.relays.values():
            yield from seen.data

    def look(self, monkeypatch: pytest.MonkeyPatch) -> Spy:
        """Watch every relay that is made from now on."""
        self._watch_connections(monkeypatch)
        self._watch_packets(monkeypatch)
        self._watch_calls(monkeypatch)
        self._watch_streams(monkeypatch)
        self._watch_disks(monkeypatch)
        return self

    def _watch_connections(self, monkeypatch: pytest.MonkeyPatch) -> None:
        accept = RelayConnections.accept

        async def watched(
            accepting: RelayConnections, lane: int, stream: ByteStream, source: str
        ) -> None:
            self.relays[accepting._keys.descriptor.node_id].sources.add(source)
            await accept(accepting, lane, stream, source)

        monkeypatch.setattr(RelayConnections, "accept", watched)

    def _watch_packets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        brought, received, act = LinkHandlers.packet_received, Router.packet_received, Router._act

        def watched_brought(inbound: LinkHandlers, connection: Any, packet: bytes) -> None:
            self._from_client = connection.peer.is_client
            brought(inbound, connection, packet)

        def watched_received(
            router: Router, packet: bytes, lane: int = 0, account: Account | None = None
        ) -> None:
            self._arrived = packet
            self.relays[router._forwarder.node_id].data.append(packet)
            received(router, packet, lane, account)

        def watched_act(router: Router, found: Forward | Deliver) -> None:
            seen = self.relays[router._forwarder.node_id]
            way = self._packets.pop(self._arrived, [])
            if isinstance(found, Forward):
                way.append(Hop(router._forwarder.node_id, self._from_client, found.next_id, 0))
                self._packets[found.packet] = way
                seen.data.append(found.packet)
            else:
                way.append(Hop(router._forwarder.node_id, self._from_client, None, found.service))
                self.paths.append(way)
                seen.data.append(found.payload)
                if found.service == DEPOSIT:
                    seen.deposits.append(decode_deposit(found.payload))
            act(router, found)

        monkeypatch.setattr(LinkHandlers, "packet_received", watched_brought)
        monkeypatch.setattr(Router, "packet_received", watched_received)
        monkeypatch.setattr(Router, "_act", watched_act)

    def _watch_calls(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ask, tell, push = (
            LinkHandlers.request_received,
            LinkHandlers.notify_received,
            Collectors._notify,
        )
        make = MailboxService.__init__
        owners: dict[Collectors, NodeId] = {}

        async def watched_ask(inbound: LinkHandlers, connection: Any, body: bytes) -> bytes:
            seen = self.relays[inbound._router._forwarder.node_id]
            seen.questions.append(body)
            answer = await ask(inbound, connection, body)
            seen.data += [body, answer]
            return answer

        def watched_tell(inbound: LinkHandlers, connection: Any, body: bytes) -> None:
            self.relays[inbound._router._forwarder.node_id].data.append(body)
            tell(inbound, connection, body)

        def watched_make(service: MailboxService, *arguments: Any) -> None:
            make(service, *arguments)
            owners[service._collectors] = service._own_node_id

        def watched_push(collectors: Collectors, collector: Any, body: bytes) -> Any:
            self.relays[owners[collectors]].data.append(body)
            return push(collectors, collector, body)

        monkeypatch.setattr(LinkHandlers, "request_received", watched_ask)
        monkeypatch.setattr(LinkHandlers, "notify_received", watched_tell)
        monkeypatch.setattr(MailboxService, "__init__", watched_make)
        monkeypatch.setattr(Collectors, "_notify", watched_push)

    def _watch_streams(self, monkeypatch: pytest.MonkeyPatch) -> None:
        opened = TunnelService.stream_opened

        async def watched(
            tunnels: TunnelService, connection: Any, asked: Any, stream: Any, serve_inner: Any
        ) -> None:
            seen = self.relays[tunnels._node_id]
            is_client = connection.peer.is_client
            seen.opened.append(Opened(is_client, connection.depth, asked.node_id))
            if is_client:  # it is carried on to another relay
                stream = _Overheard(stream, seen)
            await opened(tunnels, connection, asked, stream, serve_inner)

        monkeypatch.setattr(TunnelService, "stream_opened", watched)

    def _watch_disks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        apply = SqliteMailboxStore.apply

        def watched(store: SqliteMailboxStore, operations: Any) -> Any:
            self.written += [item for item in operations if isinstance(item, PutEnvelope)]
            return apply(store, operations)

        monkeypatch.setattr(SqliteMailboxStore, "apply", watched)


class _Overheard:
    """A stream whose bytes are kept as well."""

    def __init__(self, stream: Any, seen: Seen) -> None:
        self._stream = stream
        self._seen = seen

    async def send_all(self, data: bytes, /) -> None:
        self._keep(data)
        await self._stream.send_all(data)

    async def receive_some(self, max_bytes: int, /) -> bytes:
        data: bytes = await self._stream.receive_some(max_bytes)
        self._keep(data)
        return data

    async def aclose(self) -> None:
        await self._stream.aclose()

    def _keep(self, data: bytes) -> None:
        self._seen.streamed.append(bytes(data))
        self._seen.data.append(bytes(data))
