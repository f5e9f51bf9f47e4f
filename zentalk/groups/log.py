"""The log of one group: a set of entries, each checked against its own ancestors and nothing else.

Spec: docs/spec/groups.md section 5. Whether an entry is let in follows from it and its ancestors
alone, so that all who are given the same entries hold the same ones, whatever order they come in.
Whether it *counts* is not decided here. Must never let an entry in before its ancestors.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable

from zentalk.errors import LocalProtocolError
from zentalk.groups.rows import EntryFault, Insertion, InsertOutcome, LogRow, indexes
from zentalk.groups.waiting import WaitingEntries
from zentalk.ids import EntryRef, GroupId, UserAddress
from zentalk.wire.group import MAX_ENTRIES, GroupEntry, chain_of
from zentalk.wire.group_acts import MEMBER_ACTS, Accept, Add, Create, Demote, Grant, Leave


class GroupLog:
    """The entries of one group that are held, from its founding entry on."""

    def __init__(self, founding: GroupEntry) -> None:
        if not isinstance(founding.act, Create):
            raise LocalProtocolError("a log begins with the entry that founds its group")
        self.group: GroupId = founding.group
        self._rows: list[LogRow] = []
        self._at: dict[EntryRef, int] = {}
        self._sequences: defaultdict[UserAddress, list[tuple[int, int]]] = defaultdict(list)
        self._ends: defaultdict[UserAddress, int] = defaultdict(int)
        self._steps_down: defaultdict[UserAddress, int] = defaultdict(int)
        self._heads = 0
        self._binding = 0
        self._waiting = WaitingEntries()
        self._keep(LogRow(founding, 0, 0, 0, 0, 0))

    # --- reading -----------------------------------------------------------------------------

    def __len__(self) -> int:
        """Return how many entries are held; those that wait are not."""
        return len(self._rows)

    def __contains__(self, ref: EntryRef) -> bool:
        """Tell whether an entry is held."""
        return ref in self._at

    @property
    def rows(self) -> list[LogRow]:
        """All rows by their index, ancestors first; the caller must not change the list."""
        return self._rows

    @property
    def founding(self) -> GroupEntry:
        """The entry that founded the group."""
        return self._rows[0].entry

    def row(self, ref: EntryRef) -> LogRow | None:
        """Return the row of an entry; None if it is not held."""
        index = self._at.get(ref)
        return None if index is None else self._rows[index]

    def held(self, refs: Iterable[EntryRef]) -> list[LogRow]:
        """Return the rows of those of these entries that are held, in their order."""
        return [self._rows[self._at[ref]] for ref in refs if ref in self._at]

    def heads(self) -> tuple[EntryRef, ...]:
        """Return the entries that are no ancestors of others, in ascending order."""
        return self._refs(self._heads)

    def binding_heads(self) -> tuple[EntryRef, ...]:
        """Return the heads of the log without acceptances, in ascending order.

        Hundreds may accept at once, and whether an act knows of an acceptance decides nothing: an
        entry need not name it, nor a message.
        """
        return self._refs(self._binding)

    def missing(self) -> tuple[EntryRef, ...]:
        """Return the ancestors that waiting entries lack: what to ask for."""
        return tuple(sorted(self._waiting.missing()))

    def waiting_of(self, author: UserAddress) -> int:
        """Return how many entries of an author wait for ancestors."""
        return self._waiting.count_of(author)

    def unknown(self, refs: Iterable[EntryRef]) -> tuple[EntryRef, ...]:
        """Return those of these entries that are not held."""
        return tuple(ref for ref in refs if ref not in self._at)

    def known_to(self, heads: Iterable[EntryRef]) -> int:
        """Return the bits of the held ones among these entries and of all their ancestors."""
        known = 0
        for ref in heads:
            if (index := self._at.get(ref)) is not None:
                known |= self._rows[index].ancestors | 1 << index
        return known

    def lacked_by(self, heads: Iterable[EntryRef]) -> list[GroupEntry]:
        """Return what somebody lacks who has these heads, ancestors first."""
        known = self.known_to(heads)
        return _exported(row for row in self._rows if not known >> row.index & 1)

    def export(self) -> list[GroupEntry]:
        """Return all entries, ancestors first, in an order that depends on nothing but them."""
        return _exported(self._rows)

    def next_sequence(self, author: UserAddress) -> int:
        """Return the number of an author's next entry, which knows of all that is held."""
        numbers = self._sequences.get(author)
        return numbers[-1][0] + 1 if numbers else 1

    def last_of(self, author: UserAddress) -> tuple[EntryRef, ...]:
        """Return the entries of an author that none of its own comes after: one, if it works."""
        own = last = 0
        for _, index in self._sequences.get(author, ()):
            own |= 1 << index
        last = own
        for index in indexes(own):
            last &= ~self._rows[index].ancestors
        return self._refs(last)

    def forked(self) -> tuple[UserAddress, ...]:
        """Return the authors of whom two entries have one number, in ascending order.

        A node that works signs each number once, and copies of a folder do not; so this is for
        people to know, and decides nothing.
        """
        return tuple(
            sorted(
                author
                for author, numbers in self._sequences.items()
                if len({number for number, _ in numbers}) < len(numbers)
            )
        )

    # --- letting in --------------------------------------------------------------------------

    def insert(self, entry: GroupEntry) -> Insertion:
        """Let an entry in, keep it until its ancestors have come, or refuse it."""
        index = self._at.get(entry.ref)
        if index is not None and self._rows[index].entry == entry:
            return Insertion(InsertOutcome.KNOWN)
        if fault := self._foreign(entry, index):
            return Insertion(InsertOutcome.REFUSED, fault)
        missing = set(self.unknown(entry.place.parents))
        if missing:
            if entry.entry_id in self._waiting or self._waiting.add(entry, missing):
                return Insertion(InsertOutcome.WAITING)
            return Insertion(InsertOutcome.REFUSED, EntryFault.NO_ROOM_TO_WAIT)
        return self._enter(entry)

    def _foreign(self, entry: GroupEntry, held: int | None) -> EntryFault | None:
        if entry.group != self.group:
            return EntryFault.OTHER_GROUP
        if isinstance(entry.act, Create):
            return EntryFault.SECOND_FOUNDING
        return None if held is None else EntryFault.SAME_NAME

    def _enter(self, entry: GroupEntry) -> Insertion:
        """Let an entry in whose parents are held, and those that had waited for it."""
        first_fault = None
        added: list[GroupEntry] = []
        ready = [entry]
        while ready:
            entry = ready.pop()
            row = self._placed(entry)
            if isinstance(row, EntryFault):
                first_fault = first_fault or (None if added else row)
                self._waiting.refused(entry.ref)
                continue
            self._keep(row)
            added.append(entry)
            ready += self._waiting.arrived(entry.ref)
        outcome = InsertOutcome.ADDED if added else InsertOutcome.REFUSED
        return Insertion(outcome, first_fault, tuple(added))

    def _placed(self, entry: GroupEntry) -> LogRow | EntryFault:
        """Return the row of an entry whose parents are held, or why it cannot be one."""
        if len(self._rows) >= MAX_ENTRIES:
            return EntryFault.FULL
        if entry.ref in self._at:
            return EntryFault.SAME_NAME
        parents = [self._rows[self._at[ref]] for ref in entry.place.parents]
        ancestors = 0
        for parent in parents:
            ancestors |= parent.ancestors | parent.bit
        grant = self.row(entry.place.grant)
        if grant is None or not ancestors >> grant.index & 1 or not _entitles(grant.entry, entry):
            return EntryFault.GRANT
        chain = chain_of(
            self.group, grant.entry.entry_id, (parent.entry.entry_id for parent in parents)
        )
        if chain != entry.place.chain:
            return EntryFault.CHAIN
        if entry.place.sequence != self._last_sequence(entry.author, ancestors) + 1:
            return EntryFault.SEQUENCE
        if self._ended(entry, grant) & ancestors:
            return EntryFault.AFTER_LEAVING
        depth = 1 + max(parent.depth for parent in parents)
        rank = grant.confers
        return LogRow(entry, len(self._rows), ancestors, grant.index, rank, depth)

    def _last_sequence(self, author: UserAddress, ancestors: int) -> int:
        """Return the highest number of an author's entries among these."""
        for number, index in reversed(self._sequences.get(author, ())):
            if ancestors >> index & 1:
                return number
        return 0

    def _ended(self, entry: GroupEntry, grant: LogRow) -> int:
        """Return the bits of what its author said to end what an entry rests on."""
        ended = self._ends[entry.author]
        if grant.index and not isinstance(entry.act, MEMBER_ACTS):
            ended |= self._steps_down[entry.author]
        return ended & ~grant.ancestors

    def _keep(self, row: LogRow) -> None:
        entry = row.entry
        self._rows.append(row)
        self._at[entry.ref] = row.index
        insort(self._sequences[entry.author], (entry.place.sequence, row.index))
        self._heads = self._heads & ~row.ancestors | row.bit
        if not isinstance(entry.act, Accept):
            self._binding = self._binding & ~row.ancestors | row.bit
        if isinstance(entry.act, Leave):
            self._ends[entry.author] |= row.bit
        elif isinstance(entry.act, Demote) and entry.act.member == entry.author:
            self._steps_down[entry.author] |= row.bit

    def _refs(self, bits: int) -> tuple[EntryRef, ...]:
        return tuple(sorted(self._rows[index].entry.ref for index in indexes(bits)))


def _entitles(grant: GroupEntry, entry: GroupEntry) -> bool:
    """Tell whether an entry may rest on this one."""
    match grant.act:
        case Create():
            return entry.author == grant.author
        case Grant(member):
            return entry.author == member
        case Add(member):
            return entry.author == member and isinstance(entry.act, MEMBER_ACTS)
        case _:
            return False


def _exported(rows: Iterable[LogRow]) -> list[GroupEntry]:
    return [row.entry for row in sorted(rows, key=lambda row: (row.depth, row.entry.entry_id))]
