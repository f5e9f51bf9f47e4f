"""The routes about webhooks. Only the owner's token opens them (`zentalk.api.guard`)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from zentalk.api.answers import CONFLICT, MISSING, answers, no_content
from zentalk.api.facade import NodeFacade
from zentalk.node.notify.webhooks import WebhookView
from zentalk.rest.limits import MAX_PAGE, MAX_SEQUENCE
from zentalk.rest.webhooks import (
    DeadLetters,
    NewWebhook,
    Retried,
    RetryIn,
    Webhook,
    WebhookIn,
    Webhooks,
)
from zentalk.store.history.event_filter import EventFilter
from zentalk.web.json_response import JsonResponse

WEBHOOKS_PATH: Final = "/v1/webhooks"
_ONE: Final = WEBHOOKS_PATH + "/{webhook_id}"
_NOTHING: Final[dict[str, Any]] = no_content("webhooks", fails=MISSING)
WebhookId = Annotated[str, Path(max_length=64)]
Sequence = Annotated[int, Query(ge=0, le=MAX_SEQUENCE)]


def add_webhook_routes(router: APIRouter, node: NodeFacade) -> None:
    """Add the routes about webhooks and their dead letters."""

    @router.get(WEBHOOKS_PATH, **answers("webhooks", Webhooks))
    async def webhooks() -> Response:
        """Return the webhooks and how far each is, oldest first."""
        listed = await node.webhooks.listing()
        return JsonResponse(Webhooks(webhooks=[Webhook(**_shown(view)) for view in listed]))

    @router.post(
        WEBHOOKS_PATH, **answers("webhooks", NewWebhook, HTTPStatus.CREATED, fails=CONFLICT)
    )
    async def add(body: WebhookIn) -> Response:
        """Add a webhook for events from now on; its secret is in this answer and nowhere else."""
        wanted = EventFilter(tuple(dict.fromkeys(body.types)), body.conversation)
        view, secret = await node.webhooks.add(body.url, wanted, body.content)
        return JsonResponse(NewWebhook(**_shown(view), secret=secret), HTTPStatus.CREATED)

    @router.delete(_ONE, **_NOTHING)
    async def remove(webhook_id: WebhookId) -> Response:
        """Remove a webhook with its dead letters; nothing more is sent to it."""
        await node.webhooks.remove(webhook_id)
        return Response(status_code=HTTPStatus.NO_CONTENT.value)

    @router.get(_ONE + "/dead", **answers("webhooks", DeadLetters, fails=MISSING))
    async def dead(
        webhook_id: WebhookId,
        after: Sequence = 0,
        limit: Annotated[int, Query(ge=1, description="more than 1,000 counts as 1,000")] = 100,
    ) -> Response:
        """Return events that were given up, and why."""
        found = await node.webhooks.dead(webhook_id, after, min(limit, MAX_PAGE))
        return JsonResponse(DeadLetters.model_validate({"dead": found}))

    @router.post(
        _ONE + "/dead/retry", **answers("webhooks", Retried, HTTPStatus.ACCEPTED, fails=MISSING)
    )
    async def retry(webhook_id: WebhookId, body: RetryIn) -> Response:
        """Try one dead letter, or all, once more, and at once what waits for its next try."""
        count = await node.webhooks.retry(webhook_id, body.seq)
        return JsonResponse(Retried(retried=count), HTTPStatus.ACCEPTED)

    @router.delete(_ONE + "/dead", **_NOTHING)
    async def forget(
        webhook_id: WebhookId, seq: Annotated[int | None, Query(ge=0, le=MAX_SEQUENCE)] = None
    ) -> Response:
        """Delete one dead letter, or all; the events stay in the log."""
        await node.webhooks.forget(webhook_id, seq)
        return Response(status_code=HTTPStatus.NO_CONTENT.value)


def _shown(view: WebhookView) -> dict[str, Any]:
    """Return what may be shown of a webhook; its secret stays here."""
    row = view.row
    shown = {
        name: getattr(row, name)
        for name in Webhook.model_fields
        if name not in ("types", "conversation", "waiting", "dead")
    }
    return {
        **shown,
        "types": list(row.wanted.types),
        "conversation": row.wanted.conversation,
        "waiting": view.waiting,
        "dead": view.dead,
    }
