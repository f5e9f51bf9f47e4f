"""The exact replay filter of one mix key (spec: docs/spec/onion.md section 7).

A full filter refuses packets; it never forgets tags. It is dropped with its key.
"""

from __future__ import annotations

from typing import Final

from zentalk.onion.errors import PacketRefusedError

DEFAULT_CAPACITY: Final = 500_000
"""Packets per lane and epoch: 139 a second; about 45 MB when it is full."""


class ReplayFilter:
    """Remembers up to `capacity` replay tags of 16 bytes."""

    __slots__ = ("_tags", "capacity")

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        self._tags: set[bytes] = set()
        self.capacity = capacity

    def __contains__(self, tag: bytes) -> bool:
        return tag in self._tags

    def __len__(self) -> int:
        return len(self._tags)

    def insert(self, tag: bytes) -> None:
        """Remember a tag that is not in the filter yet.

        Raises PacketRefusedError (`full`) if there is no room.
        """
        if len(self._tags) >= self.capacity:
            raise PacketRefusedError("full")
        self._tags.add(tag)
