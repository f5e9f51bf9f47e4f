"""Pages whole and in order again, at the replica.

Chunks arrive in any order and more than once, of pages that may overlap. A page counts once it is
whole and begins at or before the number that the replica has. It is bounded by what the first may
have under way, and by what one page may be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from zentalk.linked.feed_window import MAX_PAGES
from zentalk.wire.sync import Chunk

MAX_WAITING: Final = 4 * MAX_PAGES
"""Pages that are not whole, or wait for one before them; of more those go that came first."""


class JoinedPage(NamedTuple):
    """A whole page, and where its chunks are kept."""

    after: int
    upto: int
    feed: bytes
    rows: bytes
    places: frozenset[int]

    def __repr__(self) -> str:
        return f"<joined page {self.after}-{self.upto}>"


@dataclass(slots=True)
class _Partial:
    """A page whose chunks come in; `places` says where each is kept."""

    first: Chunk
    chunks: dict[int, bytes] = field(default_factory=dict)
    places: set[int] = field(default_factory=set)

    @property
    def is_whole(self) -> bool:
        return len(self.chunks) == self.first.count


class PageJoiner:
    """What has come of one feed; `place` names where the caller keeps a chunk."""

    def __init__(self) -> None:
        self._pages: dict[bytes, _Partial] = {}

    def add(self, place: int, chunk: Chunk) -> frozenset[int]:
        """Take a chunk; return the places of those that need not be kept any more."""
        page = self._pages.setdefault(chunk.page, _Partial(chunk))
        known = (page.first.feed, page.first.after, page.first.upto, page.first.count)
        if known != (chunk.feed, chunk.after, chunk.upto, chunk.count) or (
            chunk.index in page.chunks
        ):
            return frozenset({place})
        page.chunks[chunk.index] = chunk.data
        page.places.add(place)
        if len(self._pages) <= MAX_WAITING:
            return frozenset()
        oldest = next(iter(self._pages))
        return frozenset(self._pages.pop(oldest).places)

    def take(self, feed: bytes, number: int) -> JoinedPage | None:
        """Return a page that brings more than `number` of a feed, None if none is ready.

        One that begins another feed counts as well: the first has begun to count anew.
        """
        for key, page in self._pages.items():
            first = page.first
            begins = first.after == 0 if first.feed != feed else first.after <= number
            if page.is_whole and begins and (first.feed != feed or first.upto > number):
                del self._pages[key]
                rows = b"".join(page.chunks[index] for index in range(first.count))
                return JoinedPage(first.after, first.upto, first.feed, rows, frozenset(page.places))
        return None

    def drop_known(self, feed: bytes, number: int) -> frozenset[int]:
        """Forget pages that bring nothing new; return where their chunks are kept."""
        known = [
            key
            for key, page in self._pages.items()
            if page.first.feed != feed or page.first.upto <= number
        ]
        return frozenset(place for key in known for place in self._pages.pop(key).places)
