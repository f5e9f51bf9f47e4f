"""All that goes on between a node's files and their holders: the tasks, and who waits for them."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import trio

from zentalk.ids import EPOCH_SECONDS
from zentalk.mesh.placement import HEAD, INDEX, survives_node_losses
from zentalk.node.files.care.rounds import FileCare
from zentalk.node.files.deletes import Deletes
from zentalk.node.files.download.opening import FileOpener
from zentalk.node.files.download.sources import FileSource
from zentalk.node.files.holdings import holdings
from zentalk.node.files.moves import Moves
from zentalk.node.files.upload.uploads import Uploads
from zentalk.node.files.views import HealthView
from zentalk.store.history.files import StoredFile


class Transfers:
    """Moves files and looks after them; `run` must be running."""

    def __init__(
        self,
        opener: FileOpener,
        source: FileSource,
        uploads: Uploads,
        deletes: Deletes,
        moves: Moves,
        care: FileCare,
    ) -> None:
        self._opener = opener
        self._source = source
        self._uploads = uploads
        self._deletes = deletes
        self._moves = moves
        self._care = care

    async def run(self) -> None:
        """Bring files to relays, look after them and delete them there, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._source.run)
            nursery.start_soon(self._uploads.run)
            nursery.start_soon(self._deletes.run)
            nursery.start_soon(self._care.run)

    def look_again(self) -> None:
        """Look for files to send and to delete."""
        self._uploads.poked.set()
        self._deletes.poked.set()

    def next_move(self, file_id: bytes) -> trio.Event:
        """Return what is set when a file comes further next: take it before looking."""
        return self._moves.next(file_id)

    def tell(self, file_id: bytes) -> None:
        """Let those go on who wait for a file."""
        self._moves.tell(file_id)

    def pieces(self, file: StoredFile, start: int, length: int) -> AsyncGenerator[bytes, None]:
        """Yield some bytes of a file; raises as `FileSource.pieces`."""
        return self._source.pieces(file, start, length)

    async def rotate(self, file: StoredFile) -> StoredFile:
        """Give a file another share secret; raises as `FileCare.rotate`."""
        return await self._care.rotate(file)

    def holders_known(self) -> int:
        """Return how many relays keep files, as far as this node knows."""
        return len(self._opener.relays.candidates())

    async def health(self, file: StoredFile) -> HealthView:
        """Ask the holders of a file what they have; raises UnavailableError without its head."""
        calls = self._opener.calls
        file_map = await self._opener.map_of(file)
        found = await holdings(calls, file_map)
        seen = found.seen(file_map)
        parts = ((HEAD, file_map.head), (INDEX, file_map.index))
        segments = [*range(len(file_map.segments)), *(part for part, places in parts if places)]
        shards = [one for held in seen.values() for one in held if one.segment >= 0]
        checked = await self._care.last_check(file)
        end = found.first_end()
        return HealthView(
            cid="" if file.cid is None else file.cid.hex(),
            state=file.state,
            shards_live=len(shards),
            shards_total=sum(map(len, file_map.segments)),
            survives_node_losses=survives_node_losses(segments, seen) or 0,
            holders=len(found.hours) + len(found.silent),
            silent=len(found.silent),
            kept_until=None if end is None else float(end * EPOCH_SECONDS),
            checked_at=file.checked_at,
            found_missing=checked.missing,
            found_corrupt=checked.corrupt,
            found_silent=checked.silent,
        )
