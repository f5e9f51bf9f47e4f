"""The routes about devices; `zentalk.api.route_table` says whose token opens which."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path
from starlette.responses import Response

from zentalk.api.answers import CONFLICT, MISSING, answers, no_content
from zentalk.api.callers import OWNER
from zentalk.api.device_facade import AttendanceFacade
from zentalk.api.facade import NodeFacade
from zentalk.rest.devices import Device, DeviceIn, Devices, NewDevice
from zentalk.web.json_response import JsonResponse
from zentalk.wire.devices import DeviceEntry, DeviceScope

DEVICES_PATH: Final = "/v1/devices"


def add_device_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about devices."""

    @router.get(DEVICES_PATH, **answers("devices", Devices))
    async def devices() -> Response:
        """Return the devices that may use this node besides the owner's token."""
        listed = [show_device(entry, node.attendance) for entry in node.devices.listing()]
        return JsonResponse(Devices(devices=listed))

    @router.post(DEVICES_PATH, **answers("devices", NewDevice, HTTPStatus.CREATED, fails=CONFLICT))
    async def add(body: DeviceIn) -> Response:
        """Admit a device; its token is in this answer and nowhere else."""
        entry, token = await node.devices.add(body.name, DeviceScope(body.scope))
        shown = show_device(entry, node.attendance).model_dump()
        return JsonResponse(NewDevice(**shown, token=token), HTTPStatus.CREATED)

    @router.delete(DEVICES_PATH + "/{device_id}", **no_content("devices", fails=MISSING))
    async def revoke(device_id: Annotated[str, Path(max_length=64)]) -> Response:
        """Shut a device out, and those that it admitted; what they have open ends at once."""
        await node.devices.revoke(device_id)
        return Response(status_code=HTTPStatus.NO_CONTENT.value)


def show_device(entry: DeviceEntry, attendance: AttendanceFacade) -> Device:
    """Return what may be shown of an entry; the hash of its token stays here."""
    device_id = entry.device_id.hex()
    return Device(
        id=device_id,
        name=entry.name,
        scope=entry.scope,
        added_at=entry.added_at,
        added_by=entry.added_by.hex() or OWNER,
        last_seen=attendance.last_seen(device_id),
        connected=device_id in attendance.connected(),
    )
