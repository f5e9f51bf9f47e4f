"""Invites: links that let somebody write to the owner as a contact. Times are unix seconds."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from zentalk.rest.addresses import AddressText
from zentalk.rest.base import WHOLE, Body, Resource
from zentalk.rest.contacts import Name
from zentalk.store.history.models import InviteState

WEEK_SECONDS: Final = 7 * 86_400
InviteStates = Literal[InviteState.OPEN, InviteState.USED, InviteState.EXPIRED, InviteState.REVOKED]


class InviteIn(Body):
    """An invite to make."""

    name: Name = Field("", description="For whom; who comes by a one-time invite has this name.")
    max_uses: Annotated[
        int, Field(ge=1, le=1_000, description="How many people may come by it."), WHOLE
    ] = 1
    expires_in_seconds: Annotated[
        int, Field(ge=1, le=366 * 86_400, description="After this time it lets nobody in."), WHOLE
    ] = WEEK_SECONDS
    accepts: bool = Field(
        True, description="Whether who comes by it is a contact at once, or asks as a request."
    )
    group: AddressText | None = Field(
        None, description="The id of a group of which you are an admin: it invites to it as well."
    )


class Invite(Resource):
    """An invite of the owner; `link` is empty once it lets nobody in."""

    id: str
    link: str
    state: InviteStates
    name: str
    accepts: bool
    max_uses: int
    uses: int
    created_at: float
    expires_at: float
    group: str = Field("", description="The id of the group that it invites to as well, or empty.")


class InviteList(Resource):
    """Open invites, and those that ended in the last 30 days, oldest first."""

    invites: list[Invite]
