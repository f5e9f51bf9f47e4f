"""A shard service by itself in virtual time, and owners who sign what they want."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import trio

from zentalk.crypto.ed25519 import SigningKey
from zentalk.ids import NodeId, ShardId
from zentalk.mailbox.events import Admittance
from zentalk.mesh.leases import LeaseSigner, hour_at
from zentalk.net.dispatch import Dispatcher
from zentalk.net.runtime import Runtime, seeded_entropy
from zentalk.relay.links.memory_budget import MemoryBudget
from zentalk.relay.shards.keeping import ShardKeeper
from zentalk.relay.shards.room import ShardRoom
from zentalk.relay.shards.service import ShardService
from zentalk.store.shards.sentinel import ShardFolder
from zentalk.store.shards.shelf import ShardShelf
from zentalk.wire import rpc_shards as rpc
from zentalk.wire.deposit import NO_STAMP, Stamp
from zentalk.wire.shard import Coding, Shard, encode_shard, shard_id
from zentalk.wire.statement import Op, SignedStatement

START = 1_700_000_000.0
RELAY = NodeId(b"this relay's node id, 32 bytes..")
MIB = 2**20
SIZE = 20_000
_OWNERS = count()
"""No two of them draw the same nonces."""


def content(number: int, size: int = SIZE) -> bytes:
    """The bytes of a shard with words to look for, `size` in all."""
    payload = (b"canary %d " % number).ljust(size - 14, b".")
    return encode_shard(Shard(Coding.PIECE, number % 15, payload))


class World:
    """One service after another on one folder, as restarts make them."""

    def __init__(self, root: Path, quota_bytes: int = 64 * MIB, budget: int = 64 * MIB) -> None:
        self.root = root
        self.runtime = Runtime.virtual(1, START)
        self.quota_bytes = quota_bytes
        self.memory = MemoryBudget(budget).account(1.0, greedy=False)
        self.tokens = 0
        self.admittance = Admittance.STRANGER
        self.shelf: ShardShelf
        self.service: ShardService
        self._dispatcher = Dispatcher()

    @property
    def hour(self) -> int:
        return hour_at(self.runtime.wall())

    @property
    def folder(self) -> Path:
        return self.root / "shards"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.root.mkdir(exist_ok=True)
        place = ShardFolder(self.folder, self.root, RELAY)
        self.shelf = ShardShelf(place, self.runtime.run_blocking)
        self.shelf.open_if_used()
        room = ShardRoom(RELAY, self.runtime.wall, self.quota_bytes, lambda: self.tokens)
        keeper = ShardKeeper(RELAY, self.runtime.wall, room)
        self.service = ShardService(self.runtime, self.shelf, keeper, self.memory)
        self.service.judge_by(lambda _link: self.admittance)
        self._dispatcher = Dispatcher(dict(self.service.requests()))
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.service.run)
                await trio.sleep(1)
                yield
                nursery.cancel_scope.cancel()
        finally:
            self.shelf.close()

    async def ask(self, body: bytes) -> bytes:
        link: Any = None
        return await self._dispatcher.request(link, body)

    def stat(self, name: str) -> int:
        return self.service.stats().get(name, 0)


class Owner:
    """Whoever has a lease key, and asks over anything that answers."""

    def __init__(self, world: Any, name: str = "alice", holder: NodeId = RELAY) -> None:
        self.world = world
        self.key = SigningKey.generate(seeded_entropy(name.encode()))
        seed = b"%s %d" % (name.encode(), next(_OWNERS))
        self.signer = LeaseSigner(self.key, holder, seeded_entropy(seed))

    @property
    def wall(self) -> float:
        return float(self.world.runtime.wall())

    def keep(self, data: bytes, hours: int = 24, ahead: float = 0.0) -> SignedStatement:
        return self.signer.keep(shard_id(data), hour_at(self.wall) + hours, self.wall + ahead)

    async def put(
        self,
        data: bytes,
        hours: int = 24,
        *,
        signed: SignedStatement | None = None,
        stamp: Stamp = NO_STAMP,
    ) -> int:
        """Return the hour at which the lease ends; raises RefusedError."""
        statement = signed or self.keep(data, hours)
        body = rpc.encode_shard_put_request(rpc.ShardPut(statement, data, stamp))
        return rpc.decode_shard_put_response(await self.world.ask(body))

    async def price(self, size: int = SIZE) -> int:
        answer = await self.world.ask(rpc.encode_shard_price_request(size))
        return rpc.decode_shard_price_response(answer).bits

    async def get(self, found: ShardId, offset: int = 0, length: int = 2**18) -> bytes:
        asked = rpc.ShardGet(found, offset, length)
        answer = await self.world.ask(rpc.encode_shard_get_request(asked))
        return rpc.decode_shard_get_response(answer, asked).content

    async def look(self, *ids: ShardId) -> tuple[int, ...]:
        answer = await self.world.ask(rpc.encode_shard_look_request(ids))
        return rpc.decode_shard_look_response(answer, len(ids))

    async def change(
        self, op: Op, ids: Sequence[ShardId], signed: SignedStatement
    ) -> tuple[rpc.Changed, ...]:
        body = rpc.encode_shard_change_request(rpc.ShardChange(op, signed, tuple(ids)))
        return rpc.decode_shard_change_response(await self.world.ask(body), len(ids))

    async def renew(self, *ids: ShardId, hours: int = 48) -> tuple[rpc.Changed, ...]:
        hour = hour_at(self.wall) + hours
        return await self.change(Op.RENEW, ids, self.signer.renew(ids, hour, self.wall))

    async def delete(self, *ids: ShardId) -> tuple[rpc.Changed, ...]:
        return await self.change(Op.DELETE, ids, self.signer.delete(ids, self.wall))
