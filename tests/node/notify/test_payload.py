"""What leaves the node, and the signature as a receiver checks it."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from zentalk.errors import ConfigError
from zentalk.node.notify import payload
from zentalk.node.notify.targets import check_url, host_of
from zentalk.store.history.event_filter import EVERYTHING
from zentalk.store.history.models import StoredEvent
from zentalk.store.history.webhooks import WebhookRow

EVENT = StoredEvent(7, "message.received", 5.5, {
    "id": "ab", "conversation": "zt1a", "text": "s\xe9cret", "state": "received",
})  # fmt: skip


def row(content: str) -> WebhookRow:
    return WebhookRow("h1", "http://x/s3cret", EVERYTHING, content, b"key", 0.0, 0)


def test_ids_only_unless_the_owner_wants_all() -> None:
    ids = json.loads(payload.body_of(row("ids"), EVENT))
    assert ids == {
        "webhook": "h1", "seq": 7, "type": "message.received", "at": 5.5,
        "ids": {"id": "ab", "conversation": "zt1a"},
    }  # fmt: skip
    assert json.loads(payload.body_of(row("full"), EVENT)) == {**ids, "data": EVENT.data}


def test_what_is_too_large_goes_with_its_ids() -> None:
    large = StoredEvent(7, "message.received", 5.5, {"id": "ab", "text": "x" * 600_000})
    assert "data" not in json.loads(payload.body_of(row("full"), large))


def test_the_signature_covers_time_and_body() -> None:
    body = payload.body_of(row("ids"), EVENT)
    headers = payload.headers_of(row("ids"), EVENT, body, 1234.9)
    assert headers["Zentalk-Timestamp"] == "1234"
    wanted = hmac.new(b"key", b"1234." + body, hashlib.sha256).hexdigest()
    assert headers["Zentalk-Signature"] == f"v1={wanted}"
    assert headers["Zentalk-Event"] == "7"


def test_no_repr_shows_url_or_secret() -> None:
    shown = repr(row("ids"))
    assert "s3cret" not in shown
    assert "key" not in shown


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/x?y=z", "https://example.org", "http://[::1]:80/", "HTTPS://A/"]
)
def test_urls(url: str) -> None:
    check_url(url)
    assert host_of(url)


@pytest.mark.parametrize(
    "url",
    [
        "", "ftp://a/", "file:///etc/passwd", "http://", "http:///x", "//a/", "a",
        "http://u:p@a/", "http://u@a/", "http://@a/", "http://a:0/", "http://a:99999/",
        "http://a:b/", "http://[::1/", "http://a/#b", "http://a/ b", "http://a/\r\nX: y",
        "http://\xe4/", "http://a/" + "x" * 1000,
    ],
)  # fmt: skip
def test_what_is_no_url_of_ours_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_url(url)
    assert "u:p" not in str(caught.value)
