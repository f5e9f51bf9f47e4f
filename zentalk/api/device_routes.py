"""The routes about devices: only the owner's own token opens them (see `zentalk.api.guard`)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path
from starlette.responses import Response

from zentalk.api import schemas
from zentalk.api.answers import answers
from zentalk.api.facade import NodeFacade
from zentalk.api.views import device_view
from zentalk.web.json_response import JsonResponse

DEVICES_PATH: Final = "/v1/devices"


def add_device_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about devices."""

    @router.get(DEVICES_PATH, **answers("devices", schemas.Devices))
    async def devices() -> Response:
        """Return the devices that may use this node besides the owner's token."""
        return JsonResponse({"devices": [device_view(d) for d in node.devices.listing()]})

    @router.post(DEVICES_PATH, **answers("devices", schemas.NewDevice, HTTPStatus.CREATED))
    async def add(body: schemas.DeviceIn) -> Response:
        """Admit a device; its token is in this answer and nowhere else."""
        device, token = await node.devices.add(body.name)
        return JsonResponse(device_view(device) | {"token": token}, HTTPStatus.CREATED)

    @router.delete(
        DEVICES_PATH + "/{device_id}",
        status_code=HTTPStatus.NO_CONTENT.value,
        tags=["devices"],
        responses={"4XX": {"model": schemas.Problem}},
    )
    async def revoke(device_id: Annotated[str, Path(max_length=64)]) -> Response:
        """Shut a device out; what it has open ends at once."""
        await node.devices.revoke(device_id)
        return Response(status_code=HTTPStatus.NO_CONTENT.value)
