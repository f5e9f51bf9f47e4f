"""The routes that answer with QR codes: of the owner's address, and of invites."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from zentalk import qr
from zentalk.api.answers import MISSING_OR_CONFLICT, image, tagged
from zentalk.api.facade import NodeFacade
from zentalk.api.paths import InviteId
from zentalk.errors import ConflictError
from zentalk.web.etags import unless_known
from zentalk.web.json_response import SAFE_HEADERS

SVG: Final = "image/svg+xml"
PNG: Final = "image/png"
_ENDED: Final = "this invite lets nobody in any more: make another one"


class ImageResponse(Response):
    """An image with the safe headers of every answer."""

    def __init__(self, content: bytes, media_type: str) -> None:
        super().__init__(content, HTTPStatus.OK.value, media_type=media_type)
        self.raw_headers += SAFE_HEADERS


def add_qr_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the images."""

    @router.get("/v1/me/qr.svg", **tagged(image("node", SVG)))
    async def address_svg(request: Request) -> Response:
        """Return your address as a QR code."""
        return unless_known(request, ImageResponse(qr.svg(node.address_text), SVG))

    @router.get("/v1/me/qr.png", **tagged(image("node", PNG)))
    async def address_png(request: Request) -> Response:
        """Return your address as a QR code."""
        return unless_known(request, ImageResponse(qr.png(node.address_text), PNG))

    @router.get(
        "/v1/invites/{invite_id}/qr.svg", **tagged(image("invites", SVG, fails=MISSING_OR_CONFLICT))
    )
    async def invite_svg(request: Request, invite_id: InviteId) -> Response:
        """Return an invite's link as a QR code."""
        return unless_known(request, ImageResponse(qr.svg(await _link(node, invite_id)), SVG))

    @router.get(
        "/v1/invites/{invite_id}/qr.png", **tagged(image("invites", PNG, fails=MISSING_OR_CONFLICT))
    )
    async def invite_png(request: Request, invite_id: InviteId) -> Response:
        """Return an invite's link as a QR code."""
        return unless_known(request, ImageResponse(qr.png(await _link(node, invite_id)), PNG))


async def _link(node: NodeFacade, invite_id: str) -> str:
    """Return the link of an open invite; raises NotFoundError or ConflictError."""
    link = (await node.first_contact.invites.get(invite_id)).link
    if not link:
        raise ConflictError(_ENDED)
    return link
