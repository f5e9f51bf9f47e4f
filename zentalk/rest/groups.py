"""Groups and channels: what they are, who is in them, and what is asked of them.

A group's id has the form of an address, and names its conversation: messages in it are sent, read,
edited and found as those with a person are. Times are unix seconds.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field

from zentalk.rest.addresses import ADDRESS_SCHEMA, InviteText
from zentalk.rest.base import BASE64, WHOLE, Body, Resource
from zentalk.rest.contacts import LooksLike, Name, ShownNameText
from zentalk.rest.messages import OwnRoles
from zentalk.rest.messages import States as MessageStates
from zentalk.store.history.group_sends import GroupDelivery
from zentalk.store.history.groups import GroupRow, GroupStanding
from zentalk.wire.text import format_address

Standings = Literal[
    GroupStanding.INVITED, GroupStanding.JOINED, GroupStanding.LEFT, GroupStanding.REMOVED
]
GroupKinds = Literal["group", "channel"]
PostingRules = Literal["members", "admins"]
MAX_LINES: Final = 200
_Address = Annotated[str, Field(max_length=256, json_schema_extra=ADDRESS_SCHEMA)]


class GroupIn(Body):
    """A group or channel to found; the people are contacts, who are invited."""

    name: Annotated[Name, Field(min_length=1)]
    kind: GroupKinds = "group"
    members: Annotated[list[_Address], Field(max_length=255)] = []


class GroupChangeIn(Body):
    """What admins change of a group; what is not named stays."""

    name: Annotated[Name, Field(min_length=1)] | None = None
    description: Annotated[str, Field(max_length=256)] | None = None
    posting: PostingRules | None = None


class GroupInvitationIn(Body):
    """Contacts to invite to a group."""

    members: Annotated[list[_Address], Field(min_length=1, max_length=255)]


class GroupJoinIn(Body):
    """A link to a group that somebody has given you."""

    link: InviteText = Field(description="An invite link: zentalk:zt1...#...")


class MemberRoleIn(Body):
    """What a member is to be; an admin ranks one below whoever made it one."""

    role: Literal["admin", "member"]


class GroupPerson(Resource):
    """Somebody in a group or invited to it; `rank` is that of an admin, 0 of the founder."""

    address: str
    role: Literal["admin", "member", "subscriber"]
    status: Literal["invited", "joined"]
    rank: int | None = None
    invited_by: str = ""


class GroupConflict(Resource):
    """An admin tried to remove or demote another without ranking above it: nothing came of it."""

    by: str
    against: str
    equal: bool = Field(description="Both have the same rank: an admin above them can end it.")


class ShownTicket(Resource):
    """A link to a group, as the admin who made it has announced it to all members."""

    id: str = Field(description="Names the link among members; it lets nobody in.")
    by: str = Field(description="The address of who made it, and lets people in by it.")
    role: Literal["member", "subscriber"]
    uses: int = Field(description="How many people may come by it.")
    used: int = Field(description="How many have been invited by it.")
    expires_at: int = Field(description="By the clock of who made it; 0: never.")
    closed: bool = Field(description="An admin closed it, or who made it is no admin any more.")


class GroupSummary(Resource):
    """A group without its people."""

    conversation: str = Field(description="The id of the group, which names its conversation.")
    standing: Standings = Field(description="What you are to the group.")
    invited_by: str = ""
    kind: GroupKinds
    name: str
    shown_name: ShownNameText = ""
    looks_like: LooksLike = ""
    role: OwnRoles = Field("", description="What you are in the group; empty if nothing.")
    description: str
    picture: str = Field(description="The hash of its picture in hexadecimal form, or empty.")
    posting: PostingRules
    member_count: int
    confirmed_by: int = Field(
        description="How many others have written, or read, by the log that is here."
    )
    unconfirmed: bool = Field(
        description="You have joined, and neither three others nor all have shown the same log yet:"
        " whoever invited you may have kept something back."
    )
    successor: str = Field(description="The group in which this one goes on, or empty.")
    continues: str = Field(description="The group that this one continues, or empty.")
    full: bool = Field(description="So much was changed that only a successor can be named.")
    founderless: bool = Field(description="Its founder has left.")


class GroupDetails(GroupSummary):
    """A group with its people."""

    members: list[GroupPerson]
    conflicts: list[GroupConflict]
    tickets: list[ShownTicket]

    @classmethod
    def of(cls, row: GroupRow, summary: dict[str, Any]) -> Self:
        """Return a group as its row says, under its summary."""
        return cls.model_validate({**row.view, **summary})


class Groups(Resource):
    """All groups that you are or were in, or are invited to, oldest first."""

    groups: list[GroupSummary]


class GroupPictureIn(Body):
    """Another picture for a group."""

    picture: Annotated[
        str,
        Field(
            min_length=1,
            max_length=33_000,
            description="base64, at most 24 KiB",
            json_schema_extra=BASE64,
        ),
    ]


class ShownGroupPicture(Resource):
    """The picture of a group."""

    picture: str = Field(description="In base64.")


class MemberDelivery(Resource):
    """How far a message of yours has come with one member."""

    address: str
    state: MessageStates
    reason: str
    at: float

    @classmethod
    def of(cls, row: GroupDelivery) -> Self:
        """Return what a row says."""
        address = format_address(row.member)
        return cls(address=address, state=row.state, reason=row.reason, at=row.at)


class MemberDeliveries(Resource):
    """How far a message of yours has come with everybody whom it was sent to."""

    deliveries: list[MemberDelivery]


class GroupHistoryIn(Body):
    """How many of the newest messages to share with somebody who joined later."""

    count: Annotated[int, Field(ge=1, le=MAX_LINES), WHOLE] = 100


class HistoryShared(Resource):
    """How many messages go to a member; those that disappear, or were taken back, do not."""

    messages: int


class GroupForgottenBody(Resource):
    """Nothing is left here of a group."""

    conversation: str
    reason: str = Field(default="", description="Why, if its owner did not do it.")


class GroupHistoryBody(Resource):
    """An admin has shared so many messages of before you joined; they stand before all others."""

    conversation: str
    by: str
    messages: int


class GroupMemberBody(Resource):
    """Somebody in a group is something else now; `status` is `gone` of who is not in any more."""

    conversation: str
    address: str
    role: Literal["", "admin", "member", "subscriber"]
    status: Literal["invited", "joined", "gone"]
    rank: int | None = None
    invited_by: str = ""
