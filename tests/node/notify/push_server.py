"""A push server as the standards describe one, for wake-ups: no real one can be had in tests.

RFC 8030 (sections 5 and 7.3), UnifiedPush SERV_1.2.0 with AND_3.0.0, and the 507 that ntfy answers
to an endpoint without a subscriber. It stands in as the node's way out, or serves real HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import trio
from starlette.types import Receive, Scope, Send

from zentalk.crypto.aead import aes_open
from zentalk.crypto.hashing import hkdf_sha256
from zentalk.crypto.p256 import P256Key
from zentalk.mailbox.http_credentials import encode_base64
from zentalk.node.notify.schedule import Answer

MAX_BYTES = 4_096
URGENCIES = {"very-low", "low", "normal", "high"}


@dataclass
class Subscription:
    """One endpoint of a phone, and the keys of the application on it."""

    path: str
    key: P256Key = field(default_factory=lambda: P256Key(b"phone".ljust(32)))
    auth: bytes = b"a" * 16
    is_encrypted: bool = True
    vapid: str = ""
    """The public key that may send, if the application has named one (RFC 8292 section 4.2)."""
    taken: list[tuple[float, bytes]] = field(default_factory=list)
    """What the phone was given, decrypted, and when."""
    queued: dict[str, bytes] = field(default_factory=dict)
    """By topic: a newer message replaces the one that waits (RFC 8030 section 5.4)."""

    def public(self) -> dict[str, str]:
        """Return the keys as REST takes them."""
        return {"p256dh": encode_base64(self.key.public), "auth": encode_base64(self.auth)}

    def opened(self, body: bytes) -> bytes:
        """Return what the application decrypts (RFC 8291)."""
        if not self.is_encrypted:
            return body
        salt, length = body[:16], body[20]
        public = body[21 : 21 + length]
        info = b"WebPush: info\x00" + self.key.public + public
        secret = hkdf_sha256(self.auth, self.key.exchange(public), info, 32)
        key = hkdf_sha256(salt, secret, b"Content-Encoding: aes128gcm\x00", 16)
        nonce = hkdf_sha256(salt, secret, b"Content-Encoding: nonce\x00", 12)
        plain = aes_open(key, nonce, body[21 + length :])
        assert plain.endswith(b"\x02")
        return plain[:-1]


@dataclass
class PushServer:
    """Answers each request; `status` overrides what it would answer by itself."""

    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    requests: list[tuple[float, str, dict[str, str], bytes]] = field(default_factory=list)
    status: int | None = None
    retry_after: int | None = None
    seconds: float = 0.0
    host: str = "http://push.example"
    came: trio.Event = field(default_factory=trio.Event)
    """Set by the first request."""

    def subscribe(self, path: str = "/up1", **options: Any) -> Subscription:
        """Return a new subscription."""
        self.subscriptions[path] = Subscription(path, **options)
        return self.subscriptions[path]

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, int | None]:
        """Take a message for an endpoint; return the status, and what Retry-After says."""
        named = {name.lower(): value for name, value in headers.items()}
        self.came.set()
        self.requests.append((trio.current_time(), path, named, body))
        if self.status is not None:
            return self.status, self.retry_after
        subscription = self.subscriptions.get(path)
        if subscription is None:
            return 404, None
        if not named.get("ttl", "").isdigit():
            return 400, None
        if not 1 <= len(body) <= MAX_BYTES:
            return (413 if body else 400), None
        if named.get("urgency", "normal") not in URGENCIES or len(named.get("topic", "")) > 32:
            return 400, None
        if subscription.is_encrypted and named.get("content-encoding") != "aes128gcm":
            return 415, None
        signed = named.get("authorization", "").rpartition("k=")[2]
        if subscription.vapid != signed:
            return (403 if signed else 401), None
        opened = subscription.opened(body)
        subscription.queued[named.get("topic", "")] = opened
        subscription.taken.append((trio.current_time(), opened))
        return 201, None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Be the node's way out."""
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}" == self.host
        await trio.sleep(self.seconds)
        status, wait = self.answer(parts.path, headers, body)
        return Answer(status, "" if status else "nothing answers there", wait)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it over HTTP."""
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        named = {name.decode(): value.decode() for name, value in scope["headers"]}
        assert scope["method"] == "POST"
        status, wait = self.answer(scope["path"], named, body + message["body"])
        more = [] if wait is None else [(b"retry-after", str(wait).encode())]
        headers = [(b"ttl", b"0"), (b"location", b"/message/1"), *more]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
