"""The routes about linked nodes. All but the state need the owner's token."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path
from starlette.responses import Response

from zentalk.api.answers import MISSING, answers, no_content
from zentalk.api.facade import NodeFacade
from zentalk.rest.links import LinkedNodes, NewLink, RecoveryIn
from zentalk.web.json_response import JsonResponse

LINKS_PATH: Final = "/v1/links"
LinkId = Annotated[str, Path(max_length=64)]


def add_link_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about the owner's other node, and about the recovery phrase."""

    @router.get(LINKS_PATH, **answers("links", LinkedNodes))
    async def state() -> Response:
        """Return what this node is among yours, and how far the other one has come."""
        return JsonResponse(LinkedNodes.model_validate(await node.links.state()))

    @router.post(LINKS_PATH, **answers("links", NewLink, HTTPStatus.CREATED))
    async def open_link() -> Response:
        """Make a code that makes one other node the replica; it is in this answer only."""
        made = await node.links.open()
        return JsonResponse(NewLink.model_validate(made), HTTPStatus.CREATED)

    @router.put(LINKS_PATH + "/recovery", **no_content("links"))
    async def keep_recovery(body: RecoveryIn) -> Response:
        """Keep the identity under a new recovery phrase; the replica gets it too."""
        await node.links.keep_recovery(bytes.fromhex(body.sealed))
        return Response(status_code=HTTPStatus.NO_CONTENT.value)

    @router.delete(LINKS_PATH + "/{link_id}", **no_content("links", fails=MISSING))
    async def remove(link_id: LinkId) -> Response:
        """Tell the replica nothing any more, or withdraw a code."""
        await node.links.remove(link_id)
        return Response(status_code=HTTPStatus.NO_CONTENT.value)
