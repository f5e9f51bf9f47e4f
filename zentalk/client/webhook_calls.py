"""The calls of REST about webhooks; see `zentalk.client.calls`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal
from urllib.parse import quote

from zentalk.client.calls import Call, Params
from zentalk.client.parsing import parse
from zentalk.rest.webhooks import (
    DeadLetter,
    DeadLetters,
    NewWebhook,
    Retried,
    RetryIn,
    Webhook,
    WebhookIn,
    Webhooks,
)

_WEBHOOKS: Final = "/v1/webhooks"


def webhooks() -> Call[list[Webhook]]:
    """Ask for the webhooks."""
    return Call("GET", _WEBHOOKS, lambda answer: parse(Webhooks, answer).webhooks)


def add_webhook(
    url: str, types: Sequence[str], conversation: str | None, content: Literal["ids", "full"]
) -> Call[NewWebhook]:
    """Add a webhook."""
    body = WebhookIn.model_construct(
        url=url, types=list(types), conversation=conversation, content=content
    )
    return Call("POST", _WEBHOOKS, lambda answer: parse(NewWebhook, answer), body=body)


def remove_webhook(webhook_id: str) -> Call[None]:
    """Remove a webhook."""
    return Call("DELETE", _webhook(webhook_id), lambda _answer: None)


def dead_letters(webhook_id: str, after: int, limit: int) -> Call[list[DeadLetter]]:
    """Ask for events that were given up for a webhook."""
    path, params = _webhook(webhook_id, "/dead"), {"after": after, "limit": limit}
    return Call("GET", path, lambda answer: parse(DeadLetters, answer).dead, params)


def retry_webhook(webhook_id: str, seq: int | None) -> Call[int]:
    """Try one dead letter, or all, once more."""
    path, body = _webhook(webhook_id, "/dead/retry"), RetryIn.model_construct(seq=seq)
    return Call("POST", path, lambda answer: parse(Retried, answer).retried, body=body)


def forget_dead_letters(webhook_id: str, seq: int | None) -> Call[None]:
    """Delete one dead letter, or all."""
    params: Params = {} if seq is None else {"seq": seq}
    return Call("DELETE", _webhook(webhook_id, "/dead"), lambda _answer: None, params)


def _webhook(webhook_id: str, action: str = "") -> str:
    return f"{_WEBHOOKS}/{quote(webhook_id, safe='')}{action}"
