"""The shards of a running relay: its five methods, in front of the store.

Spec: docs/spec/mesh.md sections 8 to 10. Whoever calls is a client, over a link or inside a tunnel;
relays do not store at each other. Checks come before any write, and nothing is answered before its
commit. No id, lease key or byte of a shard appears in a log, error or repr.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final, TypeAlias

import trio

from zentalk.errors import DecodeError, RefusedError, StorageError
from zentalk.mailbox.events import Admittance
from zentalk.mesh.leases import hour_at
from zentalk.net.runtime import Runtime
from zentalk.relay.links.memory_budget import BudgetAccount
from zentalk.relay.shards.keeping import ShardArrival, ShardKeeper
from zentalk.relay.shards.upkeep import ShardUpkeep
from zentalk.store.shards import rows
from zentalk.store.shards.orphans import forget_lost
from zentalk.store.shards.shelf import ShardShelf, ShardTrouble
from zentalk.store.shards.store import ShardLostError, ShardStore
from zentalk.store.sqlite import Transaction
from zentalk.wire import rpc_shards as rpc
from zentalk.wire.codec import Fields
from zentalk.wire.shard import decode_shard, shard_id
from zentalk.wire.statement import Op

WRITES_AT_ONCE: Final = 8
"""Puts whose files are written at the same time: they share the syncs of the file system."""
BUSY: Final = "busy"
"""The refusal when too many shards are in memory."""
WARNINGS: Final = {
    ShardTrouble.NONE: "",
    ShardTrouble.FULL: "no shards can be stored: {fault}. Those that are here can be read",
    ShardTrouble.FAILING: "no shards can be stored: {fault}",
    ShardTrouble.MISSING: "shards are neither stored nor given out: {fault}",
    ShardTrouble.FOREIGN: "shards are neither stored nor given out: {fault}",
}
Handler: TypeAlias = Callable[[Any, Fields], Awaitable[bytes]]
"""A method; it gets the connection, which is asked for nothing but who may store."""


def _a_stranger(_link: object) -> Admittance:
    return Admittance.STRANGER


class ShardService:
    """Serves `shard.*` calls while `run` is running.

    The caller owns the shelf and closes it after `run`. `memory` counts shards that are in memory.
    """

    def __init__(
        self,
        runtime: Runtime,
        shelf: ShardShelf,
        keeper: ShardKeeper,
        memory: BudgetAccount,
    ) -> None:
        self._runtime = runtime
        self._shelf = shelf
        self._keeper = keeper
        self._memory = memory
        self._counters: Counter[str] = Counter()
        self._upkeep = ShardUpkeep(runtime, shelf, keeper, self._counters)
        self._writes = trio.Semaphore(WRITES_AT_ONCE)
        self._admittance_of: Callable[[object], Admittance] = _a_stranger

    # --- for the relay -------------------------------------------------------------------

    def requests(self) -> Mapping[str, Handler]:
        """Return what is responded to here, by method."""
        methods: dict[str, Handler] = {
            rpc.PRICE: self._on_price,
            rpc.PUT: self._on_put,
            rpc.GET: self._on_get,
            rpc.LOOK: self._on_look,
            rpc.CHANGE: self._on_change,
        }
        return {name: partial(self._counted, method) for name, method in methods.items()}

    def notifies(self) -> Mapping[str, Callable[[Any, Fields], None]]:
        """Return the notifications taken here: none."""
        return {}

    def judge_by(self, admittance_of: Callable[[object], Admittance]) -> None:
        """Let the relay say who may store: by default all are strangers."""
        self._admittance_of = admittance_of

    def use_quota(self, quota_bytes: int) -> None:
        """Store up to so many bytes from now on; what is there stays."""
        self._keeper.room.quota_bytes = quota_bytes

    async def run(self) -> None:
        """Serve until cancelled; what was accepted is written."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._shelf.run)
            with suppress(StorageError), self._shelf.watching():
                if self._shelf.is_open:
                    await (await self._shelf.for_put()).write(self._keeper.load)
            nursery.start_soon(self._upkeep.run)

    @property
    def warning(self) -> str:
        """The sentence that the operator should read, empty if all is well."""
        return WARNINGS[self._shelf.trouble].format(fault=self._shelf.fault)

    def stats(self) -> dict[str, int]:
        """Return the counts at this moment, exact; refusals begin with `refused_`."""
        room = self._keeper.room
        gauges = {
            "shards": room.used.shards,
            "stored_bytes": room.used.bytes,
            "quota_bytes": room.quota_bytes,
        }
        return gauges | dict(self._counters)

    # --- requests ------------------------------------------------------------------------

    async def _on_price(self, link: object, fields: Fields) -> bytes:
        size = rpc.decode_shard_price_request(fields)
        admittance = self._admittance_of(link)
        store, room = self._shelf.store, self._keeper.room
        if store is None:
            await trio.lowlevel.checkpoint()
            bits = room.price(None, size, admittance)
        else:
            bits = await store.read(lambda tx: room.price(tx, size, admittance))
        return rpc.encode_shard_price_response(rpc.ShardPrice(bits, rpc.MAX_LEASE_HOURS))

    async def _on_put(self, link: object, fields: Fields) -> bytes:
        request = rpc.decode_shard_put_request(fields)
        try:
            decode_shard(request.content)
        except DecodeError:
            raise RefusedError(rpc.FORM) from None
        found = shard_id(request.content)
        self._keeper.check(Op.KEEP, request.signed, (found,))
        admittance = self._admittance_of(link)
        put = ShardArrival(found, request.content, request.signed, request.stamp, admittance)
        with self._in_memory(len(put.content)):
            async with self._writes:
                hour, is_new = await self._put(put)
        self._counters["puts" if is_new else "renewed"] += 1
        return rpc.encode_shard_put_response(hour)

    async def _put(self, put: ShardArrival) -> tuple[int, bool]:
        keeper, room = self._keeper, self._keeper.room
        store = await self._open_store(put)
        row = await store.read(lambda tx: keeper.judge_put(tx, put))
        if row is not None and keeper.is_leased(row):
            return await store.write_at_any_rate(lambda tx: keeper.put(tx, put, row.place))
        if row is not None:
            await store.remove(lambda tx: keeper.end(tx, put.id))
        counted = rows.counted_bytes(len(put.content))
        room.coming_bytes += counted
        try:
            kept = await store.put(put.id, put.content, partial(_keep, keeper, put))
        finally:
            room.coming_bytes -= counted
        self._shelf.worked()
        return kept

    async def _open_store(self, put: ShardArrival) -> ShardStore:
        """Return the store, made for a shard that has room in it if there is none."""
        if self._shelf.is_open:
            return await self._shelf.for_put()
        self._keeper.check_room(None, put)
        store = await self._shelf.for_put()
        await store.write(self._keeper.load)
        return store

    async def _on_get(self, _link: object, fields: Fields) -> bytes:
        asked = rpc.decode_shard_get_request(fields)
        store = self._shelf.store
        if store is None:
            await trio.lowlevel.checkpoint()
            raise RefusedError(rpc.UNKNOWN)
        with self._in_memory(asked.length):
            hour = hour_at(self._runtime.wall())
            try:
                found = await store.get(asked.id, hour, asked.offset, asked.length)
            except ShardLostError as error:
                # Its owner must hear that it is lost, and not that it is asked again later.
                self._counters["lost"] += await forget_lost(store, [error.lost])
                found = None
            if found is None:
                raise RefusedError(rpc.UNKNOWN)
            self._counters["reads"] += 1
            return rpc.encode_shard_get_response(rpc.ShardRead(*found))

    async def _on_look(self, _link: object, fields: Fields) -> bytes:
        ids = rpc.decode_shard_look_request(fields)
        store = self._shelf.store
        if store is None:
            await trio.lowlevel.checkpoint()
            return rpc.encode_shard_look_response([0] * len(ids))
        hours = await store.read(lambda tx: self._keeper.look(tx, ids))
        return rpc.encode_shard_look_response(hours)

    async def _on_change(self, _link: object, fields: Fields) -> bytes:
        change = rpc.decode_shard_change_request(fields)
        self._keeper.check(change.op, change.signed, change.ids)
        store = self._shelf.store
        if store is None:
            await trio.lowlevel.checkpoint()
            return rpc.encode_shard_change_response([rpc.Changed.NOT_HERE] * len(change.ids))
        changed = await store.remove(lambda tx: self._keeper.change(tx, change))
        what = "renewed" if change.op is Op.RENEW else "deleted"
        self._counters[what] += changed.count(rpc.Changed.DONE)
        return rpc.encode_shard_change_response(changed)

    # --- around them ---------------------------------------------------------------------

    async def _counted(self, method: Handler, link: object, fields: Fields) -> bytes:
        """Let a method respond; count what it refuses, and notice what the disk does."""
        try:
            with self._shelf.watching():
                return await method(link, fields)
        except RefusedError as refusal:
            self._counters[f"refused_{refusal.reason}"] += 1
            raise
        except StorageError:
            self._counters["refused_unavailable"] += 1
            raise

    @contextmanager
    def _in_memory(self, size_bytes: int) -> Iterator[None]:
        """Count bytes that are in memory; raises RefusedError if there are too many."""
        if not self._memory.take(size_bytes):
            raise RefusedError(BUSY)
        try:
            yield
        finally:
            self._memory.release(size_bytes)


def _keep(
    keeper: ShardKeeper, put: ShardArrival, tx: Transaction, place: int
) -> tuple[tuple[int, bool], bool]:
    kept = keeper.put(tx, put, place)
    return kept, kept[1]
