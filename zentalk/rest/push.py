"""Push endpoints: how the devices of an owner are woken when they are away.

Times are unix seconds. Of an endpoint only its host is shown: who has the rest can wake the device.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from zentalk.rest.base import Body, Resource
from zentalk.rest.limits import MAX_EVENT_TYPES, EventType

DeviceId = Annotated[str, Field(max_length=64)]


class PushKeys(Body):
    """What the device has made to decrypt messages (RFC 8291), base64url without padding."""

    p256dh: Annotated[str, Field(max_length=100)] = Field(repr=False)
    auth: Annotated[str, Field(max_length=40)] = Field(repr=False)


class PushIn(Body):
    """The endpoint that a distributor or a browser has given to a device."""

    endpoint: Annotated[
        str,
        Field(
            max_length=1000,
            description="http or https, without user name or password",
            json_schema_extra={"format": "uri"},
        ),
    ] = Field(repr=False)
    keys: Annotated[
        PushKeys | None,
        Field(description="without keys one fixed byte is sent, which some servers refuse"),
    ] = None
    signed: Annotated[
        bool,
        Field(description="sign requests (RFC 8292) with the key of `GET /v1/push/key`"),
    ] = False
    types: Annotated[
        list[EventType],
        Field(
            max_length=MAX_EVENT_TYPES,
            description="what wakes the device; none: `message.received`, `contact.requested`,"
            " `group.invited`, `device.added`, `node.copied`",
        ),
    ] = []
    device: Annotated[
        DeviceId | None, Field(description="with the owner's token only: whose endpoint it is")
    ] = None


class PushEndpoint(Resource):
    """How a device is woken, and how that goes."""

    device: str
    host: str = Field(repr=False)
    encrypted: bool
    signed: bool
    types: list[str]
    created_at: float
    woken_at: float | None = Field(
        description="when it was woken; null if it was not, or has been here since"
    )
    delivered_at: float | None = Field(description="when its push server last took a wake-up")
    failures: int = Field(description="failed attempts since the last success")
    next_at: float = Field(description="nothing is tried before; 0 if nothing has failed")
    last_error: str
    stopped: str = Field(description="why nothing is sent any more; empty: it is")


class PushEndpoints(Resource):
    """The endpoint of this device, or with the owner's token those of all, oldest first."""

    endpoints: list[PushEndpoint]


class PushTested(Resource):
    """How a push server answered to a test."""

    accepted: bool
    status: int = Field(description="of HTTP; 0: there was no answer")
    error: str = Field(description="what went wrong; empty if nothing did")


class PushKey(Resource):
    """The public key with which requests to this device's endpoint are signed."""

    key: str = Field(description="an uncompressed point of P-256, base64url without padding")
