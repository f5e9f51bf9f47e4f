"""The directory's side of `dir.*`: what peers ask this relay, and what they tell it.

Spec: docs/spec/directory.md section 9. It never believes a peer: what it is told is verified by
`DirectoryState` before anything is kept, and it answers from the verified picture only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

from zentalk.errors import RefusedError, StorageError, StorageFullError
from zentalk.net.runtime import Runtime
from zentalk.relay.directory.peers import Neighbour, NewsLimits
from zentalk.relay.directory.record_store import RecordStore
from zentalk.relay.directory.snapshot_server import SnapshotServer
from zentalk.relay.directory.state import DirectoryState
from zentalk.wire import rpc_directory as rpc
from zentalk.wire.codec import Fields

RequestHandler = Callable[[Neighbour, Fields], Awaitable[bytes]]
NotifyHandler = Callable[[Neighbour, Fields], None]


class DirectoryRequests:
    """The handlers of all methods of the directory."""

    def __init__(self, runtime: Runtime, state: DirectoryState, records: RecordStore) -> None:
        self._runtime = runtime
        self._state = state
        self._records = records
        self.limits = NewsLimits(runtime.monotonic())
        self.snapshots = SnapshotServer(runtime, state.known.descriptors)

    def requests(self) -> Mapping[str, RequestHandler]:
        """Return the handlers of requests, by method."""
        return {
            rpc.FIND: self._find,
            rpc.SNAPSHOT: self.snapshots.snapshot,
            rpc.BUCKETS: self.snapshots.buckets,
            rpc.ENTRIES: self.snapshots.entries,
            rpc.DESCRIPTORS: self.snapshots.descriptors,
            rpc.RECORD_PUT: self._record_put,
            rpc.RECORD_GET: self._record_get,
            rpc.RECORD_OFFER: self._record_offer,
        }

    def notifies(self) -> Mapping[str, NotifyHandler]:
        """Return the handlers of notifications, by method."""
        return {rpc.ANNOUNCE: self._announced, rpc.EQUIVOCATION: self._accused}

    async def _find(self, _connection: Neighbour, fields: Fields) -> bytes:
        target = rpc.decode_find_request(fields)
        nearest = self._state.table.nearest(target, rpc.MAX_FOUND - 1)
        known = [self._state.known.descriptor_of(node_id) for node_id in nearest]
        found = [self._state.own, *(item for item in known if item is not None)]
        return rpc.encode_find_response([item.raw for item in found])

    async def _record_put(self, _connection: Neighbour, fields: Fields) -> bytes:
        raw = rpc.decode_record_put_request(fields)
        with _disk_faults():
            await self._records.put(raw)
        return rpc.encode_record_put_response()

    async def _record_get(self, _connection: Neighbour, fields: Fields) -> bytes:
        blinded_key, day = rpc.decode_record_get_request(fields)
        with _disk_faults():
            return rpc.encode_record_get_response(await self._records.get(blinded_key, day))

    async def _record_offer(self, connection: Neighbour, fields: Fields) -> bytes:
        offers = rpc.decode_record_offer_request(fields)
        if connection.peer.node_id is None:
            raise RefusedError("relays-only")
        with _disk_faults():
            return rpc.encode_record_offer_response(await self._records.wanted(offers))

    def _announced(self, connection: Neighbour, fields: Fields) -> None:
        now = self._runtime.monotonic()
        fresh = [
            raw
            for raw in rpc.decode_announce(fields)
            if self._state.is_new(raw) and self.limits.admits(connection, now)
        ]
        self._state.learn(fresh, connection.peer.node_id)

    def _accused(self, connection: Neighbour, fields: Fields) -> None:
        first, second = rpc.decode_equivocation(fields)
        if self.limits.admits(connection, self._runtime.monotonic(), units=2):
            self._state.accuse(first, second, connection.peer.node_id)


@contextmanager
def _disk_faults() -> Iterator[None]:
    """Refuse a request while the disk is full or failing; that is no fault of the link."""
    try:
        yield
    except StorageFullError:
        raise RefusedError("disk") from None  # `full` is a rule's word, answered with more work
    except StorageError:
        raise RefusedError("unavailable") from None
