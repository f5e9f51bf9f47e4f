"""Forgets groups: those that the owner is done with, and unanswered invitations that are too many.

Spec: docs/spec/groups.md section 11.
"""

from __future__ import annotations

from typing import Final

from zentalk.errors import ConflictError, NotFoundError
from zentalk.ids import GroupId, UserAddress
from zentalk.node.messages.effects import CommitEffects
from zentalk.node.messages.groups.book import NO_GROUP
from zentalk.node.messages.groups.distribution import Distribution
from zentalk.store.history import events, group_forgetting, groups
from zentalk.store.history import forgetting as stored
from zentalk.store.history.groups import GroupStanding
from zentalk.store.sqlite import Transaction
from zentalk.wire.text import format_address

MAX_UNANSWERED: Final = 32
"""Groups of one inviter that are kept without an answer; of more the oldest give way."""
NO_ROOM: Final = "newer invitations of the same contact needed the room"
_STILL: Final = {
    GroupStanding.JOINED: "you are in this group: leave it first",
    GroupStanding.INVITED: "you are invited to this group: leave it first, which refuses",
}


def forget(
    tx: Transaction, distribution: Distribution, group: GroupId, now: float
) -> CommitEffects:
    """Delete all that is here of a group that the owner is not in.

    Raises NotFoundError, and ConflictError if the owner is in it, or invited.
    """
    row = groups.get(tx, group)
    if row is None or row.stands is GroupStanding.INCOMPLETE:
        raise NotFoundError(NO_GROUP)
    if row.stands in _STILL:
        raise ConflictError(_STILL[row.stands])
    return _delete(tx, distribution, group, "", now)


def make_room(
    tx: Transaction, distribution: Distribution, inviter: UserAddress, now: float
) -> CommitEffects:
    """Let somebody's oldest unanswered invitations give way, so that one more finds room."""
    unanswered = group_forgetting.unanswered(tx, inviter)
    too_many = unanswered[: max(0, len(unanswered) + 1 - MAX_UNANSWERED)]
    return CommitEffects.together(
        _delete(tx, distribution, group, NO_ROOM, now) for group in too_many
    )


def _delete(
    tx: Transaction, distribution: Distribution, group: GroupId, reason: str, now: float
) -> CommitEffects:
    row = groups.get(tx, group)
    was_shown = row is not None and row.stands is not GroupStanding.INCOMPLETE
    told = distribution.finish(tx, group, now)
    dropped = group_forgetting.outgoing(tx, group)
    stored.conversation(tx, UserAddress(group))
    group_forgetting.rows(tx, group)
    others = distribution.go_on(tx, dropped.values())
    group_forgetting.people(tx)
    if was_shown:
        data = {"conversation": format_address(group)} | ({"reason": reason} if reason else {})
        events.append(tx, "group.forgotten", now, data)
    return CommitEffects.together([told, CommitEffects(dropped=tuple(dropped)), others])
