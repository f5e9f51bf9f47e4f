"""Who makes a request: the guard notes it in the ASGI scope, and routes read it there."""

from __future__ import annotations

from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.types import Scope

from zentalk.api.route_table import NEED_OF, Need
from zentalk.store.history.models import RequestKey
from zentalk.wire.devices import DeviceEntry

OWNER: Final = "owner"
"""Stands where a device's id would, for the holder of the owner's token."""
CALLER: Final = "zentalk.caller"
"""Where the guard notes in an ASGI scope who makes the request."""


class Caller(NamedTuple):
    """The owner, a device, or nobody (an empty id) on a route that needs no token."""

    id: str
    meets: Need

    @property
    def device_id(self) -> str:
        """The id of the device, empty if it is none."""
        return "" if self.id == OWNER else self.id


NOBODY: Final = Caller("", Need.NOTHING)
THE_OWNER: Final = Caller(OWNER, Need.OWNER)


def device_caller(device: DeviceEntry) -> Caller:
    """Return a device as a caller."""
    return Caller(device.device_id.hex(), NEED_OF[device.scope])


def caller_of(request: Request) -> Caller:
    """Return who makes a request."""
    return scope_caller(request.scope)


def scope_caller(scope: Scope) -> Caller:
    """Return whom an ASGI scope names as its caller."""
    caller = scope.get(CALLER, NOBODY)
    return caller if isinstance(caller, Caller) else NOBODY


def request_key(request: Request, text: str) -> RequestKey:
    """Return the `Idempotency-Key` of a request as its caller's: a device's keys are its own."""
    return RequestKey(text, caller_of(request).id)
