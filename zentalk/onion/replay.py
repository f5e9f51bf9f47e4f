"""The replay filter of one mix key (spec: docs/spec/onion.md section 7).

Tags are kept whole up to a number, and from there on as salted digests in tables that
never grow, so that no packet waits for others to be moved. A full filter refuses
packets; it never forgets tags. It is dropped with its key.
"""

from __future__ import annotations

from array import array
from typing import Final, NamedTuple

from zentalk.crypto.hashing import derive, salted_digests
from zentalk.crypto.labels import Label
from zentalk.crypto.types import Secret
from zentalk.onion.errors import PacketRefusedError

SALT_BYTES: Final = 16
EXACT_TAGS: Final = 500_000
"""Tags kept whole, in a set: 139 packets a second for an hour."""
EXACT_TAG_BYTES: Final = 90
"""Bytes that a set takes for each tag, the tag included."""
DIGEST_BYTES: Final = 8
TABLE_SLOTS: Final = 1_024
"""A power of two: the most slots that one packet may ever look at."""
TABLE_TAGS: Final = 552
"""Tags in a table on average, when the filter is full: 14.8 bytes each. One table is full
at twenty standard deviations from that."""
TABLE_BYTES: Final = TABLE_SLOTS * DIGEST_BYTES
_MASK: Final = TABLE_SLOTS - 1


class Capacity(NamedTuple):
    """The size of a filter: `exact` whole tags, then `digests` of further ones."""

    exact: int = EXACT_TAGS
    digests: int = 0


DEFAULT_CAPACITY: Final = Capacity()


class ReplayFilter:
    """Remembers replay tags of 16 bytes; `salt` is secret, and of this filter alone.

    Once it keeps n digests, a tag that was never seen is taken for a replay with probability
    n / 2**64. A tag that was seen is always found.
    """

    __slots__ = (
        "__weakref__",
        "_asked",
        "_capacity",
        "_digest",
        "_digests",
        "_exact",
        "_table_count",
        "_tables",
        "_used",
    )

    def __init__(self, salt: bytes, capacity: Capacity = DEFAULT_CAPACITY) -> None:
        self._capacity = capacity
        self._exact: set[bytes] = set()
        # A sender knows the tags of its packets: without a secret it could aim them at one slot.
        self._digest = salted_digests(Label.REPLAY_TAG, salt, DIGEST_BYTES)
        count = -(-capacity.digests // TABLE_TAGS)
        self._tables: list[array[int] | None] = [None] * count
        self._table_count = 0
        self._used = array("H", bytes(2 * count))
        self._digests = 0
        self._asked = (b"", 0)

    def __contains__(self, tag: bytes) -> bool:
        return tag in self._exact or (self._digests > 0 and self._find(tag))

    def __len__(self) -> int:
        return len(self._exact) + self._digests

    @property
    def size_bytes(self) -> int:
        """Return about how much memory the filter takes now."""
        return len(self._exact) * EXACT_TAG_BYTES + self._table_count * TABLE_BYTES

    def insert(self, tag: bytes) -> None:
        """Remember a tag that is not in the filter yet.

        Raises PacketRefusedError (`full`) if there is no room.
        """
        if len(self._exact) < self._capacity.exact:
            self._exact.add(tag)
            return
        if self._digests >= self._capacity.digests:
            raise PacketRefusedError("full")
        self._insert_digest(self._digest_of(tag))
        self._digests += 1

    def _digest_of(self, tag: bytes) -> int:
        """Return the digest of a tag, never 0; that of the last tag is not computed again."""
        asked, digest = self._asked
        if asked != tag:
            digest = int.from_bytes(self._digest(tag), "big") or 1
            self._asked = (tag, digest)
        return digest

    def _find(self, tag: bytes) -> bool:
        digest = self._digest_of(tag)
        table = self._tables[(digest >> 32) % len(self._tables)]
        if table is None:
            return False
        at = digest & _MASK
        while (found := table[at]) and found != digest:
            at = (at + 1) & _MASK
        return found != 0

    def _insert_digest(self, digest: int) -> None:
        number = (digest >> 32) % len(self._tables)
        table = self._tables[number]
        if table is None:
            table = self._tables[number] = array("Q", bytes(TABLE_BYTES))
            self._table_count += 1
        if self._used[number] == TABLE_SLOTS - 1:  # a search ends at an empty slot
            raise PacketRefusedError("full")
        at = digest & _MASK
        while table[at]:
            at = (at + 1) & _MASK
        table[at] = digest
        self._used[number] += 1


def filter_of_key(secret: Secret, capacity: Capacity) -> ReplayFilter:
    """Return the empty filter of a mix key, salted with what only its relay can derive."""
    return ReplayFilter(derive(Label.REPLAY_SALT, secret, length=SALT_BYTES), capacity)
