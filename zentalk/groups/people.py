"""Who is in a group, as what, and who is not any more.

Spec: docs/spec/groups.md section 6. An invitation stands if every removal of that person which
counts, and every leaving, is known to it: so nobody comes back by an invitation that was signed, or
is said to have been signed, before. What counts is decided in `ranks.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from zentalk.groups.ranks import Judgement
from zentalk.groups.rows import LogRow, indexes
from zentalk.groups.settings import in_force
from zentalk.groups.state import GroupMember, GroupRole, MemberStatus
from zentalk.ids import UserAddress
from zentalk.wire.group_acts import (
    Accept,
    Add,
    AddedAs,
    Create,
    Demote,
    Grant,
    GroupKind,
    Leave,
)


class People(NamedTuple):
    """Everybody whom a log names: who is in and who was.

    `standing_grants` are indexes of rows, `open_grants` ranks of those which only their holders
    gave up.
    """

    members: dict[UserAddress, GroupMember]
    former: frozenset[UserAddress]
    standing_grants: frozenset[int]
    open_grants: dict[UserAddress, int]


@dataclass(slots=True)
class _Said:
    """What a log says of one person, as far as it counts."""

    invitations: list[LogRow] = field(default_factory=list)
    acceptances: list[LogRow] = field(default_factory=list)
    gone: int = 0
    left: int = 0
    stepped_down: int = 0

    def gave_up(self, grant: LogRow) -> bool:
        """Tell whether a grant's holder left or stepped down after it; the founder only leaves."""
        own = self.left | (self.stepped_down if grant.index else 0)
        return bool(own & ~grant.ancestors)


def people_of(rows: Sequence[LogRow], within: int, judged: Judgement) -> People:
    """Return the people of a log whose acts are judged."""
    said = _sorted_by_person(rows, within, judged)
    founding = rows[0].entry.act
    assert isinstance(founding, Create)
    usual = AddedAs.SUBSCRIBER if founding.kind is GroupKind.CHANNEL else AddedAs.MEMBER
    members: dict[UserAddress, GroupMember] = {}
    former = set()
    standing_grants: set[int] = set()
    open_grants: dict[UserAddress, int] = {}
    for address in sorted(said):
        about = said[address]
        unended = [row for row in judged.grants[address] if not judged.ended[row.index]]
        grants = [row for row in unended if not about.gave_up(row)]
        given_up = [row.confers for row in unended if about.gave_up(row)]
        if given_up and not grants:
            open_grants[address] = min(given_up)
        standing = [row for row in about.invitations if not about.gone & ~row.ancestors]
        if not standing:
            former.add(address)
            continue
        member = _invited(address, standing, usual)
        if grants:
            standing_grants.update(row.index for row in grants)
            member = _promoted(member, grants)
        members[address] = _joined(member, standing, about.acceptances)
    return People(members, frozenset(former), frozenset(standing_grants), open_grants)


def _sorted_by_person(
    rows: Sequence[LogRow], within: int, judged: Judgement
) -> dict[UserAddress, _Said]:
    said: dict[UserAddress, _Said] = {}
    for index in indexes(within):
        row = rows[index]
        author, counts = row.entry.author, judged.counting >> index & 1
        match row.entry.act:
            case Create():
                said.setdefault(author, _Said()).invitations.append(row)
            case Add(member) | Grant(member) if counts:
                said.setdefault(member, _Said()).invitations.append(row)
            case Accept():
                said.setdefault(author, _Said()).acceptances.append(row)
            case Leave():
                about = said.setdefault(author, _Said())
                about.gone |= row.bit
                about.left |= row.bit
            case Demote(member) if member == author:
                said.setdefault(author, _Said()).stepped_down |= row.bit
            case _:
                pass
    for address, removals in judged.removed.items():
        said.setdefault(address, _Said()).gone |= removals
    return {address: about for address, about in said.items() if about.invitations}


def _invited(address: UserAddress, standing: list[LogRow], usual: AddedAs) -> GroupMember:
    """Return somebody as the invitations say that stand: in the narrower role if they differ."""
    explicit = in_force([row for row in standing if isinstance(row.entry.act, Add)])
    roles = [
        row.entry.act.added_as
        for row in explicit
        if row.rank == explicit[0].rank and isinstance(row.entry.act, Add)
    ]
    added_as = max(roles) if roles else usual
    first = in_force(standing)[0]
    return GroupMember(
        address=address,
        role=GroupRole.MEMBER if added_as is AddedAs.MEMBER else GroupRole.SUBSCRIBER,
        status=MemberStatus.INVITED,
        invited_by=first.entry.author if first.index else None,
        rests_on=first.entry.ref,
    )


def _promoted(member: GroupMember, grants: list[LogRow]) -> GroupMember:
    best = min(grants, key=lambda row: (row.confers, -row.depth, row.entry.entry_id))
    return replace(member, role=GroupRole.ADMIN, rank=best.confers, rests_on=best.entry.ref)


def _joined(member: GroupMember, standing: list[LogRow], acceptances: list[LogRow]) -> GroupMember:
    """Return somebody as having joined who accepted an invitation that stands, or founded."""
    indexes_of_standing = {row.index for row in standing}
    accepted = in_force([row for row in acceptances if row.grant in indexes_of_standing])
    if accepted:
        newest = accepted[0].entry.act
        assert isinstance(newest, Accept)
        return replace(member, status=MemberStatus.JOINED, card_hash=newest.card_hash)
    return replace(member, status=MemberStatus.JOINED) if 0 in indexes_of_standing else member
