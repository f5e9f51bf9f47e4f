"""Holders in memory, behind the calls of the real ones: what they keep, and how they can fail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from zentalk.errors import RefusedError, UnavailableError
from zentalk.ids import NodeId, ShardId
from zentalk.mesh.leases import (
    KeptShard,
    check_statement,
    hour_at,
    judge_change,
    put_expiry,
    renewed_expiry,
    tombstone_expiry,
)
from zentalk.wire import rpc_shards as rpc
from zentalk.wire.codec import Fields
from zentalk.wire.rpc import decode_call, encode_refusal
from zentalk.wire.rpc_shards import Changed, ShardPrice, ShardRead
from zentalk.wire.shard import decode_shard, shard_id
from zentalk.wire.statement import Op

START_WALL = 1_800_000_000.0


@dataclass
class Shelf:
    """One holder. `dead` does not answer, `full` takes nothing new, `unreadable` gives nothing."""

    node_id: NodeId
    kept: dict[ShardId, KeptShard] = field(default_factory=dict)
    contents: dict[ShardId, bytes] = field(default_factory=dict)
    promised: dict[ShardId, int] = field(default_factory=dict)
    """What it says that it has, and has not."""
    dead: bool = False
    full: bool = False
    unreadable: bool = False
    calls: list[str] = field(default_factory=list)

    async def request(self, body: bytes, _timeout_seconds: float = 10) -> bytes:
        await trio.lowlevel.checkpoint()
        if self.dead:
            raise UnavailableError("a relay cannot be reached")
        method, fields = decode_call(body)
        self.calls.append(method)
        self._forget_ended()
        try:
            return getattr(self, f"_{method.partition('.')[2]}")(fields)  # type: ignore[no-any-return]
        except RefusedError as refusal:
            return encode_refusal(refusal.reason)

    @property
    def wall(self) -> float:
        """Unix time; what has ended by now is not here any more."""
        return START_WALL + trio.current_time()

    def _forget_ended(self) -> None:
        hour = hour_at(self.wall)
        for one in [one for one, kept in self.kept.items() if kept.expiry_hour <= hour]:
            del self.kept[one]
            self.contents.pop(one, None)

    def notify(self, _body: bytes) -> None:
        raise NotImplementedError

    def _price(self, fields: Fields) -> bytes:
        rpc.decode_shard_price_request(fields)
        return rpc.encode_shard_price_response(ShardPrice(0, rpc.MAX_LEASE_HOURS))

    def _put(self, fields: Fields) -> bytes:
        put = rpc.decode_shard_put_request(fields)
        decode_shard(put.content)
        one, hour = shard_id(put.content), hour_at(self.wall)
        check_statement(put.signed.statement(Op.KEEP, self.node_id, (one,)), put.signed, self.wall)
        expiry = put_expiry(self.kept.get(one), put.signed, hour)
        if self.full and one not in self.kept:
            raise RefusedError(rpc.FULL)
        self.kept[one] = KeptShard(put.signed.lease_key, expiry)
        self.contents[one] = put.content
        return rpc.encode_shard_put_response(expiry)

    def _get(self, fields: Fields) -> bytes:
        get = rpc.decode_shard_get_request(fields)
        if self.unreadable:
            raise RefusedError(rpc.UNAVAILABLE)
        content = self.contents.get(get.id)
        if content is None:
            raise RefusedError(rpc.UNKNOWN)
        part = content[get.offset : get.offset + get.length]
        return rpc.encode_shard_get_response(ShardRead(len(content), part))

    def _look(self, fields: Fields) -> bytes:
        ids = rpc.decode_shard_look_request(fields)
        held = {one: self.kept[one].expiry_hour for one in self.contents} | self.promised
        hours = [held.get(one, 0) for one in ids]
        return rpc.encode_shard_look_response(hours)

    def _change(self, fields: Fields) -> bytes:
        change = rpc.decode_shard_change_request(fields)
        statement = change.signed.statement(change.op, self.node_id, change.ids)
        check_statement(statement, change.signed, self.wall)
        known = [self.kept.get(one) for one in change.ids]
        changed = judge_change(known, change.signed.lease_key, hour_at(self.wall))
        for one, what in zip(change.ids, changed, strict=True):
            if what is Changed.DONE:
                self._do(change.op, one, change.signed.expiry_hour)
        return rpc.encode_shard_change_response(changed)

    def _do(self, op: Op, one: ShardId, asked_hour: int) -> None:
        kept, hour = self.kept[one], hour_at(self.wall)
        if op is Op.RENEW:
            self.kept[one] = KeptShard(kept.lease_key, renewed_expiry(kept, asked_hour, hour))
            return
        self.kept[one] = KeptShard(kept.lease_key, tombstone_expiry(kept, hour), deleted=True)
        del self.contents[one]


class Shelves:
    """Some holders, and links to them."""

    def __init__(self, count: int) -> None:
        ids = [NodeId(bytes([number]) * 32) for number in range(1, count + 1)]
        self.all = {node_id: Shelf(node_id) for node_id in ids}

    def __getitem__(self, number: int) -> Shelf:
        return list(self.all.values())[number]

    @asynccontextmanager
    async def link(self, node_id: NodeId) -> AsyncIterator[Shelf]:
        """Open a link, as a tunnel would be."""
        await trio.lowlevel.checkpoint()
        shelf = self.all[node_id]
        if shelf.dead:
            raise UnavailableError("a relay cannot be reached")
        yield shelf

    def shards(self) -> int:
        """Return how many shards all of them keep."""
        return sum(len(shelf.contents) for shelf in self.all.values())
