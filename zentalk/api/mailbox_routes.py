"""The routes about mailboxes: where others leave mail for the owner, and how to move them."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import Response

from zentalk.api.answers import MISSING_OR_CONFLICT, answers
from zentalk.api.facade import NodeFacade
from zentalk.rest.mailboxes import Mailboxes, MoveIn
from zentalk.web.json_response import JsonResponse


def add_mailbox_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about mailboxes."""

    @router.get("/v1/mailboxes", **answers("mailboxes", Mailboxes))
    async def mailboxes() -> Response:
        """Return the current mailboxes, then replaced ones that are still polled."""
        return JsonResponse(Mailboxes.model_validate({"mailboxes": node.mailboxes.listing()}))

    @router.post(
        "/v1/mailboxes/move",
        **answers("mailboxes", Mailboxes, HTTPStatus.ACCEPTED, fails=MISSING_OR_CONFLICT),
    )
    async def move(body: MoveIn) -> Response:
        """Move one mailbox, or all, to other relays; contacts follow by themselves."""
        moved = await node.mailboxes.move(body.id)
        return JsonResponse(Mailboxes.model_validate({"mailboxes": moved}), HTTPStatus.ACCEPTED)
