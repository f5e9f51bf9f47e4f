"""What a webhook is sent: the body, and the signature that proves where it comes from.

By default it holds ids and the type, so that no text leaves the node; the whole event is sent only
where the owner has asked for it.
"""

from __future__ import annotations

import json
from typing import Any, Final

from zentalk.crypto.hashing import hmac_sha256
from zentalk.store.history.models import StoredEvent
from zentalk.store.history.webhooks import WebhookRow

FULL: Final = "full"
MAX_BODY_BYTES: Final = 512 * 1024
"""An event that is larger goes with its ids only."""
_IDS: Final = ("id", "conversation", "address")


def body_of(row: WebhookRow, event: StoredEvent) -> bytes:
    """Return the JSON of one delivery."""
    shown: dict[str, Any] = {
        "webhook": row.id,
        "seq": event.seq,
        "type": event.type,
        "at": event.at,
        "ids": {name: event.data[name] for name in _IDS if name in event.data},
    }
    if row.content == FULL:
        whole = _encode({**shown, "data": event.data})
        if len(whole) <= MAX_BODY_BYTES:
            return whole
    return _encode(shown)


def headers_of(row: WebhookRow, event: StoredEvent, body: bytes, now: float) -> dict[str, str]:
    """Return the headers of one delivery; its time (unix seconds) is part of the signature."""
    stamp = str(int(now))
    signature = hmac_sha256(row.secret, stamp.encode() + b"." + body).hex()
    return {
        "Content-Type": "application/json",
        "User-Agent": "zentalk-webhook/1",
        "Zentalk-Webhook": row.id,
        "Zentalk-Event": str(event.seq),
        "Zentalk-Timestamp": stamp,
        "Zentalk-Signature": f"v1={signature}",
    }


def _encode(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
