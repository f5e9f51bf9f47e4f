"""Gives a file another share secret, and so another head and CID over the same shards.

Spec: docs/spec/mesh.md section 12. Who was given the file before and did not open it cannot any
more: the old head is deleted. Nothing is lost in between: the new head lies at holders before it
counts, and the old one is left over from then on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from zentalk.errors import ConflictError
from zentalk.ids import SHARD_ID_BYTES
from zentalk.mesh.placement import HEAD, INDEX, ShardNumber, slot_of
from zentalk.mesh.secrets import ShareSecrets
from zentalk.net.runtime import Runtime
from zentalk.node.files.care import books
from zentalk.node.files.care.books import FileBook
from zentalk.node.files.care.moving import LEASE_SECONDS
from zentalk.node.files.holders.calls import HolderCalls
from zentalk.node.files.holders.relays import StorageRelays
from zentalk.node.files.maps import ids_of, places_of_row
from zentalk.node.files.upload.copies import order_of_copies, put_copies
from zentalk.node.files.upload.making import made_head
from zentalk.node.files.upload.slots import layout_of
from zentalk.node.files.views import event_data
from zentalk.store.history import events, file_care, files
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.file_care import Leftover
from zentalk.store.history.files import FilePart, PartKind, StoredFile
from zentalk.store.sqlite import Transaction
from zentalk.wire.head import PIECES, SECRET_BYTES, segment_count_of

NOT_KEPT: Final = (
    "only a file of yours that relays keep gets another secret: try again once they have it"
)
CHANGED: Final = "the file was changed or deleted meanwhile: look at it, and try again"


class FileRotation:
    """Rotates files."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        calls: HolderCalls,
        relays: StorageRelays,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._calls = calls
        self._relays = relays

    async def rotate(self, file: StoredFile) -> StoredFile:
        """Return the file with its new CID.

        Raises ConflictError if it is not an own one that is kept, UnavailableError if no relay
        takes the new head, and StorageError; then nothing has changed.
        """
        book = await self._database.read(lambda tx: books.load(tx, file.id))
        if book is None:
            raise ConflictError(NOT_KEPT)
        slots = slots_now(book.file, book.parts)
        share = self._runtime.entropy(SECRET_BYTES)
        new = replace(book.file, share_secret=share, slots=slots)
        count = segment_count_of(new.size)
        ids = tuple(ids_of(book.parts[number]) for number in range(count))
        index = ids_of(book.parts[INDEX]) if INDEX in book.parts else None
        head = made_head(new, layout_of(new.holders, slots), ids, index)
        order = order_of_copies(ShareSecrets(share).head_place, self._relays.candidates())
        holders = await put_copies(self._calls, new, head.contents[0], order)
        now = self._runtime.wall()

        def job(tx: Transaction) -> StoredFile:
            old = books.current(tx, book)
            if old is None or not _same_holders(old, book, slots):
                raise ConflictError(CHANGED)
            _leave_old(tx, old, now)
            numbers = file_care.numbers_of(tx, old, holders, keep=slots)
            part = FilePart(PartKind.HEAD, 0, head.ids[0], bytes(numbers))
            files.put_part(tx, old.id, part)
            files.rotated(tx, replace(new, cid=head.ids[0]))
            found = files.get(tx, old.id)
            assert found is not None
            events.append(tx, "file.changed", now, event_data(found))
            return found

        return await self._database.write(job)


def slots_now(file: StoredFile, parts: Mapping[int, FilePart]) -> bytes:
    """Return for each slot the place of the holder that has most of its shards by now."""
    counted = [Counter({file.slots[slot]: 1}) for slot in range(PIECES)]
    for segment, part in parts.items():
        if segment != HEAD:
            for index, place in enumerate(part.places):
                counted[slot_of(ShardNumber(segment, index))][place] += 2
    return bytes(one.most_common(1)[0][0] for one in counted)


def _same_holders(file: StoredFile, book: FileBook, slots: bytes) -> bool:
    return all(file.holders[place] == book.file.holders[place] for place in slots)


def _leave_old(tx: Transaction, file: StoredFile, now: float) -> None:
    """Let the copies of the old head be deleted."""
    [part] = files.parts(tx, file.id, PartKind.HEAD)
    assert len(part.ids) == SHARD_ID_BYTES
    left = [
        Leftover(place.holder, place.id, now + LEASE_SECONDS) for place in places_of_row(file, part)
    ]
    file_care.leave(tx, file.id, left)
