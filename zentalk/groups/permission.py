"""What somebody may do in a group, and whether something said there is shown.

`may` is for composing: what it denies has no effect, or is nothing that an honest node signs.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from zentalk.errors import ConflictError
from zentalk.groups.state import GroupMember, GroupRole, GroupState
from zentalk.ids import UserAddress
from zentalk.wire.group_acts import (
    Accept,
    Add,
    AddedAs,
    CloseTicket,
    Create,
    Demote,
    Grant,
    GroupAct,
    Leave,
    Merge,
    OpenTicket,
    PostingRule,
    Remove,
    Succeed,
)

MAX_MEMBERS: Final = 256
"""Members and invited people together, for whoever invites. Admins who invite at the same time may
exceed it: to choose whom to put out would take a tie-break that somebody can win on purpose."""

_ROLES: Final = {
    AddedAs.MEMBER: GroupRole.MEMBER,
    AddedAs.SUBSCRIBER: GroupRole.SUBSCRIBER,
}


class Denial(StrEnum):
    """Why somebody may not do something in a group."""

    NOT_A_MEMBER = "not_a_member"
    NOT_JOINED = "not_joined"
    NOT_AN_ADMIN = "not_an_admin"
    ADMINS_POST = "admins_post"
    OUTRANKED = "outranked"
    """The other one is an admin of the same or a lower rank."""
    NOT_THERE = "not_there"
    """The other one is neither in nor invited, no such admin, or there is no such ticket."""
    ALREADY_THERE = "already_there"
    IS_SELF = "is_self"
    MEMBERS_FULL = "members_full"
    LOG_FULL = "log_full"
    FOUNDER_STAYS = "founder_stays"


_SENTENCES: Final = {
    Denial.NOT_A_MEMBER: "You are not in this group: ask one of its admins to invite you.",
    Denial.NOT_JOINED: "You have not accepted the invitation to this group: accept it first.",
    Denial.NOT_AN_ADMIN: "Only admins of this group can do this: ask one of them.",
    Denial.ADMINS_POST: "Only admins can write here: ask one of them.",
    Denial.OUTRANKED: "This admin ranks with you or above you: ask who made you an admin.",
    Denial.NOT_THERE: "There is nobody and nothing by this name in the group: look at its members.",
    Denial.ALREADY_THERE: "This is so already: nothing needs to be done.",
    Denial.IS_SELF: "You cannot remove yourself: leave the group instead.",
    Denial.MEMBERS_FULL: "The group has 256 members: remove somebody first, or found another.",
    Denial.LOG_FULL: "The group has no room for further changes: an admin can found a successor.",
    Denial.FOUNDER_STAYS: "The founder of a group is always an admin: leave the group instead.",
}


class GroupDeniedError(ConflictError):
    """Somebody may not do something in a group; `denial` says why, and the message what next."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(_SENTENCES[denial])
        self.denial = denial


class PostVerdict(StrEnum):
    """What becomes of something that was said in a group."""

    SHOWN = "shown"
    LATE = "late"
    """It was allowed as far as its author knew, and is not any more: shown only if it was under way
    before, that is, came under a send id that was withdrawn since."""
    REFUSED = "refused"
    UNKNOWN_HEADS = "unknown_heads"
    """It names entries that are not held: ask for them, and decide then."""


def may(state: GroupState, author: UserAddress, act: GroupAct) -> Denial | None:
    """Return why somebody may not do something now; None if they may."""
    member = state.member(author)
    if member is None:
        return Denial.NOT_A_MEMBER
    if state.is_full and not isinstance(act, Succeed | Leave):
        return Denial.LOG_FULL
    if isinstance(act, Leave | Merge):
        return None
    if isinstance(act, Accept):
        return Denial.ALREADY_THERE if member.is_joined and member.card_hash else None
    if not member.is_joined:
        return Denial.NOT_JOINED
    if member.rank is None:
        return Denial.NOT_AN_ADMIN
    return _may_as_admin(state, member.rank, author, act)


def _may_as_admin(
    state: GroupState, rank: int, author: UserAddress, act: GroupAct
) -> Denial | None:
    match act:
        case Create():
            return Denial.ALREADY_THERE
        case Add(target) | Remove(target) | Grant(target) | Demote(target):
            return _may_to(state, rank, author, act, state.member(target))
        case OpenTicket(ticket):
            known = any(one.ticket == ticket for one in state.tickets)
            return Denial.ALREADY_THERE if known else None
        case CloseTicket(ticket):
            is_open = any(one.ticket == ticket and not one.is_closed for one in state.tickets)
            return None if is_open else Denial.NOT_THERE
        case _:
            return None


def _may_to(
    state: GroupState,
    rank: int,
    author: UserAddress,
    act: Add | Remove | Grant | Demote,
    target: GroupMember | None,
) -> Denial | None:
    """Return why an admin may not do something to somebody."""
    match act:
        case Add() | Grant() if target is None:
            return Denial.MEMBERS_FULL if len(state.members) >= MAX_MEMBERS else None
        case Add(_, added_as):
            has_role = target is not None and target.role in (GroupRole.ADMIN, _ROLES[added_as])
            return Denial.ALREADY_THERE if has_role else None
        case Grant():
            has_rank = target is not None and target.rank is not None and target.rank <= rank + 1
            return Denial.ALREADY_THERE if has_rank else None
    if act.member == author:
        if isinstance(act, Remove):
            return Denial.IS_SELF
        return None if rank else Denial.FOUNDER_STAYS
    ended = None if target is None else target.rank
    if ended is None:
        # Nobody is out of reach for having left: see GroupState.open_grants.
        ended = state.open_grants.get(act.member)
    if ended is None and (target is None or isinstance(act, Demote)):
        return Denial.NOT_THERE
    return Denial.OUTRANKED if ended is not None and ended <= rank else None


def endings_due(state: GroupState, author: UserAddress) -> tuple[Remove | Demote, ...]:
    """Return what an admin's node signs unasked, to end the open grants of higher ranks.

    It does no harm if several admins do so at once.
    """
    rank = state.rank_of(author)
    if rank is None:
        return ()
    return tuple(
        Demote(who) if who in state.members else Remove(who)
        for who, open_rank in state.open_grants.items()
        if rank < open_rank and who != author
    )


def may_post(state: GroupState, author: UserAddress) -> Denial | None:
    """Return why somebody may not post now; None if they may."""
    member = state.member(author)
    if member is None:
        return Denial.NOT_A_MEMBER
    if not member.is_joined:
        return Denial.NOT_JOINED
    is_open = state.settings.posting is PostingRule.MEMBERS
    if member.role is GroupRole.ADMIN or (is_open and member.role is GroupRole.MEMBER):
        return None
    return Denial.ADMINS_POST
