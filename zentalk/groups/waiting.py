"""Entries that came before some of their ancestors: bounded, and never part of a log.

What waits here was signed, and nothing more is known of it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from zentalk.ids import EntryId, EntryRef, UserAddress
from zentalk.wire.group import GroupEntry

MAX_WAITING: Final = 256
"""More than one answer of a peer brings out of order; what finds no room is asked for again."""


class WaitingEntries:
    """Entries by what they wait for."""

    def __init__(self) -> None:
        self._missing: dict[EntryId, set[EntryRef]] = {}
        self._entries: dict[EntryId, GroupEntry] = {}
        self._waiting_for: defaultdict[EntryRef, list[EntryId]] = defaultdict(list)

    def __len__(self) -> int:
        """Return how many entries wait."""
        return len(self._entries)

    def __contains__(self, entry_id: EntryId) -> bool:
        """Tell whether an entry waits here."""
        return entry_id in self._entries

    def count_of(self, author: UserAddress) -> int:
        """Return how many entries of an author wait."""
        return sum(entry.author == author for entry in self._entries.values())

    def add(self, entry: GroupEntry, missing: set[EntryRef]) -> bool:
        """Keep an entry until what it misses has come; False if there is no room for it."""
        if len(self._entries) >= MAX_WAITING:
            return False
        self._entries[entry.entry_id] = entry
        self._missing[entry.entry_id] = missing
        for ref in missing:
            self._waiting_for[ref].append(entry.entry_id)
        return True

    def arrived(self, ref: EntryRef) -> list[GroupEntry]:
        """Take out the entries that waited for this one and wait for nothing any more."""
        ready = []
        for entry_id in self._waiting_for.pop(ref, ()):
            missing = self._missing[entry_id]
            missing.discard(ref)
            if not missing:
                ready.append(self._take(entry_id))
        return ready

    def refused(self, ref: EntryRef) -> None:
        """Drop what can never come in, as this entry is refused; and what waits for that."""
        refs = [ref]
        while refs:
            waiting = list(self._waiting_for.get(refs.pop(), ()))
            refs += [self._take(entry_id).ref for entry_id in waiting]

    def missing(self) -> set[EntryRef]:
        """Return what is waited for and does not wait here itself."""
        return set(self._waiting_for) - {entry.ref for entry in self._entries.values()}

    def _take(self, entry_id: EntryId) -> GroupEntry:
        for ref in self._missing.pop(entry_id):
            others = self._waiting_for[ref]
            others.remove(entry_id)
            if not others:
                del self._waiting_for[ref]
        return self._entries.pop(entry_id)
