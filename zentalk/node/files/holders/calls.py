"""What a node asks single holders: to keep a shard, to give it back, to renew or forget it.

Spec: docs/spec/mesh.md sections 8 to 10. A shard that comes back is compared with its id here, so
that nobody above ever sees wrong bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final

from zentalk.errors import DecodeError, RefusedError, UnavailableError
from zentalk.ids import NodeId, ShardId, day_at
from zentalk.mesh.leases import LeaseSigner, longest_expiry
from zentalk.mesh.secrets import lease_key
from zentalk.mesh.work import search_shard, shard_challenge
from zentalk.net.runtime import Runtime
from zentalk.node.files.holders.links import HolderLinks
from zentalk.wire import rpc_shards as rpc
from zentalk.wire.deposit import NO_STAMP, Stamp
from zentalk.wire.rpc_shards import Changed, ShardChange, ShardGet, ShardPut
from zentalk.wire.shard import shard_id
from zentalk.wire.statement import MAX_IDS, Op

CALL_SECONDS: Final = 30.0
MAX_BITS: Final = 24
"""Work for one shard that is done without asking anybody: some ten seconds of a core."""
_SLICE: Final = 16_384


class CorruptShardError(DecodeError):
    """A holder gave bytes that are not the shard that was asked for."""


class HolderCalls:
    """Calls to holders over `links`. Each raises one of RELAY_FAULTS."""

    def __init__(self, runtime: Runtime, links: HolderLinks) -> None:
        self._runtime = runtime
        self._links = links

    def held(self, holder: NodeId) -> AbstractAsyncContextManager[object]:
        """Keep the link to a holder open for several calls in a row."""
        return self._links.held(holder)

    async def put(self, holder: NodeId, owner_secret: bytes, content: bytes) -> None:
        """Let a holder keep a shard, doing the work that it asks for."""
        try:
            await self._put(holder, owner_secret, content, NO_STAMP)
        except RefusedError as refusal:
            if refusal.reason != rpc.WORK:
                raise
            stamp = await self._work(holder, content)
            await self._put(holder, owner_secret, content, stamp)

    async def _put(self, holder: NodeId, owner_secret: bytes, content: bytes, stamp: Stamp) -> None:
        now, signer = self._runtime.wall(), self._signer(holder, owner_secret)
        statement = signer.keep(shard_id(content), longest_expiry(now), now)
        body = rpc.encode_shard_put_request(ShardPut(statement, content, stamp))
        rpc.decode_shard_put_response(await self._links.request(holder, body, CALL_SECONDS))

    async def get(self, holder: NodeId, wanted: ShardId) -> bytes:
        """Return a shard; raises CorruptShardError if other bytes come, RefusedError for none."""
        asked = ShardGet(wanted)
        body = rpc.encode_shard_get_request(asked)
        response = await self._links.request(holder, body, CALL_SECONDS)
        read = rpc.decode_shard_get_response(response, asked)
        found = await self._runtime.run_blocking(lambda: shard_id(read.content))
        if found != wanted:
            raise CorruptShardError("a holder gave other bytes than were kept there")
        return read.content

    async def look(self, holder: NodeId, ids: Sequence[ShardId]) -> dict[ShardId, int]:
        """Return the hour until which a holder keeps each shard that it has."""
        found: dict[ShardId, int] = {}
        for start in range(0, len(ids), MAX_IDS):
            some = ids[start : start + MAX_IDS]
            body = rpc.encode_shard_look_request(some)
            response = await self._links.request(holder, body, CALL_SECONDS)
            hours = rpc.decode_shard_look_response(response, len(some))
            found |= {one: hour for one, hour in zip(some, hours, strict=True) if hour}
        return found

    async def change(
        self, holder: NodeId, owner_secret: bytes, op: Op, ids: Sequence[ShardId]
    ) -> dict[ShardId, Changed]:
        """Renew or delete shards; return what became of each."""
        found: dict[ShardId, Changed] = {}
        for start in range(0, len(ids), MAX_IDS):
            some, now = tuple(ids[start : start + MAX_IDS]), self._runtime.wall()
            signer = self._signer(holder, owner_secret)
            if op is Op.RENEW:
                statement = signer.renew(some, longest_expiry(now), now)
            else:
                statement = signer.delete(some, now)
            body = rpc.encode_shard_change_request(ShardChange(op, statement, some))
            response = await self._links.request(holder, body, CALL_SECONDS)
            changed = rpc.decode_shard_change_response(response, len(some))
            found |= dict(zip(some, changed, strict=True))
        return found

    def _signer(self, holder: NodeId, owner_secret: bytes) -> LeaseSigner:
        return LeaseSigner(lease_key(owner_secret, holder), holder, self._runtime.entropy)

    async def _work(self, holder: NodeId, content: bytes) -> Stamp:
        """Do the work that a holder asks for now; raises UnavailableError if that is too much."""
        body = rpc.encode_shard_price_request(len(content))
        response = await self._links.request(holder, body, CALL_SECONDS)
        price = rpc.decode_shard_price_response(response)
        if price.bits > MAX_BITS:
            raise UnavailableError("a holder asks for more work than is done for a file")
        day = day_at(self._runtime.wall())
        task = shard_challenge(holder, shard_id(content), day)
        start = int.from_bytes(self._runtime.entropy(7), "big")
        while True:
            at = start
            stamp = await self._runtime.run_blocking(
                lambda at=at: search_shard(task, day, price.bits, at, _SLICE)  # type: ignore[misc]
            )
            if stamp is not None:
                return stamp
            start += _SLICE
