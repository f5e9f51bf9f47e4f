"""The routes about push endpoints. A device has and sees its own only, the owner's token all."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from zentalk.api.answers import MISSING, answers, no_content
from zentalk.api.callers import caller_of
from zentalk.api.facade import NodeFacade
from zentalk.errors import ConfigError, NotFoundError
from zentalk.node.notify.push import PushWish
from zentalk.node.notify.targets import host_of
from zentalk.rest.push import (
    PushEndpoint,
    PushEndpoints,
    PushIn,
    PushKey,
    PushTested,
)
from zentalk.store.history.push import PushRow
from zentalk.web.json_response import JsonResponse

PUSH_PATH: Final = "/v1/push"
_ONE: Final = PUSH_PATH + "/{device_id}"
InPath = Annotated[str, Path(max_length=64)]


def add_push_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about push endpoints."""

    @router.get(PUSH_PATH, **answers("push", PushEndpoints))
    async def endpoints(request: Request) -> Response:
        """Return how devices are woken: this one, or with the owner's token all."""
        own = caller_of(request).device_id
        rows = [row for row in await node.push.listing() if own in ("", row.device)]
        return JsonResponse(PushEndpoints(endpoints=[_shown(row) for row in rows]))

    @router.post(PUSH_PATH, **answers("push", PushEndpoint, HTTPStatus.CREATED, fails=MISSING))
    async def register(request: Request, body: PushIn) -> Response:
        """Set the endpoint by which a device is woken, in place of the one before."""
        own = caller_of(request).device_id
        wish = PushWish(
            device=_device(own, body.device),
            endpoint=body.endpoint,
            client_key="" if body.keys is None else body.keys.p256dh,
            auth="" if body.keys is None else body.keys.auth,
            is_signed=body.signed,
            types=tuple(dict.fromkeys(body.types)),
            is_trusted=not own,
        )
        return JsonResponse(_shown(await node.push.register(wish)), HTTPStatus.CREATED)

    @router.get(PUSH_PATH + "/key", **answers("push", PushKey, fails=MISSING))
    async def key(
        request: Request, device: Annotated[str | None, Query(max_length=64)] = None
    ) -> Response:
        """Return the key that a device gives to its distributor or browser before it registers."""
        own = _device(caller_of(request).device_id, device)
        return JsonResponse(PushKey(key=node.push.key(own)))

    @router.delete(_ONE, **no_content("push", fails=MISSING))
    async def remove(request: Request, device_id: InPath) -> Response:
        """Forget the endpoint of a device; nothing more is sent to it."""
        await node.push.remove(_device(caller_of(request).device_id, device_id))
        return Response(status_code=HTTPStatus.NO_CONTENT.value)

    @router.post(_ONE + "/test", **answers("push", PushTested, fails=MISSING))
    async def test(request: Request, device_id: InPath) -> Response:
        """Wake a device now, and return how its push server answered."""
        answer = await node.push.test(_device(caller_of(request).device_id, device_id))
        error = "" if answer.is_success else answer.reason()
        return JsonResponse(
            PushTested(accepted=answer.is_success, status=answer.status, error=error)
        )


def _device(own: str, named: str | None) -> str:
    """Return whose endpoint is meant: the caller's own (empty: the owner), or the one it names.

    Raises NotFoundError for another device than the caller, ConfigError for none.
    """
    if own and named not in {None, own}:
        raise NotFoundError("a device has its own endpoint only: leave out the other device")
    device = own or named
    if not device:
        raise ConfigError("name the device: the owner's token belongs to none")
    return device


def _shown(row: PushRow) -> PushEndpoint:
    """Return what may be shown of an endpoint; its address and keys stay here."""
    return PushEndpoint(
        device=row.device,
        host=host_of(row.endpoint),
        encrypted=bool(row.client_key),
        signed=row.is_signed,
        types=list(row.types),
        created_at=row.created_at,
        woken_at=row.woken_at,
        delivered_at=row.delivered_at,
        failures=row.failures,
        next_at=row.next_at,
        last_error=row.last_error,
        stopped=row.stopped,
    )
