"""The mailbox service over real links: an anonymous client collects through the real handshake."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from tests.mailbox.support import START_WALL, entry, send_id, stored
from tests.relay.mailbox_world import KEYS, number_in, payload
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import LinkClosedError
from zentalk.ids import MailboxId
from zentalk.mailbox.proof import sign_collect
from zentalk.mailbox.settings import MailboxSettings
from zentalk.net.connection import Connection, NoHandlers
from zentalk.net.dispatch import Dispatcher
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.net.serve import connect, serve
from zentalk.net.transport import ByteStream
from zentalk.relay.links.memory_budget import MemoryBudget
from zentalk.relay.mailbox.service import MailboxService
from zentalk.store.mailbox.memory import MemoryMailboxStore
from zentalk.wire import rpc_mailbox as rpc
from zentalk.wire import rpc_send_ids
from zentalk.wire.descriptor import node_id_of
from zentalk.wire.rpc import decode_call

NETWORK = "local"


class Relay(NoHandlers):
    """A relay that is nothing but a mailbox."""

    def __init__(self, network: MemoryNetwork) -> None:
        self.runtime = Runtime.virtual(1, START_WALL)
        self.network = network
        self.key = SigningKey.generate(self.runtime.entropy)
        self.node_id = node_id_of(self.key.public)
        self.store = MemoryMailboxStore()
        self.service = MailboxService(
            self.runtime,
            self.store,
            MailboxSettings(),
            self.node_id,
            lambda route: None,
            MemoryBudget(2**30).account(1.0, greedy=False),
        )
        self.dispatcher = Dispatcher(dict(self.service.requests()), dict(self.service.notifies()))
        self.port = 0

    async def request_received(self, connection: Connection, body: bytes, /) -> bytes:
        return await self.dispatcher.request(connection, body)

    def notify_received(self, connection: Connection, body: bytes, /) -> None:
        self.dispatcher.notify(connection, body)

    async def listen(self, nursery: trio.Nursery) -> None:
        listener = await self.network.host("relay").listen("relay", 0)
        self.port = listener.port
        nursery.start_soon(listener.serve, self._serve)

    async def _serve(self, stream: ByteStream, _source: str) -> None:
        opened: list[Connection] = []
        await serve(
            stream,
            network=NETWORK,
            identity=self.key,
            handlers=self,
            runtime=self.runtime,
            on_open=opened.append,
        )
        for connection in opened:
            self.service.connection_lost(connection)


class Client(NoHandlers):
    """An owner's end: keeps pushes, acks when told."""

    def __init__(self, relay: Relay, nursery: trio.Nursery) -> None:
        self.relay, self.nursery = relay, nursery
        self.pushes: list[rpc.PushNotification] = []
        self.connection: Connection | None = None

    def notify_received(self, _connection: Connection, body: bytes, /) -> None:
        self.pushes.append(rpc.decode_push(decode_call(body)[1]))

    async def dial(self) -> Connection:
        stream = await self.relay.network.host("owner").dial("relay", self.relay.port)
        self.connection = await connect(
            stream,
            network=NETWORK,
            relay_identity=self.relay.key.public,
            handlers=self,
            runtime=self.relay.runtime,
            nursery=self.nursery,
        )
        return self.connection

    async def open(self, call: rpc.OpenRequest) -> None:
        assert self.connection is not None
        rpc.decode_open_response(await self.connection.request(rpc.encode_open_request(call)))

    def proof(self, generation: int) -> rpc.OpenRequest:
        assert self.connection is not None
        key, relay = KEYS["bob"], self.relay.node_id
        signature = sign_collect(key, self.connection.handshake_hash, relay, generation)
        return rpc.OpenRequest(MailboxId(key.public), generation, signature, 16)


@asynccontextmanager
async def relay_and_nursery() -> AsyncIterator[tuple[Relay, trio.Nursery]]:
    async with trio.open_nursery() as nursery:
        relay = Relay(MemoryNetwork(0.01))
        await nursery.start(relay.service.run)
        await relay.listen(nursery)
        yield relay, nursery
        nursery.cancel_scope.cancel()


async def test_an_owner_collects_over_a_real_link(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with relay_and_nursery() as (relay, nursery):
        bob = Client(relay, nursery)
        connection = await bob.dial()
        await bob.open(bob.proof(1))
        add = rpc_send_ids.SendIdsRequest((entry("bob"),), ())
        rpc_send_ids.decode_send_ids_response(
            await connection.request(rpc_send_ids.encode_send_ids_request(add))
        )
        for number in range(5):
            relay.service.deposit(payload(number))
        await trio.sleep(1)
        assert [number_in(push) for push in bob.pushes] == list(range(5))
        connection.notify(rpc.encode_ack([push.seq for push in bob.pushes]))
        await trio.sleep(5)
        assert stored(relay.store) == 0
        assert relay.service.stats().acknowledged == 5
        connection.close()
        await trio.sleep(5)
        assert relay.service.stats().online == 0
        relay.service.deposit(payload(6))
        again = Client(relay, nursery)
        await again.dial()
        await again.open(again.proof(2))
        await trio.sleep(1)
        assert [number_in(push) for push in again.pushes] == [6]


async def test_d6_the_replaced_link_is_closed(autojump_clock: trio.testing.MockClock) -> None:
    async with relay_and_nursery() as (relay, nursery):
        old, new = Client(relay, nursery), Client(relay, nursery)
        connection = await old.dial()
        await old.open(old.proof(1))
        await new.dial()
        await new.open(new.proof(2))
        with trio.fail_after(5):
            await connection.closed.wait()
        await trio.sleep(5)
        assert relay.service.stats().online == 1


async def test_k10_a_proof_captured_on_one_real_link_is_refused_on_another(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with relay_and_nursery() as (relay, nursery):
        bob, thief = Client(relay, nursery), Client(relay, nursery)
        await bob.dial()
        captured = bob.proof(1)
        await thief.dial()
        with pytest.raises(LinkClosedError):
            await thief.open(captured)
        assert relay.service.stats().online == 0
        await bob.open(captured)
        assert relay.service.stats().online == 1


async def test_k9_strangers_get_the_same_sizes_on_the_wire(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with relay_and_nursery() as (relay, nursery):
        bob, stranger = Client(relay, nursery), Client(relay, nursery)
        connection = await bob.dial()
        await bob.open(bob.proof(1))
        add = rpc_send_ids.SendIdsRequest((entry("bob"),), ())
        rpc_send_ids.decode_send_ids_response(
            await connection.request(rpc_send_ids.encode_send_ids_request(add))
        )
        asking = await stranger.dial()
        answers = {
            await asking.request(rpc_send_ids.encode_state_request(send_id(name)))
            for name in ("bob", "nobody")
        }
        assert len(answers) == 1
        assert len(asking.unit_sizes) == 1
