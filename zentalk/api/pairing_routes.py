"""The routes by which a new device gets its token: an invitation, and the code that redeems it.

Who redeems has no token yet; `zentalk.node.devices.pairings` bounds how often codes are tried.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from zentalk import qr
from zentalk.api.answers import CONFLICT, MISSING, MISSING_OR_CONFLICT, answers, image, no_content
from zentalk.api.callers import OWNER, caller_of
from zentalk.api.device_routes import DEVICES_PATH, show_device
from zentalk.api.facade import NodeFacade
from zentalk.api.route_table import Need
from zentalk.node.devices.pairings import Pairing
from zentalk.rest.devices import (
    NewDevice,
    NewPairing,
    OpenPairings,
    PairingIn,
    PairingInfo,
    RedeemIn,
)
from zentalk.web.json_response import SAFE_HEADERS, JsonResponse
from zentalk.web.pair_link import URL_PATTERN, make_link, shown_code
from zentalk.web.problem_types import SCOPE
from zentalk.web.problems import problem
from zentalk.wire.devices import DeviceScope

PAIRINGS_PATH: Final = f"{DEVICES_PATH}/pairings"
REDEEM_PATH: Final = "/v1/pairings/redeem"
_MEDIA: Final = {"svg": "image/svg+xml", "png": "image/png"}

_NOT_REDEEMED: Final = (*MISSING_OR_CONFLICT, HTTPStatus.TOO_MANY_REQUESTS)

PairingId = Annotated[str, Path(max_length=64)]
Url = Annotated[str | None, Query(pattern=URL_PATTERN)]


def add_pairing_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about pairings."""

    @router.post(
        PAIRINGS_PATH, **answers("devices", NewPairing, HTTPStatus.CREATED, fails=CONFLICT)
    )
    async def open_pairing(request: Request, body: PairingIn) -> Response:
        """Invite a device: its code counts once, for five minutes."""
        caller, scope = caller_of(request), DeviceScope(body.scope)
        if scope is DeviceScope.ADMIN and caller.meets < Need.OWNER:
            return problem(
                HTTPStatus.FORBIDDEN,
                "only the owner's token can pair a device with the scope 'admin': choose another",
                kind=SCOPE,
                more={"needs": OWNER},
            )
        pairing, ends_at = node.admissions.open(body.name, scope, caller.device_id)
        code = shown_code(pairing.code)
        shown = _shown(pairing, ends_at).model_dump()
        link = make_link(body.url or _own_url(request), code)
        return JsonResponse(NewPairing(**shown, code=code, link=link), HTTPStatus.CREATED)

    @router.get(PAIRINGS_PATH, **answers("devices", OpenPairings))
    async def pairings() -> Response:
        """Return the open invitations, without their codes."""
        listed = [_shown(pairing, ends_at) for pairing, ends_at in node.admissions.listing()]
        return JsonResponse(OpenPairings(pairings=listed))

    @router.get(
        PAIRINGS_PATH + "/{pairing_id}/qr", **image("devices", *_MEDIA.values(), fails=MISSING)
    )
    async def pairing_qr(
        request: Request,
        pairing_id: PairingId,
        kind: Annotated[Literal["svg", "png"], Query(alias="format")] = "svg",
        url: Url = None,
    ) -> Response:
        """Return the link of an open invitation as a QR code."""
        pairing = node.admissions.find(pairing_id)
        link = make_link(url or _own_url(request), shown_code(pairing.code))
        drawn = qr.svg(link) if kind == "svg" else qr.png(link)
        response = Response(drawn, media_type=_MEDIA[kind])
        response.raw_headers.extend(SAFE_HEADERS)
        return response

    @router.delete(PAIRINGS_PATH + "/{pairing_id}", **no_content("devices", fails=MISSING))
    async def cancel_pairing(pairing_id: PairingId) -> Response:
        """Withdraw an invitation."""
        node.admissions.cancel(pairing_id)
        return Response(status_code=HTTPStatus.NO_CONTENT.value)

    @router.post(
        REDEEM_PATH,
        **answers("devices", NewDevice, HTTPStatus.CREATED, fails=_NOT_REDEEMED),
    )
    async def redeem(body: RedeemIn) -> Response:
        """Give a new device its token, for the code of an invitation."""
        entry, token = await node.admissions.redeem(body.code)
        shown = show_device(entry, node.attendance).model_dump()
        return JsonResponse(NewDevice(**shown, token=token), HTTPStatus.CREATED)


def _own_url(request: Request) -> str:
    """Return where this request was sent, a name that the guard has let through."""
    return f"http://{request.headers.get('host', '')}"


def _shown(pairing: Pairing, ends_at: float) -> PairingInfo:
    return PairingInfo(
        id=pairing.pairing_id, name=pairing.name, scope=pairing.scope, expires_at=ends_at
    )
