"""Which entries of a log to send, to ask for and to take.

Spec: docs/spec/groups.md section 8. Nothing here verifies or inserts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from zentalk.groups.log import GroupLog
from zentalk.groups.state import GroupState
from zentalk.ids import EntryRef, UserAddress
from zentalk.wire.group import GroupEntry
from zentalk.wire.group_acts import Add, Grant
from zentalk.wire.group_bodies import (
    MAX_ASK_ENTRIES,
    MAX_ASK_HEADS,
    EntryBatch,
    GroupAsk,
    entry_batches,
)

ENTRIES_PER_DAY: Final = 64
"""Of one author who is no admin: an acceptance now and then, and merges."""


def answer(log: GroupLog, ask: GroupAsk) -> list[EntryBatch]:
    """Return the entries that a member lacks, in batches, ancestors first."""
    lacked = log.lacked_by(ask.heads)
    sent = {entry.ref for entry in lacked}
    named = (log.row(ref) for ref in ask.entries if ref not in sent)
    entries = [row.entry for row in named if row is not None] + lacked
    return entry_batches(log.group, (entry.raw for entry in entries))


def question(log: GroupLog, wanted: Iterable[EntryRef] = ()) -> GroupAsk:
    """Return what to ask a member: what is here, and what `wanted` and waiting entries lack.

    Beside the heads older entries are named, each twice as far back as the one before: whoever does
    not hold the newest ones is not to send the whole log. Where a question has no room for all
    heads, some entries are told again.
    """
    heads = dict.fromkeys((*_landmarks(log), *log.binding_heads(), *log.heads()))
    lacking = dict.fromkeys((*log.missing(), *log.unknown(wanted)))
    return GroupAsk(log.group, tuple(heads)[:MAX_ASK_HEADS], tuple(lacking)[:MAX_ASK_ENTRIES])


def _landmarks(log: GroupLog) -> list[EntryRef]:
    """Return some entries from the newest one that came in back to the founding one."""
    places = [len(log) - 2**power for power in range(len(log).bit_length())]
    return [log.rows[place].entry.ref for place in places]


def to_take(
    state: GroupState, entries: Sequence[GroupEntry], wanted: Iterable[EntryRef] = ()
) -> list[GroupEntry]:
    """Return those of the entries that a member sent which are to be inserted, in their order.

    Taken are entries of people who are in, or whom these invite with what is taken, and those that
    are `wanted`: missing ancestors, and heads that members named; and of all of them the ancestors.
    Whoever was put out could fill the log otherwise; what it signs late has no effect anyway.
    """
    by_ref = {entry.ref: entry for entry in entries}
    trusted = set(state.members)
    taken: set[EntryRef] = set()
    todo = [ref for ref in wanted if ref in by_ref]
    todo += [entry.ref for entry in entries if entry.author in trusted]
    while todo:
        ref = todo.pop()
        if ref in taken:
            continue
        taken.add(ref)
        entry = by_ref[ref]
        todo += [parent for parent in entry.place.parents if parent in by_ref]
        if isinstance(entry.act, Add | Grant) and entry.author in trusted:
            invited = {entry.act.member} - trusted
            trusted |= invited
            todo += [one.ref for one in entries if one.author in invited]
    return [entry for entry in entries if entry.ref in taken]


def within_rate(
    state: GroupState, entries: Sequence[GroupEntry], sender: UserAddress, already: int
) -> list[GroupEntry]:
    """Return the entries that somebody sent but for those beyond what it may sign in a day.

    `already` says how many of its own have come in the last day. Those of others are not bounded:
    whoever passes them on holds them, and all are to come to hold the same. Nor are those of
    admins, who may invite hundreds at once.
    """
    if state.rank_of(sender) is not None:
        return list(entries)
    left = max(0, ENTRIES_PER_DAY - already)
    own = [entry.ref for entry in entries if entry.author == sender]
    beyond = set(own[left:])
    return [entry for entry in entries if entry.ref not in beyond]
