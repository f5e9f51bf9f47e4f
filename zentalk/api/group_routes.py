"""The routes about groups and channels. What is said in them goes over those of conversations."""

from __future__ import annotations

import base64
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from zentalk.api.answers import CONFLICT, MISSING, MISSING_OR_CONFLICT, answers, no_content
from zentalk.api.callers import request_key
from zentalk.api.drafts import picture as read_picture
from zentalk.api.facade import NodeFacade
from zentalk.api.looks import Looks, looks_of
from zentalk.api.paths import Address, Group, IdempotencyKey, MessageId, TicketId
from zentalk.errors import LocalProtocolError, NotFoundError
from zentalk.groups.permission import Denial, GroupDeniedError
from zentalk.ids import GroupId, UserAddress
from zentalk.node.conversations.actions import parse_message_id
from zentalk.node.messages.groups import view
from zentalk.node.messages.groups.commands import GroupWish
from zentalk.rest import groups as bodies
from zentalk.rest.groups import GroupDetails, GroupSummary, ShownGroupPicture
from zentalk.store.history.groups import GroupRow
from zentalk.store.history.models import Direction
from zentalk.web.json_response import JsonResponse
from zentalk.wire.group_acts import GroupKind, PostingRule
from zentalk.wire.text import parse_address

GROUPS_PATH: Final = "/v1/groups"
_ONE: Final = GROUPS_PATH + "/{group}"
_MEMBER: Final = _ONE + "/members/{address}"
_PICTURE: Final = _ONE + "/picture"
_NOTHING: Final[dict[str, Any]] = no_content("groups", fails=MISSING_OR_CONFLICT)
_NO_PICTURE: Final = "this group has no picture, or it has not come yet"
_NOT_IN: Final = "this person is not in the group: invite them first"
_NO_LINK: Final = "this group has no such link: look at its tickets"
_NOT_OURS: Final = "only its author knows how far a message has come: name one of yours"


def add_group_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about groups as a whole."""

    @router.get(GROUPS_PATH, **answers("groups", bodies.Groups))
    async def groups() -> Response:
        """Return all groups that you are or were in, or are invited to, oldest first."""
        rows = await node.groups.every()
        looks = await looks_of(node)
        shown = [GroupSummary.model_validate(_summary(row, looks)) for row in rows]
        return JsonResponse(bodies.Groups(groups=shown))

    @router.post(GROUPS_PATH, **answers("groups", GroupDetails, HTTPStatus.CREATED, fails=CONFLICT))
    async def create(
        request: Request, body: bodies.GroupIn, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Found a group or channel, and invite contacts to it."""
        kind, people = GroupKind[body.kind.upper()], tuple(map(parse_address, body.members))
        key = None if idempotency_key is None else request_key(request, idempotency_key)
        made = await node.groups.found(GroupWish(body.name, kind, people), key)
        return await _shown(node, made, HTTPStatus.CREATED)

    @router.get(_ONE, **answers("groups", GroupDetails, fails=MISSING))
    async def one(group: Group) -> Response:
        """Return one group with its people."""
        return await _shown(node, await node.groups.get(_id(group)))

    @router.patch(_ONE, **answers("groups", GroupDetails, fails=MISSING_OR_CONFLICT))
    async def change(group: Group, body: bodies.GroupChangeIn) -> Response:
        """Change name, description or who may post; what is left out stays as it is."""
        rule = None if body.posting is None else PostingRule[body.posting.upper()]
        changed = await node.groups.change(
            _id(group), name=body.name, description=body.description, posting=rule
        )
        return await _shown(node, changed)

    @router.post(f"{_ONE}/accept", **answers("groups", GroupDetails, fails=MISSING_OR_CONFLICT))
    async def accept(group: Group) -> Response:
        """Join a group that you are invited to."""
        return await _shown(node, await node.groups.accept(_id(group)))

    @router.post(f"{_ONE}/leave", **_NOTHING)
    async def leave(group: Group) -> Response:
        """Leave a group, or refuse an invitation; its messages stay here."""
        await node.groups.leave(_id(group))
        return Response(status_code=HTTPStatus.NO_CONTENT.value)

    @router.delete(_ONE, **_NOTHING)
    async def forget(group: Group) -> Response:
        """Delete all that your node has of a group that you are not in, its messages too."""
        await node.groups.forget(_id(group))
        return Response(status_code=HTTPStatus.NO_CONTENT.value)


