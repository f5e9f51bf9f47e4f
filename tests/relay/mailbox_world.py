"""A running mailbox service with small fake connections, for test_mailbox_service.py."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from tests.mailbox.support import START_WALL, deposit_id, entry, number_of, route, send_id
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import LinkClosedError
from zentalk.ids import DAY_SECONDS, MailboxId, NodeId
from zentalk.mailbox.proof import sign_collect
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.storage import MailboxStore
from zentalk.net.dispatch import Dispatcher
from zentalk.net.runtime import Runtime, seeded_entropy
from zentalk.relay.links.memory_budget import MemoryBudget
from zentalk.relay.mailbox.service import MailboxService
from zentalk.wire import rpc_mailbox as rpc
from zentalk.wire import rpc_send_ids
from zentalk.wire.deposit import ACK_BYTES, ENVELOPE_SMALL_BYTES, AckRoute, Deposit, encode_deposit
from zentalk.wire.rpc import decode_call, decode_response

RELAY = NodeId(b"this relay's node id, 32 bytes..")
KEYS = {
    name: SigningKey.generate(seeded_entropy(name.encode())) for name in ("bob", "carol", "mallory")
}


def payload(number: int, to: str = "bob", ttl_seconds: int = 30 * DAY_SECONDS) -> bytes:
    """The payload of a deposit whose envelope and ack name `number`."""
    sealed = (b"%d " % number).ljust(ENVELOPE_SMALL_BYTES, b".")
    deposit = Deposit(send_id(to), deposit_id(number), ttl_seconds, route(number), sealed)
    return encode_deposit(deposit, bytes(ACK_BYTES))


def number_in(push: rpc.PushNotification) -> int:
    return int(push.envelope.split()[0])


class World:
    """The service, its dispatcher, and the compact acks that left: (time, number)."""

    def __init__(
        self, store: MailboxStore, settings: MailboxSettings | None = None, seed: int = 1
    ) -> None:
        self.runtime = Runtime.virtual(seed, START_WALL)
        self.store = store
        self.acks: list[tuple[float, int]] = []
        self.on_ack: Callable[[int], None] | None = None
        self.memory = MemoryBudget(2**30).account(1.0, greedy=False)
        self.service = MailboxService(
            self.runtime,
            store,
            settings or MailboxSettings(),
            RELAY,
            self._ack_left,
            self.memory,
        )
        self.dispatcher = Dispatcher(
            dict(self.service.requests()),
            dict(self.service.notifies()),
        )
        self.owners = 0

    def _ack_left(self, ack: AckRoute) -> None:
        number = number_of(ack)
        self.acks.append((trio.current_time(), number))
        if self.on_ack is not None:
            self.on_ack(number)

    def acked(self) -> list[int]:
        return sorted(number for _, number in self.acks)

    def deposit(self, number: int, to: str = "bob", **more: int) -> None:
        self.service.deposit(payload(number, to, **more))

    def counter(self, name: str) -> int:
        return self.service.stats().counters.get(name, 0)


class Owner:
    """One end of a fake link; saves and acks what is pushed unless told otherwise."""

    def __init__(self, world: World, name: str = "bob") -> None:
        world.owners += 1
        self.world = world
        self.key = KEYS[name]
        self.handshake_hash = b"handshake %d" % world.owners
        self.pushes: list[rpc.PushNotification] = []
        self.tokens: list[rpc.TokenNotification] = []
        self.acks_at_once = False
        self.broken = False
        self.closed = False
        self.told_why = False

    # what the service uses

    def notify(self, body: bytes) -> None:
        if self.broken:
            raise LinkClosedError("the link is closed")
        method, fields = decode_call(body)
        if method == rpc.TOKEN:
            self.tokens.append(rpc.decode_token(fields))
            return
        if method == rpc.REPLACED:
            self.told_why = True
            return
        assert method == rpc.PUSH
        self.pushes.append(rpc.decode_push(fields))
        if self.acks_at_once:
            self.ack(self.pushes[-1].seq)

    def close(self) -> None:
        self.closed = True

    # what the owner does

    async def ask(self, body: bytes) -> bytes:
        """Return a whole response; raises RefusedError."""
        response = await self.world.dispatcher.request(self, body)  # type: ignore[arg-type]
        decode_response(response)
        return response

    def ack(self, *seqs: int) -> None:
        self.world.dispatcher.notify(self, rpc.encode_ack(seqs))  # type: ignore[arg-type]

    def ack_all(self) -> list[int]:
        pushes, self.pushes = self.pushes, []
        self.ack(*(push.seq for push in pushes))
        return [number_in(push) for push in pushes]

    def proof(self, generation: int, window: int = 64) -> rpc.OpenRequest:
        signature = sign_collect(self.key, self.handshake_hash, RELAY, generation)
        return rpc.OpenRequest(MailboxId(self.key.public), generation, signature, window)

    async def open(self, generation: int = 1, window: int = 64) -> Owner:
        rpc.decode_open_response(
            await self.ask(rpc.encode_open_request(self.proof(generation, window)))
        )
        return self

    async def register(self, *entries: rpc_send_ids.SendIdEntry) -> None:
        call = rpc_send_ids.SendIdsRequest(entries or (entry("bob"),), ())
        rpc_send_ids.decode_send_ids_response(
            await self.ask(rpc_send_ids.encode_send_ids_request(call))
        )

    def lose(self) -> None:
        self.broken = True
        self.world.service.connection_lost(self)


@asynccontextmanager
async def running(world: World) -> AsyncIterator[World]:
    """The world while its service runs."""
    async with trio.open_nursery() as nursery:
        await nursery.start(world.service.run)
        yield world
        nursery.cancel_scope.cancel()


async def online(world: World, generation: int = 1) -> Owner:
    """Bob, connected, with his send id."""
    bob = await Owner(world).open(generation)
    await bob.register()
    return bob


async def settle(seconds: float = 0.1) -> None:
    """Let batches be committed."""
    await trio.sleep(seconds)
