"""Finds out how a file is put together: from its rows, or from its head in the mesh.

Spec: docs/spec/mesh.md sections 6 and 7.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from zentalk.errors import RELAY_FAULTS, UnavailableError
from zentalk.ids import NodeId, ShardId
from zentalk.mesh.head import SealedHead, open_head, segments_of
from zentalk.mesh.placement import NEAREST, head_reading_order, nearest
from zentalk.mesh.secrets import FileSecrets, ShareSecrets
from zentalk.mesh.segments import joined, open_segment
from zentalk.node.files.download.fetching import Fetcher
from zentalk.node.files.holders.calls import HolderCalls
from zentalk.node.files.holders.relays import StorageRelays
from zentalk.node.files.maps import FileMap, map_of_head, map_of_rows, places_of_ids
from zentalk.store.history import files
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.files import StoredFile
from zentalk.wire.head import INDEX_ROW_BYTES, Head

KEPT_MAPS: Final = 16
"""Of files of others, in memory: their heads are not asked for each time."""
NO_HEAD: Final = (
    "no relay that could be reached has the head of this file: it was deleted or its time is over,"
    " or relays are away; try again later"
)


class FileOpener:
    """Returns the maps of files."""

    def __init__(
        self, database: HistoryDatabase, calls: HolderCalls, relays: StorageRelays
    ) -> None:
        self._database = database
        self.calls = calls
        self.relays = relays
        self._kept: OrderedDict[bytes, FileMap] = OrderedDict()

    def fetcher(self, content_secret: bytes) -> Fetcher:
        """Return what fetches the shards of a file."""
        place = FileSecrets(content_secret).shard_place
        return Fetcher(self.calls, lambda: self._nearest(place))

    async def map_of(self, file: StoredFile) -> FileMap:
        """Return the map of a file that is kept.

        Raises UnavailableError if its head or index cannot be had, RemoteProtocolError if they
        are not right, and StorageError.
        """
        if file.owner_secret is not None:
            rows = await self._database.read(lambda tx: files.parts(tx, file.id))
            return map_of_rows(file, rows)
        assert file.cid is not None
        known = self._kept.get(file.cid)
        if known is None:
            known = self._kept[file.cid] = await self._of_head(file.cid, file.share_secret)
            if len(self._kept) > KEPT_MAPS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(file.cid)
        return known

    async def _of_head(self, cid: bytes, share_secret: bytes) -> FileMap:
        head = await self._head(ShardId(cid), share_secret)
        if not head.index:
            return map_of_head(head, segments_of(head))
        count = head.segment_count
        places = places_of_ids(head, 0, head.index[0])
        [pieces] = await self.fetcher(head.content_secret).fetch([places])
        length = count * INDEX_ROW_BYTES
        key = FileSecrets(head.content_secret).index_key
        data = open_segment(key, 0, joined(pieces, length), length, last=True)
        return map_of_head(head, segments_of(head, data))

    async def _head(self, cid: ShardId, share_secret: bytes) -> Head:
        fault: Exception | None = None
        secrets = ShareSecrets(share_secret)
        for holder in head_reading_order(secrets.head_place, self.relays.candidates()):
            try:
                content = await self.calls.get(holder, cid)
            except RELAY_FAULTS as error:
                fault = error
            else:
                return open_head(secrets.head_key, SealedHead(cid, content))
        raise UnavailableError(NO_HEAD) from fault

    def _nearest(self, place: bytes) -> list[NodeId]:
        near = nearest(place, self.relays.candidates())
        return [one.node for one in near[:NEAREST]]
