"""Two other folds: the rules written down word by word, and what goes wrong with ties by hash.

`by_the_book` has sets and recursion where `zentalk.groups.ranks` has bits and one pass. `by_hash`
puts all entries into one order, by what they name and else by their ids, and plays them in it.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from zentalk.groups.log import GroupLog
from zentalk.ids import UserAddress
from zentalk.wire.group import GroupEntry
from zentalk.wire.group_acts import (
    MEMBER_ACTS,
    Accept,
    Add,
    Create,
    Demote,
    Grant,
    Leave,
    Remove,
)


class Roles(NamedTuple):
    """Who is in, who of them has joined, and the ranks of admins."""

    members: frozenset[UserAddress]
    joined: frozenset[UserAddress]
    ranks: dict[UserAddress, int]


def by_the_book(log: GroupLog) -> Roles:
    """Return the roles of a group as docs/spec/groups.md section 6 words them."""
    entries = {row.entry.ref: row.entry for row in log.rows}
    before = {
        row.entry.ref: {one.entry.ref for one in log.rows if row.ancestors & one.bit}
        for row in log.rows
    }

    def person(entry: GroupEntry) -> UserAddress | None:
        act = entry.act
        return act.member if isinstance(act, Add | Grant | Remove | Demote) else entry.author

    def is_removal(entry: GroupEntry) -> bool:
        return isinstance(entry.act, Remove | Demote) and person(entry) != entry.author

    @cache
    def conferred(ref: bytes) -> int:
        entry = entries[ref]  # type: ignore[index]
        return 0 if isinstance(entry.act, Create) else rank(ref) + 1

    @cache
    def rank(ref: bytes) -> int:
        entry = entries[ref]  # type: ignore[index]
        return 0 if isinstance(entry.act, Create) else conferred(entry.place.grant)

    @cache
    def counts(ref: bytes) -> bool:
        entry = entries[ref]  # type: ignore[index]
        if isinstance(entry.act, Create):
            return True
        return counts(entry.place.grant) and all(
            entry.ref in before[one.ref] for one in ending(entry.place.grant)
        )

    @cache
    def ending(grant: bytes) -> tuple[GroupEntry, ...]:
        """The removals that end a grant: of its holder, of lower rank, not known to it."""
        holder = person(entries[grant])  # type: ignore[index]
        return tuple(
            one
            for one in entries.values()
            if is_removal(one)
            and person(one) == holder
            and rank(one.ref) < conferred(grant)
            and one.ref not in before[grant]  # type: ignore[index]
            and removes(one.ref)
        )

    @cache
    def removes(ref: bytes) -> bool:
        """A removal that counts and is not overruled by a grant of its target."""
        entry = entries[ref]  # type: ignore[index]
        return counts(ref) and not any(
            person(grant) == person(entry)
            and conferred(grant.ref) <= rank(ref)
            and counts(grant.ref)
            and entry.ref not in before[grant.ref]
            and not any(one.ref in before[entry.ref] for one in ending(grant.ref))
            for grant in entries.values()
            if isinstance(grant.act, Create | Grant)
        )

    gone = [
        entry
        for entry in entries.values()
        if isinstance(entry.act, Leave)
        or (isinstance(entry.act, Remove) and is_removal(entry) and removes(entry.ref))
    ]
    standing = [
        entry
        for entry in entries.values()
        if isinstance(entry.act, Create | Add | Grant)
        and counts(entry.ref)
        and all(one.ref in before[entry.ref] for one in gone if person(one) == person(entry))
    ]
    stepped_down = [
        entry
        for entry in entries.values()
        if isinstance(entry.act, Demote) and entry.act.member == entry.author
    ]
    ranks: dict[UserAddress, int] = {}
    for entry in standing:
        holder = person(entry)
        assert holder is not None
        own = [one for one in stepped_down if one.author == holder]
        is_grant = isinstance(entry.act, Grant) and all(one.ref in before[entry.ref] for one in own)
        if isinstance(entry.act, Create) or (is_grant and not ending(entry.ref)):
            ranks[holder] = min(ranks.get(holder, 9_999), conferred(entry.ref))
    refs = {entry.ref for entry in standing}
    joined = {
        entry.author
        for entry in entries.values()
        if isinstance(entry.act, Create | Accept)
        and (entry.place.grant in refs or (isinstance(entry.act, Create) and entry.ref in refs))
    }
    return Roles(
        frozenset(person(one) or UserAddress(b"") for one in standing), frozenset(joined), ranks
    )


def by_hash(entries: Sequence[GroupEntry]) -> Roles:
    """Return the roles where all admins are equal and what is concurrent is ordered by id."""
    members: set[UserAddress] = set()
    admins: set[UserAddress] = set()
    for entry in _in_order_of_ids(entries):
        act, author = entry.act, entry.author
        if isinstance(act, Create):
            members.add(author)
            admins.add(author)
        elif isinstance(act, Leave):
            members.discard(author)
            admins.discard(author)
        elif isinstance(act, MEMBER_ACTS) or author not in admins:
            continue
        elif isinstance(act, Add | Grant):
            members.add(act.member)
            if isinstance(act, Grant):
                admins.add(act.member)
        elif isinstance(act, Remove | Demote):
            admins.discard(act.member)
            if isinstance(act, Remove):
                members.discard(act.member)
    return Roles(frozenset(members), frozenset(), dict.fromkeys(admins, 0))


def _in_order_of_ids(entries: Sequence[GroupEntry]) -> list[GroupEntry]:
    by_ref = {entry.ref: entry for entry in entries}
    lacking = {entry.ref: len(entry.place.parents) for entry in entries}
    ready = [(entry.entry_id, entry.ref) for entry in entries if not entry.place.parents]
    heapq.heapify(ready)
    ordered = []
    while ready:
        _, ref = heapq.heappop(ready)
        ordered.append(by_ref[ref])
        for entry in entries:
            if ref in entry.place.parents:
                lacking[entry.ref] -= 1
                if not lacking[entry.ref]:
                    heapq.heappush(ready, (entry.entry_id, entry.ref))
    return ordered
