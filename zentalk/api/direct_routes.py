"""The routes about direct connections with contacts."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from zentalk.api.answers import MISSING, MISSING_OR_CONFLICT, answers
from zentalk.api.facade import NodeFacade
from zentalk.api.paths import Address
from zentalk.node.direct.actions import DirectState
from zentalk.rest.direct import Direct, DirectIn
from zentalk.web.json_response import JsonResponse
from zentalk.wire.text import parse_address

_PATH = "/v1/contacts/{address}/direct"


def _shown(address: str, state: DirectState) -> Response:
    return JsonResponse(
        Direct(
            address=address,
            allowed=state.allowed,
            allowed_by_them=state.allowed_by_them,
            path="direct" if state.is_direct else "relay",
            why_not=state.why_not,
        )
    )


def add_direct_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about direct connections."""

    @router.get(_PATH, **answers("contacts", Direct, fails=MISSING))
    async def direct(address: Address) -> Response:
        """Return what you and a contact allow, and on which way your nodes reach each other."""
        return _shown(address, await node.direct.state(parse_address(address)))

    @router.put(_PATH, **answers("contacts", Direct, fails=MISSING_OR_CONFLICT))
    async def allow(address: Address, body: DirectIn) -> Response:
        """Allow direct connections with a contact, or not any more.

        Your nodes connect once both of you allow it. Each then sees the other's network address.
        """
        state = await node.direct.allow(parse_address(address), on=body.allowed)
        return _shown(address, state)
