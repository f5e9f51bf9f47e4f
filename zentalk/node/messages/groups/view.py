"""A group as its rows, events and REST show it: plain values made of what the fold gave."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from zentalk.groups.state import GroupMember, GroupState
from zentalk.ids import UserAddress
from zentalk.store.history.groups import GroupRow
from zentalk.wire.text import format_address


def of_state(state: GroupState, own: UserAddress) -> dict[str, Any]:
    """Return what is kept of a fold, to be shown without making it again."""
    settings, owner = state.settings, state.member(own)
    return {
        "kind": state.kind.name.lower(),
        "name": settings.name,
        "description": settings.description,
        "role": "" if owner is None else owner.role,
        "picture": settings.picture_hash.hex(),
        "posting": settings.posting.name.lower(),
        "successor": _id(settings.successors[0]) if settings.successors else "",
        "continues": _id(state.continues),
        "full": state.is_full,
        "founderless": state.is_founderless,
        "members": [_member(member) for member in state.members.values()],
        "conflicts": [
            {
                "by": format_address(conflict.author),
                "against": format_address(conflict.target),
                "equal": conflict.is_equal,
            }
            for conflict in state.conflicts
        ],
        "tickets": [
            {
                "id": ticket.ticket.hex(),
                "by": format_address(ticket.owner),
                "role": ticket.added_as.name.lower(),
                "uses": ticket.uses,
                "used": ticket.used,
                "expires_at": ticket.expires,
                "closed": ticket.is_closed,
            }
            for ticket in state.tickets
        ],
    }


def of_row(row: GroupRow) -> dict[str, Any]:
    """Return what an event says of a group: all but its people, who may be many."""
    kept = {key: value for key, value in row.view.items() if key not in _LONG}
    return {
        "conversation": format_address(UserAddress(row.id)),
        "standing": row.stands,
        "invited_by": "" if row.invited_by is None else format_address(row.invited_by),
        "member_count": _joined(row),
        "confirmed_by": row.confirmed_by,
        "unconfirmed": is_unconfirmed(row),
        **kept,
    }


WITNESSES: Final = 3
"""So many others, or all in a smaller group, have to name the log that is here."""


def witnesses_needed(row: GroupRow) -> int:
    """Return how many others have to name the entries that are here until a group is confirmed."""
    return min(WITNESSES, max(0, _joined(row) - 1))


def is_unconfirmed(row: GroupRow) -> bool:
    """Tell whether a group that the owner has joined may be other than it was shown to the owner.

    Whoever invited may have kept entries back: that comes to light once others name theirs.
    """
    return row.is_joined and not row.is_confirmed and row.confirmed_by < witnesses_needed(row)


def _joined(row: GroupRow) -> int:
    return sum(member["status"] == "joined" for member in row.view.get("members", ()))


_LONG = frozenset({"members", "conflicts", "tickets"})


def member_rows(
    state: GroupState,
) -> Iterator[tuple[UserAddress, bool, UserAddress | None]]:
    """Yield address, whether it is in, and who invited it, of everybody in or invited."""
    for member in state.members.values():
        yield member.address, member.is_joined, member.invited_by


def member_changes(before: GroupState, after: GroupState) -> Iterator[dict[str, Any]]:
    """Yield what an event says of each person who is something else now."""
    conversation = format_address(UserAddress(after.group))
    for address in sorted(before.members.keys() | after.members.keys()):
        was, is_now = before.member(address), after.member(address)
        if _place(was) == _place(is_now):
            continue
        shown = _member(is_now) if is_now is not None else _gone(address)
        yield {"conversation": conversation, **shown}


def _place(member: GroupMember | None) -> tuple[object, ...] | None:
    return None if member is None else (member.role, member.status, member.rank)


def _member(member: GroupMember) -> dict[str, Any]:
    invited_by = member.invited_by
    return {
        "address": format_address(member.address),
        "role": member.role,
        "status": member.status,
        "rank": member.rank,
        "invited_by": "" if invited_by is None else format_address(invited_by),
    }


def _gone(address: UserAddress) -> dict[str, Any]:
    return {
        "address": format_address(address),
        "role": "",
        "status": "gone",
        "rank": None,
        "invited_by": "",
    }


def _id(group: bytes) -> str:
    return format_address(UserAddress(group)) if group else ""