def add_member_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about the people in a group."""

    @router.post(f"{GROUPS_PATH}/join", **no_content("groups", fails=CONFLICT))
    async def join(body: bodies.GroupJoinIn) -> Response:
        """Ask whoever made a link to be let into its group, and join when the invitation comes.

        They become a contact. It is accepted by itself within seven days.
        """
        await node.groups.join(body.link)
        return Response(status_code=HTTPStatus.NO_CONTENT.value)

    @router.post(f"{_ONE}/members", **answers("groups", GroupDetails, fails=MISSING_OR_CONFLICT))
    async def invite(group: Group, body: bodies.GroupInvitationIn) -> Response:
        """Invite contacts: into a channel as subscribers, into a group as members."""
        people = [parse_address(member) for member in body.members]
        return await _shown(node, await node.groups.invite(_id(group), people))

    @router.put(_MEMBER, **answers("groups", GroupDetails, fails=MISSING_OR_CONFLICT))
    async def set_role(group: Group, address: Address, body: bodies.MemberRoleIn) -> Response:
        """Make somebody in the group an admin, or let an admin be one no more."""
        wanted, person = _id(group), parse_address(address)
        row = await node.groups.get(wanted)
        role = _role(row, address)
        if body.role == "member":
            was_admin = role == "admin"
            return await _shown(
                node, await node.groups.demote(wanted, person) if was_admin else row
            )
        try:
            return await _shown(node, await node.groups.promote(wanted, person))
        except GroupDeniedError as error:
            if error.denial is not Denial.ALREADY_THERE:
                raise
            return await _shown(node, row)

    @router.post(
        f"{_MEMBER}/history",
        **answers("groups", bodies.HistoryShared, HTTPStatus.ACCEPTED, fails=MISSING_OR_CONFLICT),
    )
    async def share(group: Group, address: Address, body: bodies.GroupHistoryIn) -> Response:
        """Send somebody who has joined the newest messages of before, as an admin.

        They are shown as what you say that others wrote.
        """
        person = parse_address(address)
        count = await node.groups.share_history(_id(group), person, body.count)
        return JsonResponse(bodies.HistoryShared(messages=count), HTTPStatus.ACCEPTED)

    @router.delete(_MEMBER, **_NOTHING)
    async def remove(group: Group, address: Address) -> Response:
        """Put somebody out, or withdraw their invitation; what they have read stays with them."""
        await node.groups.remove(_id(group), parse_address(address))
        return Response(status_code=HTTPStatus.NO_CONTENT.value)


def add_group_link_route(router: APIRouter, node: NodeFacade) -> None:
    """Add the route that closes a link, whoever made it; the others are those of invites."""

    @router.delete(f"{_ONE}/tickets/{{ticket}}", **_NOTHING)
    async def close_link(group: Group, ticket: TicketId) -> Response:
        """Close a link to a group, as an admin, whoever made it: it lets nobody in any more."""
        wanted = _id(group)
        row = await node.groups.get(wanted)
        found = next((one for one in row.view["tickets"] if one["id"] == ticket), None)
        if found is None:
            raise NotFoundError(_NO_LINK)
        if not found["closed"]:
            await node.groups.close_link(wanted, bytes.fromhex(ticket))
        return Response(status_code=HTTPStatus.NO_CONTENT.value)


def add_group_picture_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about a group's picture."""

    @router.get(_PICTURE, **answers("groups", ShownGroupPicture, fails=MISSING))
    async def picture(group: Group) -> Response:
        """Return the picture of a group in base64."""
        data = await node.groups.picture(_id(group))
        if not data:
            raise NotFoundError(_NO_PICTURE)
        return JsonResponse(ShownGroupPicture(picture=base64.b64encode(data).decode("ascii")))

    @router.put(_PICTURE, **_NOTHING)
    async def set_picture(group: Group, body: bodies.GroupPictureIn) -> Response:
        """Give a group another picture; all members are sent it."""
        await node.groups.set_picture(_id(group), read_picture(body.picture))
        return Response(status_code=HTTPStatus.NO_CONTENT.value)

    @router.delete(_PICTURE, **_NOTHING)
    async def remove_picture(group: Group) -> Response:
        """Take the picture of a group away."""
        wanted = _id(group)
        if not (await node.groups.get(wanted)).view["picture"]:
            raise NotFoundError(_NO_PICTURE)
        await node.groups.set_picture(wanted, b"")
        return Response(status_code=HTTPStatus.NO_CONTENT.value)


def add_delivery_route(router: APIRouter, node: NodeFacade) -> None:
    """Add the route that tells how far a message has come with each member."""

    @router.get(
        "/v1/conversations/{address}/messages/{message_id}/deliveries",
        **answers("messages", bodies.MemberDeliveries, fails=MISSING),
    )
    async def deliveries(address: Address, message_id: MessageId) -> Response:
        """Return how far a message of yours has come with each member of a group."""
        group = _id(address)
        message = await node.message(message_id, UserAddress(group))
        rows = await node.groups.deliveries(group, parse_message_id(message_id))
        if message.direction is not Direction.OUT:
            raise LocalProtocolError(_NOT_OURS)
        shown = [bodies.MemberDelivery.of(row) for row in rows]
        return JsonResponse(bodies.MemberDeliveries(deliveries=shown))


def _id(text: str) -> GroupId:
    """Read a group's id, which has the form of an address; raises DecodeError."""
    return GroupId(parse_address(text))


def _role(row: GroupRow, address: str) -> str:
    """Return what somebody is in a group; raises NotFoundError."""
    for member in row.view["members"]:
        if member["address"] == address:
            return str(member["role"])
    raise NotFoundError(_NOT_IN)


def _summary(row: GroupRow, looks: Looks) -> dict[str, Any]:
    summary = view.of_row(row)
    return summary | looks.fields(summary["conversation"], summary["name"])


async def _shown(node: NodeFacade, row: GroupRow, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return JsonResponse(GroupDetails.of(row, _summary(row, await looks_of(node))), status)
