"""A group as its log makes it: who is in it, who may do what, and how it is shown.

Only values: `fold.py` makes them, `permission.py` reads them. Nothing here decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from zentalk.ids import EntryRef, GroupId, UserAddress
from zentalk.wire.group_acts import AddedAs, GroupKind, PostingRule

FULL_AT: Final = 3_840
"""Entries from which on nothing is signed but successors.

Members who do not know of each other's last entries may sign more than there is room for, and then
hold different ones; 256 entries are left for that.
"""


class GroupRole(StrEnum):
    """What somebody is in a group; the founder is the admin with rank 0."""

    ADMIN = "admin"
    MEMBER = "member"
    SUBSCRIBER = "subscriber"


class MemberStatus(StrEnum):
    """Whether somebody has taken the invitation."""

    INVITED = "invited"
    JOINED = "joined"


@dataclass(frozen=True, slots=True)
class GroupMember:
    """One person who is in a group or invited to it."""

    address: UserAddress = field(repr=False)
    role: GroupRole
    status: MemberStatus
    rank: int | None = None
    """Of admins: 0 for the founder, higher numbers may less."""
    card_hash: bytes = field(default=b"", repr=False)
    """Of the card that came with the newest acceptance; later cards need no entry."""
    invited_by: UserAddress | None = field(default=None, repr=False)
    """Who signed the invitation that counts; None of the founder."""
    rests_on: EntryRef = field(default=EntryRef(b""), repr=False)
    """What this person's next act rests on: an admin's best grant, else the invitation."""

    @property
    def is_joined(self) -> bool:
        """Whether this person takes part, and so is written to."""
        return self.status is MemberStatus.JOINED


@dataclass(frozen=True, slots=True)
class RankConflict:
    """An admin tried to remove or demote another of the same or a lower rank, without effect.

    Both are to be told if `is_equal`; somebody with a lower rank than theirs can end it.
    """

    entry: EntryRef = field(repr=False)
    author: UserAddress = field(repr=False)
    target: UserAddress = field(repr=False)
    is_equal: bool


@dataclass(frozen=True, slots=True)
class GroupTicket:
    """An invitation link of a group, as its owner announced it."""

    ticket: bytes = field(repr=False)
    owner: UserAddress = field(repr=False)
    added_as: AddedAs
    uses: int
    used: int
    """How many different people its owner has invited by it."""
    expires: int
    """Unix time in seconds, 0 for never; only the owner's clock is asked."""
    is_closed: bool
    """Somebody closed it, or its owner is no admin any more."""


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """What a group is called and how it is kept."""

    name: str = field(repr=False)
    description: str = field(default="", repr=False)
    picture_hash: bytes = field(default=b"", repr=False)
    posting: PostingRule = PostingRule.MEMBERS
    successors: tuple[GroupId, ...] = field(default=(), repr=False)
    """Where the group goes on; several if admins did not know of each other, the first is shown."""


@dataclass(frozen=True, slots=True)
class GroupState:
    """All that follows from the entries of one group's log."""

    group: GroupId = field(repr=False)
    kind: GroupKind
    settings: GroupSettings
    members: Mapping[UserAddress, GroupMember] = field(repr=False)
    """By address, in ascending order: whoever is in or invited."""
    former: frozenset[UserAddress] = field(default=frozenset(), repr=False)
    """Who was in or invited, and is not any more."""
    open_grants: Mapping[UserAddress, int] = field(default_factory=dict, repr=False)
    """By who left or stepped down: the rank of a grant that nobody has ended.

    What such a person signs now under old parents still counts. The node of any admin of a lower
    rank therefore ends it unasked, by removing who left and demoting who stepped down.
    """
    conflicts: tuple[RankConflict, ...] = ()
    tickets: tuple[GroupTicket, ...] = ()
    """By id and owner, in ascending order."""
    continues: GroupId = field(default=GroupId(b""), repr=False)
    """The group that this one succeeds, empty if there is none."""
    entries: int = 1
    """How many entries it was made of."""

    @property
    def admins(self) -> tuple[GroupMember, ...]:
        """All admins, the lowest ranks first."""
        found = [member for member in self.members.values() if member.rank is not None]
        return tuple(sorted(found, key=lambda member: (member.rank, member.address)))

    @property
    def is_founderless(self) -> bool:
        """Whether the founder left: nobody can remove the admins of rank 1 any more."""
        return not any(member.rank == 0 for member in self.members.values())

    @property
    def is_full(self) -> bool:
        """Whether there is room for nothing but the entry that names a successor."""
        return self.entries >= FULL_AT

    def member(self, address: UserAddress) -> GroupMember | None:
        """Return somebody who is in or invited."""
        return self.members.get(address)

    def rank_of(self, address: UserAddress) -> int | None:
        """Return an admin's rank; None of everybody else."""
        found = self.members.get(address)
        return None if found is None else found.rank
