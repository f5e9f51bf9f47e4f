"""What an owner knows of the shards of one file: read from its rows, and written back.

Plain synchronous code. A row has a byte for each shard, which says what was last known of it; who
is silent stands in rows of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from zentalk.ids import NodeId, ShardId
from zentalk.mesh.audit import KnownShard, ShardBook, ShardVerdict
from zentalk.mesh.placement import HEAD, INDEX, ShardNumber
from zentalk.node.files.maps import places_of_row
from zentalk.store.history import file_care, files
from zentalk.store.history.files import FilePart, FileState, PartKind, StoredFile
from zentalk.store.sqlite import Transaction

VERDICTS: Final = (ShardVerdict.RIGHT, ShardVerdict.MISSING, ShardVerdict.CORRUPT)
"""What the bytes of `FilePart.verdicts` mean. No byte may get another meaning."""
_SEGMENTS: Final = {PartKind.HEAD: HEAD, PartKind.INDEX: INDEX}

Shards = Mapping[NodeId, Mapping[ShardNumber, ShardId]]
"""Which shards each holder is to have."""


@dataclass(slots=True)
class FileBook:
    """A kept file with its parts by their segments (INDEX, HEAD), and what is known of them."""

    file: StoredFile
    parts: dict[int, FilePart] = field(repr=False)
    known: ShardBook = field(repr=False)

    def shards(self) -> Shards:
        """Return which shards each holder is to have."""
        found: defaultdict[NodeId, dict[ShardNumber, ShardId]] = defaultdict(dict)
        for segment, part in self.parts.items():
            for number, holder, one in places(self.file, segment, part):
                found[holder][number] = one
        return found


def segment_of(part: FilePart) -> int:
    """Return the segment that a part is, as `zentalk.mesh` counts them."""
    return _SEGMENTS.get(part.kind, part.number)


def places(
    file: StoredFile, segment: int, part: FilePart
) -> Iterator[tuple[ShardNumber, NodeId, ShardId]]:
    """Yield the shards of a part with their holders, in the order of its places."""
    for index, place in enumerate(places_of_row(file, part)):
        yield ShardNumber(segment, 0 if segment == HEAD else index), place.holder, place.id


def load(tx: Transaction, file_id: bytes) -> FileBook | None:
    """Read what is known of a file; None if it is not an own one that is kept."""
    file = files.get(tx, file_id)
    if file is None or file.state is not FileState.KEPT or file.owner_secret is None:
        return None
    parts = {segment_of(part): part for part in files.parts(tx, file_id)}
    known = [
        KnownShard(holder, number, VERDICTS[verdict])
        for segment, part in parts.items()
        for (number, holder, _), verdict in zip(
            places(file, segment, part), verdicts_of(part), strict=True
        )
    ]
    return FileBook(file, parts, ShardBook(known, file_care.silence(tx, file_id)))


def current(tx: Transaction, book: FileBook) -> StoredFile | None:
    """Return the file of a book as it is now; None if it is no longer what the book is of.

    It may have been deleted, or got another head.
    """
    file = files.get(tx, book.file.id)
    same = file is not None and (file.state, file.cid) == (FileState.KEPT, book.file.cid)
    return file if same else None


def save(tx: Transaction, book: FileBook) -> None:
    """Write down what is known of a file, if it is still what the book is of."""
    file_id = book.file.id
    if current(tx, book) is None:
        return
    verdicts = {(one.holder, one.number): one.verdict for one in book.known.known}
    for segment, part in list(book.parts.items()):
        new = bytes(
            VERDICTS.index(verdicts.get((holder, number), ShardVerdict.MISSING))
            for number, holder, _ in places(book.file, segment, part)
        )
        if new != verdicts_of(part):
            file_care.set_verdicts(tx, file_id, part.kind, part.number, new)
            book.parts[segment] = part._replace(verdicts=new)
    asked = book.shards().keys()
    since = book.known.silent_since
    file_care.set_silence(tx, file_id, {one: since[one] for one in since if one in asked})


def verdicts_of(part: FilePart) -> bytes:
    """Return the verdicts of a part; all are right where none stand."""
    return part.verdicts or bytes(len(part.places))


class LastCheck(NamedTuple):
    """What was known of a file when it was looked after last, less what was repaired since."""

    missing: int
    """Shards and copies of the head."""
    corrupt: int
    silent: int
    """Holders."""


def last_check(tx: Transaction, file_id: bytes) -> LastCheck:
    """Return what is known of a file."""
    verdicts = b"".join(map(verdicts_of, files.parts(tx, file_id)))
    missing, corrupt = (
        verdicts.count(VERDICTS.index(one)) for one in (ShardVerdict.MISSING, ShardVerdict.CORRUPT)
    )
    return LastCheck(missing, corrupt, len(file_care.silence(tx, file_id)))
