"""The devices that may use a node besides the holder of its owner's token."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from zentalk.rest.base import Body, Resource


class DeviceIn(Body):
    """A device to admit."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Device(Resource):
    """A device that may use this node."""

    id: str
    name: str
    added_at: float


class NewDevice(Device):
    """A device that was just admitted, with its token: it is shown this once."""

    token: str = Field(repr=False)


class Devices(Resource):
    """All devices besides the owner's token."""

    devices: list[Device]
