"""What somebody may do in a group, and whether something said there is shown.

`may` is for composing: what it denies has no effect, or is nothing that an honest node signs.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from zentalk.groups.state import GroupState
from zentalk.ids import EntryRef, UserAddress
from zentalk.wire.group_acts import GroupAct

MAX_MEMBERS: Final = 256
"""Members and invited people together, for whoever invites. Admins who invite at the same time may
exceed it: to choose whom to put out would take a tie-break that somebody can win on purpose."""


class Denial(StrEnum):
    """Why somebody may not do something in a group."""

    NOT_A_MEMBER = "not_a_member"
    NOT_INVITED = "not_invited"
    NOT_AN_ADMIN = "not_an_admin"
    OUTRANKED = "outranked"
    """The other one is an admin of the same or a lower rank."""
    NOT_THERE = "not_there"
    """The other one is neither in nor invited; or there is no such ticket."""
    ALREADY_THERE = "already_there"
    IS_SELF = "is_self"
    MEMBERS_FULL = "members_full"
    LOG_FULL = "log_full"
    FOUNDER_STAYS = "founder_stays"
    """The founder cannot step down, only leave."""


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
    raise NotImplementedError


def may_post(state: GroupState, author: UserAddress) -> Denial | None:
    """Return why somebody may not post now; None if they may."""
    raise NotImplementedError
