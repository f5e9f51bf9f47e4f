"""How much more may be put into a relay's queue database: by its cap, and by the disk.

Spec: docs/spec/mailbox.md section 7. New envelopes are refused a little before either ends, so that
deletes and owners' records go on. It never looks at what is stored.
"""

from __future__ import annotations

import sqlite3
from typing import Final

SPARE_PAGES: Final = 64
"""Pages below the cap that envelopes may not take: a delete can need a few of its own."""
_ROW_OVERHEAD_BYTES: Final = 384
"""Bytes of a row beyond its sealed bytes, with indexes and its place in a list; rounded up."""


class FileRoom:
    """Room for new envelopes in the transaction under way."""

    __slots__ = ("_free_bytes", "_max_pages", "_page_bytes")

    def __init__(self, connection: sqlite3.Connection, max_bytes: int) -> None:
        self._page_bytes = int(connection.execute("PRAGMA page_size").fetchone()[0])
        self._max_pages = max_bytes // self._page_bytes
        self._free_bytes = 0
        connection.execute(f"PRAGMA max_page_count = {self._max_pages}")

    def begin(self, connection: sqlite3.Connection, disk_bytes: int) -> None:
        """Find out what a transaction that begins may take."""
        pages = int(connection.execute("PRAGMA page_count").fetchone()[0])
        unused = int(connection.execute("PRAGMA freelist_count").fetchone()[0])
        cap_pages = max(0, self._max_pages - SPARE_PAGES - pages + unused)
        self._free_bytes = min(cap_pages * self._page_bytes, disk_bytes)

    def take(self, size_bytes: int, *, is_new: bool) -> bool:
        """Take room for an envelope, or for what one has grown; False if there is none left."""
        needed = size_bytes + _ROW_OVERHEAD_BYTES if is_new else size_bytes
        if needed > max(0, self._free_bytes):
            return False
        self._free_bytes -= needed
        return True
