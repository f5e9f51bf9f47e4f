"""The calls of REST about groups and channels; see `zentalk.client.calls`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, Literal
from urllib.parse import quote

from zentalk.client.calls import Call, key_headers
from zentalk.client.errors import ApiError
from zentalk.client.parsing import parse
from zentalk.rest import groups as bodies
from zentalk.rest.groups import GroupDetails, GroupKinds, GroupSummary, MemberDelivery, PostingRules
from zentalk.rest.invites import Invite, InviteIn, InviteList

Role = Literal["admin", "member"]
_GROUPS: Final = "/v1/groups"
_INVITES: Final = "/v1/invites"


def groups() -> Call[list[GroupSummary]]:
    """Ask for the groups."""
    return Call("GET", _GROUPS, lambda answer: parse(bodies.Groups, answer).groups)


def create(
    name: str, members: Sequence[str], kind: GroupKinds, idempotency_key: str | None
) -> Call[GroupDetails]:
    """Found a group."""
    body = bodies.GroupIn.model_construct(name=name, members=list(members), kind=kind)
    return Call("POST", _GROUPS, _group, body=body, headers=key_headers(idempotency_key))


def one(group: str) -> Call[GroupDetails]:
    """Ask for one group."""
    return Call("GET", _at(group), _group)


def change(
    group: str, name: str | None, description: str | None, posting: PostingRules | None
) -> Call[GroupDetails]:
    """Change what is not None."""
    said = {"name": name, "description": description, "posting": posting}
    content = {key: value for key, value in said.items() if value is not None}
    return Call("PATCH", _at(group), _group, content=content)


def accept(group: str) -> Call[GroupDetails]:
    """Join a group."""
    return Call("POST", _at(group, "/accept"), _group)


def leave(group: str) -> Call[None]:
    """Leave a group, or refuse an invitation."""
    return Call("POST", _at(group, "/leave"), _nothing)


def forget(group: str) -> Call[None]:
    """Delete what is here of a group that one is not in."""
    return Call("DELETE", _at(group), _nothing)


def invite(group: str, people: Sequence[str]) -> Call[GroupDetails]:
    """Invite contacts."""
    body = bodies.GroupInvitationIn.model_construct(members=list(people))
    return Call("POST", _at(group, "/members"), _group, body=body)


def join(link: str) -> Call[None]:
    """Join a group by a link."""
    body = bodies.GroupJoinIn.model_construct(link=link)
    return Call("POST", f"{_GROUPS}/join", _nothing, body=body)


def create_link(group: str, max_uses: int, expires_in_seconds: int) -> Call[Invite]:
    """Make an invite to a group."""
    body = InviteIn.model_construct(
        max_uses=max_uses, expires_in_seconds=expires_in_seconds, group=group
    )
    return Call("POST", _INVITES, lambda answer: parse(Invite, answer), body=body)


def close_link(group: str, ticket: str) -> Call[None]:
    """Close a link of any admin."""
    return Call("DELETE", _at(group, f"/tickets/{quote(ticket, safe='')}"), _nothing)


def links(group: str) -> Call[list[Invite]]:
    """Ask for the owner's invites to a group."""
    return Call("GET", _INVITES, partial(_links_to, group))


def _links_to(group: str, answer: Any) -> list[Invite]:
    return [invite for invite in parse(InviteList, answer).invites if invite.group == group]


def set_role(group: str, address: str, role: Role) -> Call[GroupDetails]:
    """Make somebody an admin, or a member again."""
    body = bodies.MemberRoleIn.model_construct(role=role)
    return Call("PUT", _member(group, address), _group, body=body)


def remove(group: str, address: str) -> Call[None]:
    """Put somebody out."""
    return Call("DELETE", _member(group, address), _nothing)


def share_history(group: str, address: str, count: int) -> Call[int]:
    """Share messages of before with a member."""
    body = bodies.GroupHistoryIn.model_construct(count=count)
    path = _member(group, address) + "/history"
    return Call(
        "POST", path, lambda answer: parse(bodies.HistoryShared, answer).messages, body=body
    )


def picture(group: str) -> Call[bytes]:
    """Ask for the picture."""
    return Call("GET", _at(group, "/picture"), _picture)


def set_picture(group: str, picture_bytes: bytes) -> Call[None]:
    """Set the picture, or take it away if it is empty."""
    if not picture_bytes:
        return Call("DELETE", _at(group, "/picture"), _nothing)
    shown = base64.b64encode(picture_bytes).decode("ascii")
    body = bodies.GroupPictureIn.model_construct(picture=shown)
    return Call("PUT", _at(group, "/picture"), _nothing, body=body)


def deliveries(group: str, message_id: str) -> Call[list[MemberDelivery]]:
    """Ask how far a message has come with each member."""
    place, which = quote(group, safe=""), quote(message_id, safe="")
    path = f"/v1/conversations/{place}/messages/{which}/deliveries"
    return Call("GET", path, lambda answer: parse(bodies.MemberDeliveries, answer).deliveries)


def _at(group: str, rest: str = "") -> str:
    return f"{_GROUPS}/{quote(group, safe='')}{rest}"


def _member(group: str, address: str) -> str:
    return _at(group, f"/members/{quote(address, safe='')}")


def _group(answer: Any) -> GroupDetails:
    return parse(GroupDetails, answer)


def _picture(answer: Any) -> bytes:
    try:
        return base64.b64decode(parse(bodies.ShownGroupPicture, answer).picture, validate=True)
    except binascii.Error:
        raise ApiError(200, "the answer holds no picture") from None


def _nothing(_answer: Any) -> None:
    return None
