"""What a group is called and how it is kept: of what admins set, what is in force.

Spec: docs/spec/groups.md section 7. A later act takes the place of those that it knows of. Of acts
that do not know of each other the lower rank's is in force; of equals, for what is only shown, the
one with more before it, then the one with the lower id. Those two an author can choose, so they
must never decide what anybody may do: who may post is then the narrower rule.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from zentalk.groups.rows import LogRow
from zentalk.groups.state import GroupSettings, GroupTicket
from zentalk.ids import UserAddress
from zentalk.wire.group_acts import (
    Add,
    CloseTicket,
    Create,
    Describe,
    GroupKind,
    OpenTicket,
    PostingRule,
    Rename,
    SetPosting,
    Succeed,
)


def settings_of(founding: Create, counting: Iterable[LogRow]) -> GroupSettings:
    """Return what is in force of the acts that count."""
    by_act: defaultdict[type, list[LogRow]] = defaultdict(list)
    for row in counting:
        by_act[type(row.entry.act)].append(row)
    name, description, picture = founding.name, "", b""
    for row in in_force(by_act[Rename])[:1]:
        assert isinstance(row.entry.act, Rename)
        name = row.entry.act.name
    for row in in_force(by_act[Describe])[:1]:
        assert isinstance(row.entry.act, Describe)
        description, picture = row.entry.act.description, row.entry.act.picture_hash
    successors = (row.entry.act for row in in_force(by_act[Succeed]))
    return GroupSettings(
        name=name,
        description=description,
        picture_hash=picture,
        posting=_posting(founding, in_force(by_act[SetPosting])),
        successors=tuple(act.successor for act in successors if isinstance(act, Succeed)),
    )


def in_force(rows: Sequence[LogRow]) -> list[LogRow]:
    """Return the rows that no other of them knows of, the first to be shown first."""
    replaced = 0
    for row in rows:
        replaced |= row.ancestors
    newest = [row for row in rows if not replaced >> row.index & 1]
    return sorted(newest, key=lambda row: (row.rank, -row.depth, row.entry.entry_id))


def _posting(founding: Create, newest: list[LogRow]) -> PostingRule:
    rules = [
        row.entry.act.rule
        for row in newest
        if row.rank == newest[0].rank and isinstance(row.entry.act, SetPosting)
    ]
    if rules:
        return max(rules)
    return PostingRule.ADMINS if founding.kind is GroupKind.CHANNEL else PostingRule.MEMBERS


def tickets_of(
    counting: Iterable[LogRow], admins: frozenset[UserAddress]
) -> tuple[GroupTicket, ...]:
    """Return the invitation links, with how many different people were invited by each."""
    opened: defaultdict[tuple[bytes, UserAddress], list[LogRow]] = defaultdict(list)
    invited: defaultdict[tuple[bytes, UserAddress], set[UserAddress]] = defaultdict(set)
    closed = set()
    for row in counting:
        act, author = row.entry.act, row.entry.author
        if isinstance(act, OpenTicket):
            opened[act.ticket, author].append(row)
        elif isinstance(act, CloseTicket):
            closed.add(act.ticket)
        elif isinstance(act, Add) and act.ticket:
            invited[act.ticket, author].add(act.member)
    found = []
    for (ticket, owner), rows in sorted(opened.items()):
        act = in_force(rows)[0].entry.act
        assert isinstance(act, OpenTicket)
        is_closed = ticket in closed or owner not in admins
        used = len(invited[ticket, owner])
        found.append(
            GroupTicket(ticket, owner, act.added_as, act.uses, used, act.expires, is_closed)
        )
    return tuple(found)
