"""What we owe others when the log has grown: those who came, those who went, and those we invited.

Only who invited somebody passes on that it has accepted, or left, so that the many who accept at
once cost a few contents for each member instead of one for each pair. Everything else goes from its
author to all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from zentalk.ids import GroupId, UserAddress
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.node.messages.groups.book import GroupBook, Learned
from zentalk.node.messages.groups.cards import change_send_ids
from zentalk.node.messages.groups.distribution import Distribution
from zentalk.node.messages.states import move_whole
from zentalk.store.history import group_members, groups, outbox
from zentalk.store.history.groups import GroupStanding
from zentalk.store.sqlite import Transaction
from zentalk.wire.group import GroupEntry, group_of
from zentalk.wire.group_acts import Accept, Leave

ANNOUNCE_SECONDS: Final = 2.0
"""What is passed on goes together with whatever else comes within this time."""


def is_founding(entries: Sequence[GroupEntry], group: GroupId) -> bool:
    """Tell whether a batch begins with the entry that founds its group."""
    return bool(entries) and group_of(entries[0].raw) == group


def was_in(tx: Transaction, book: GroupBook, group: GroupId) -> bool:
    """Tell whether the owner was in a group before: members may write in ratchets of that time.

    If the group was forgotten since, so were these, and only a new one says so.
    """
    return any(row.entry.author == book.own for row in book.log(tx, group).rows)


def after(
    tx: Transaction,
    book: GroupBook,
    distribution: Distribution,
    group: GroupId,
    learned: Learned,
    now: float,
) -> CommitEffects:
    """Do what follows from new entries of a log."""
    row = groups.get(tx, group)
    if row is None or not learned.entries:
        return NO_EFFECTS
    made = [NO_EFFECTS]
    if learned.gone:
        made.append(let_go(tx, distribution, group, learned.gone, now))
    if row.stands is GroupStanding.JOINED:
        if learned.gone:
            change_send_ids(tx, group, now)
        for entry in learned.entries:
            member = group_members.get(tx, group, entry.author)
            if member is None or member.added_by != book.own:
                continue
            if isinstance(entry.act, Accept | Leave):
                groups.announce(tx, group, entry.entry_id, now + ANNOUNCE_SECONDS)
                made.append(CommitEffects(fan_out=True))
            if isinstance(entry.act, Accept) and member.is_in:
                made.append(_welcome(tx, book, distribution, entry, now))
    return CommitEffects.together(made)


def let_go(
    tx: Transaction,
    distribution: Distribution,
    group: GroupId,
    gone: Sequence[UserAddress],
    now: float,
) -> CommitEffects:
    """Give up what is on its way to people who are not in a group any more."""
    dropped: list[int] = []
    for member in gone:
        for message_id in distribution.dropped(tx, group, [member]):
            dropped += outbox.remove_message(tx, member, message_id)
            move_whole(tx, group, message_id, now)
    return CommitEffects(dropped=tuple(dropped))


def _welcome(
    tx: Transaction,
    book: GroupBook,
    distribution: Distribution,
    entry: GroupEntry,
    now: float,
) -> CommitEffects:
    """Send somebody whom we invited, and who has accepted, what it lacks."""
    group = entry.group
    lacked = [
        one.raw
        for one in book.log(tx, group).lacked_by(entry.place.parents)
        if one.entry_id != entry.entry_id
    ]
    return distribution.entries(tx, group, lacked, [entry.author], now)


def announce_due(
    tx: Transaction, distribution: Distribution, now: float
) -> tuple[CommitEffects, float | None]:
    """Pass on what is due; return when the next is (unix time)."""
    made = [NO_EFFECTS]
    for group in groups.due_announcements(tx, now):
        raws = groups.take_announced(tx, group)
        members = group_members.inside(tx, group)
        made.append(distribution.entries(tx, group, raws, members, now))
    return CommitEffects.together(made), groups.next_announcement(tx)
