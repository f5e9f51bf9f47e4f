"""The classes of events about groups; `typed_events` has the others, and the table of all."""

from __future__ import annotations

from typing import Literal

from zentalk.rest.events import Event
from zentalk.rest.groups import GroupForgottenBody, GroupHistoryBody, GroupMemberBody, GroupSummary


class GroupEvent(Event):
    """An event about a whole group."""

    @property
    def group(self) -> GroupSummary:
        """The group as it was at this event, without its people."""
        return GroupSummary.model_validate(self.data)


class GroupInvited(GroupEvent):
    """`group.invited`: a contact has invited the owner."""


class GroupChanged(GroupEvent):
    """`group.changed`: a group is new here, or something of it is other than before."""


class GroupMemberChanged(Event):
    """`group.member`: somebody in a group is something else now."""

    @property
    def conversation(self) -> str:
        """The id of the group."""
        return GroupMemberBody.model_validate(self.data).conversation

    @property
    def address(self) -> str:
        """The address of that person."""
        return GroupMemberBody.model_validate(self.data).address

    @property
    def role(self) -> Literal["", "admin", "member", "subscriber"]:
        """What they are now; empty of who is not in any more."""
        return GroupMemberBody.model_validate(self.data).role

    @property
    def status(self) -> Literal["invited", "joined", "gone"]:
        """Whether they are invited, in, or not any more."""
        return GroupMemberBody.model_validate(self.data).status

    @property
    def rank(self) -> int | None:
        """The rank of an admin: 0 for the founder, else its granter's and one; None for others."""
        return GroupMemberBody.model_validate(self.data).rank

    @property
    def invited_by(self) -> str:
        """The address of who invited them; empty of who is not in any more."""
        return GroupMemberBody.model_validate(self.data).invited_by


class GroupForgotten(Event):
    """`group.forgotten`: nothing is left of a group at the owner's node."""

    @property
    def conversation(self) -> str:
        """The id of the group."""
        return GroupForgottenBody.model_validate(self.data).conversation

    @property
    def reason(self) -> str:
        """Why, if the owner did not do it: an invitation that gave way to newer ones."""
        return GroupForgottenBody.model_validate(self.data).reason


class GroupHistoryShared(Event):
    """`group.history`: an admin has shared messages of before the owner joined."""

    @property
    def conversation(self) -> str:
        """The id of the group."""
        return GroupHistoryBody.model_validate(self.data).conversation

    @property
    def by(self) -> str:
        """The address of the admin, on whose word alone they are there."""
        return GroupHistoryBody.model_validate(self.data).by

    @property
    def messages(self) -> int:
        """How many of them are new here."""
        return GroupHistoryBody.model_validate(self.data).messages
