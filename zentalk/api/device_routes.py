"""The routes about devices: only the owner's own token opens them (see `zentalk.api.guard`)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path
from starlette.responses import Response

from zentalk.api.answers import answers, no_content
from zentalk.api.facade import NodeFacade
from zentalk.rest.devices import Device, DeviceIn, Devices, NewDevice
from zentalk.web.json_response import JsonResponse
from zentalk.wire.devices import DeviceEntry

DEVICES_PATH: Final = "/v1/devices"


def add_device_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about devices."""

    @router.get(DEVICES_PATH, **answers("devices", Devices))
    async def devices() -> Response:
        """Return the devices that may use this node besides the owner's token."""
        return JsonResponse(Devices(devices=[_shown(entry) for entry in node.devices.listing()]))

    @router.post(DEVICES_PATH, **answers("devices", NewDevice, HTTPStatus.CREATED))
    async def add(body: DeviceIn) -> Response:
        """Admit a device; its token is in this answer and nowhere else."""
        entry, token = await node.devices.add(body.name)
        return JsonResponse(
            NewDevice(**_shown(entry).model_dump(), token=token), HTTPStatus.CREATED
        )

    @router.delete(DEVICES_PATH + "/{device_id}", **no_content("devices"))
    async def revoke(device_id: Annotated[str, Path(max_length=64)]) -> Response:
        """Shut a device out; what it has open ends at once."""
        await node.devices.revoke(device_id)
        return Response(status_code=HTTPStatus.NO_CONTENT.value)


def _shown(entry: DeviceEntry) -> Device:
    """Return what may be shown of an entry; the hash of its token stays here."""
    return Device(id=entry.device_id.hex(), name=entry.name, added_at=entry.added_at)
