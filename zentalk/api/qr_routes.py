"""The routes that answer with QR codes: of the owner's address, and of invites."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from starlette.responses import Response

from zentalk import qr
from zentalk.api.facade import NodeFacade
from zentalk.errors import ConflictError
from zentalk.rest.problem import Problem
from zentalk.web.json_response import SAFE_HEADERS

SVG: Final = "image/svg+xml"
PNG: Final = "image/png"
_ENDED: Final = "this invite lets nobody in any more: make another one"
InviteId = Annotated[str, Path(max_length=64)]


class ImageResponse(Response):
    """An image with the safe headers of every answer."""

    def __init__(self, content: bytes, media_type: str) -> None:
        super().__init__(content, HTTPStatus.OK.value, media_type=media_type)
        self.raw_headers += SAFE_HEADERS


def add_qr_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the images."""

    @router.get("/v1/me/qr.svg", **_image("node", SVG))
    async def address_svg() -> Response:
        """Return your address as a QR code."""
        return ImageResponse(qr.svg(node.address_text), SVG)

    @router.get("/v1/me/qr.png", **_image("node", PNG))
    async def address_png() -> Response:
        """Return your address as a QR code."""
        return ImageResponse(qr.png(node.address_text), PNG)

    @router.get("/v1/invites/{invite_id}/qr.svg", **_image("invites", SVG))
    async def invite_svg(invite_id: InviteId) -> Response:
        """Return an invite's link as a QR code."""
        return ImageResponse(qr.svg(await _link(node, invite_id)), SVG)

    @router.get("/v1/invites/{invite_id}/qr.png", **_image("invites", PNG))
    async def invite_png(invite_id: InviteId) -> Response:
        """Return an invite's link as a QR code."""
        return ImageResponse(qr.png(await _link(node, invite_id)), PNG)


async def _link(node: NodeFacade, invite_id: str) -> str:
    """Return the link of an open invite; raises NotFoundError or ConflictError."""
    link = (await node.first_contact.invites.get(invite_id)).link
    if not link:
        raise ConflictError(_ENDED)
    return link


def _image(tag: str, media_type: str) -> dict[str, Any]:
    """Return the parts of a route that only the OpenAPI document uses."""
    schema = {"schema": {"type": "string", "format": "binary"}}
    return {
        "tags": [tag],
        "response_class": Response,
        "responses": {
            HTTPStatus.OK.value: {"content": {media_type: schema}},
            "4XX": {"model": Problem},
        },
    }
