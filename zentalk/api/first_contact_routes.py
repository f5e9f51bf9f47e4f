"""The routes about first contacts: invites, introductions, safety numbers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from zentalk.api.answers import CONFLICT, MISSING, MISSING_OR_CONFLICT, answers, no_content
from zentalk.api.facade import NodeFacade
from zentalk.api.paths import Address, InviteId
from zentalk.chat.names import Named, ShownName, shown_names
from zentalk.ids import GroupId
from zentalk.node.first_contact.invites import ShownInvite
from zentalk.rest.contacts import Contact
from zentalk.rest.introductions import IntroducedPeople, IntroducedPerson, IntroduceIn
from zentalk.rest.invites import Invite, InviteIn, InviteList
from zentalk.rest.safety import Safety, VerifyIn
from zentalk.session.safety import format_safety_number, qr_text
from zentalk.store.history.models import StoredIntroduction
from zentalk.web.json_response import JsonResponse
from zentalk.wire.text import format_address, parse_address

_NOTHING: Final[dict[str, Any]] = no_content("contacts", fails=MISSING_OR_CONFLICT)


def add_invite_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about invites; `qr_routes` shows them as images."""

    @router.get("/v1/invites", **answers("invites", InviteList))
    async def invites() -> Response:
        """Return open invites, and those that ended in the last 30 days."""
        listed = await node.first_contact.invites.listing()
        return JsonResponse(InviteList(invites=[_invite(one) for one in listed]))

    @router.post(
        "/v1/invites",
        **answers("invites", Invite, HTTPStatus.CREATED, fails=MISSING_OR_CONFLICT),
    )
    async def create(body: InviteIn) -> Response:
        """Make an invite; its link lets so many people in as contacts, for so long.

        One with a group, of which you must be an admin, invites them to it as well.
        """
        made = await node.first_contact.invites.create(
            body.name,
            max_uses=body.max_uses,
            lifetime_seconds=body.expires_in_seconds,
            accepts=body.accepts,
            group=None if body.group is None else GroupId(parse_address(body.group)),
        )
        return JsonResponse(_invite(made), HTTPStatus.CREATED)

    @router.get("/v1/invites/{invite_id}", **answers("invites", Invite, fails=MISSING))
    async def invite(invite_id: InviteId) -> Response:
        """Return one invite."""
        return JsonResponse(_invite(await node.first_contact.invites.get(invite_id)))

    @router.delete("/v1/invites/{invite_id}", **no_content("invites", fails=MISSING))
    async def revoke(invite_id: InviteId) -> Response:
        """Let nobody in by this invite any more; who came by it stays."""
        await node.first_contact.invites.revoke(invite_id)
        return Response(status_code=HTTPStatus.NO_CONTENT.value)


def add_introduction_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about introductions."""

    @router.post("/v1/contacts/{address}/introduce", **_NOTHING)
    async def introduce(address: Address, body: IntroduceIn) -> Response:
        """Tell two contacts of each other; what you call them is not sent."""
        first, second = parse_address(address), parse_address(body.to)
        await node.first_contact.introductions.introduce(first, second, body.name, body.to_name)
        return Response(status_code=HTTPStatus.NO_CONTENT.value)

    @router.get("/v1/introductions", **answers("contacts", IntroducedPeople))
    async def introductions() -> Response:
        """Return who was introduced to you and is no contact yet; add them by their address."""
        told = await node.first_contact.introductions.listing()
        known = await node.contacts()
        people = [Named(one.address, one.name) for one in known]
        people += [Named(one.address, one.name) for one in told]
        shown = shown_names(people)[len(known) :]
        listed = [_introduced(*pair) for pair in zip(told, shown, strict=True)]
        return JsonResponse(IntroducedPeople(introductions=listed))

    @router.delete("/v1/introductions/{address}", **no_content("contacts", fails=MISSING))
    async def dismiss(address: Address) -> Response:
        """Forget who introduced this person."""
        await node.first_contact.introductions.dismiss(parse_address(address))
        return Response(status_code=HTTPStatus.NO_CONTENT.value)


def add_safety_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about safety numbers."""

    @router.get("/v1/contacts/{address}/safety", **answers("contacts", Safety, fails=CONFLICT))
    async def safety(address: Address) -> Response:
        """Return the safety number with a person, who need not be in the list."""
        found = await node.first_contact.verification.safety(parse_address(address))
        shown = Safety(
            address=format_address(found.address),
            number=found.number,
            groups=format_safety_number(found.number).split(),
            qr=qr_text(found.number),
            verified=found.verified,
            verified_at=found.verified_at,
            warning=found.warning,
        )
        return JsonResponse(shown)

    @router.post(
        "/v1/contacts/{address}/verify",
        **answers("contacts", Contact, fails=MISSING_OR_CONFLICT),
    )
    async def verify(address: Address, body: VerifyIn) -> Response:
        """Mark a contact as verified, if the number is right or you say that it is."""
        verification = node.first_contact.verification
        contact = await verification.verify(parse_address(address), body.number)
        return JsonResponse(Contact.model_validate(contact))

    @router.delete("/v1/contacts/{address}/verify", **_NOTHING)
    async def withdraw(address: Address) -> Response:
        """Take the verified mark of a contact away."""
        await node.first_contact.verification.withdraw(parse_address(address))
        return Response(status_code=HTTPStatus.NO_CONTENT.value)


def _introduced(person: StoredIntroduction, look: ShownName) -> IntroducedPerson:
    return IntroducedPerson(
        address=person.address,
        name=person.name,
        shown_name=look.name,
        looks_like=look.looks_like,
        introduced_by=person.introduced_by,
        at=person.at,
    )


def _invite(shown: ShownInvite) -> Invite:
    row = shown.invite
    return Invite(
        id=row.id,
        link=shown.link,
        state=shown.state,
        name=row.name,
        accepts=row.accepts,
        max_uses=row.max_uses,
        uses=row.uses,
        created_at=row.created_at,
        expires_at=row.expires_at,
        group=row.group,
    )
