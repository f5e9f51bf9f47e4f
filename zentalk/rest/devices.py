"""The devices that may use a node besides the holder of its owner's token."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from zentalk.rest.base import Body, Resource
from zentalk.web.pair_link import URL_PATTERN
from zentalk.wire.devices import DeviceScope

# Literals, as in `zentalk.rest.messages`.
Scopes = Literal[DeviceScope.READ, DeviceScope.WRITE, DeviceScope.ADMIN]
ScopeIn = Literal["read", "write", "admin"]
DeviceName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]


class DeviceIn(Body):
    """A device to admit."""

    name: DeviceName
    scope: ScopeIn = "write"


class Device(Resource):
    """A device that may use this node."""

    id: str
    name: str
    scope: Scopes
    added_at: float
    added_by: str = Field(description="The id of the device that admitted it, or `owner`.")
    last_seen: float | None = Field(None, description="To the minute; null if it was never here.")
    connected: bool = Field(
        False, description="It has a request or stream open, or had one in the last 300 s."
    )


class NewDevice(Device):
    """A device that was just admitted, with its token: it is shown this once."""

    token: str = Field(repr=False)


class PairingIn(Body):
    """A device to invite; `url` is where it reaches the node, by default where this request did."""

    name: DeviceName
    scope: ScopeIn = "write"
    url: Annotated[str, Field(pattern=URL_PATTERN)] | None = None


class PairingInfo(Resource):
    """An open invitation; it ends at the unix time `expires_at`, or when it is used."""

    id: str
    name: str
    scope: Scopes
    expires_at: float


class NewPairing(PairingInfo):
    """An invitation that was just made, with what the new device needs."""

    code: str = Field(repr=False)
    link: str = Field(repr=False)


class OpenPairings(Resource):
    """All open invitations, oldest first."""

    pairings: list[PairingInfo]


class RedeemIn(Body):
    """The code of an invitation; small letters, spaces and hyphens do not matter."""

    code: Annotated[str, Field(min_length=1, max_length=64)] = Field(repr=False)


class Devices(Resource):
    """All devices besides the owner's token."""

    devices: list[Device]
