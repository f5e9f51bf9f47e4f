"""Why somebody may not do something in a group, as a sentence for people."""

from __future__ import annotations

from typing import Final

from zentalk.groups.permission import MAX_MEMBERS, Denial

_SENTENCES: Final = {
    Denial.NOT_A_MEMBER: "you are not in this group: somebody in it can invite you",
    Denial.NOT_INVITED: "you are not invited to this group: ask somebody in it",
    Denial.NOT_AN_ADMIN: "only admins of this group can do this: ask one of them",
    Denial.OUTRANKED: (
        "this admin was made one before you, or by somebody of your rank: only an admin with a"
        " lower rank than both of you can do this"
    ),
    Denial.NOT_THERE: "this person is neither in the group nor invited: look at its members",
    Denial.ALREADY_THERE: "this person is in the group or invited already",
    Denial.IS_SELF: "this cannot be done to yourself: to go, leave the group",
    Denial.MEMBERS_FULL: f"a group has at most {MAX_MEMBERS} people: remove somebody first",
    Denial.LOG_FULL: "so much was changed in this group that its log is full: found its successor",
    Denial.FOUNDER_STAYS: "who has founded a group stays its admin: you can leave it",
}


def explain(denial: Denial) -> str:
    """Return what to tell the owner."""
    return _SENTENCES[denial]
