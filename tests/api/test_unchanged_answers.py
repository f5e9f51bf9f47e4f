"""Answers that a client has already: `If-None-Match` spares their bodies, never the guard."""

from __future__ import annotations

import httpx
import pytest

from tests.api.documented import openapi_document
from tests.api.double import BOB
from zentalk.web import etags
from zentalk.wire.text import format_address

BOBS = format_address(BOB)
PROFILE = {"name": "Alice", "status": "", "avatar": "AAAA"}


async def paths(rest: httpx.AsyncClient) -> list[str]:
    """Fill a node; return the paths whose answers have tags and are there."""
    await rest.post("/v1/contacts", json={"address": BOBS, "name": "Bob"})
    await rest.post(f"/v1/conversations/{BOBS}/messages", json={"text": "hello"})
    await rest.put("/v1/me/profile", json=PROFILE)
    invite = (await rest.post("/v1/invites", json={})).json()["id"]
    document = openapi_document()["paths"]
    tagged = {path for path, one in document.items() if "'304'" in str(one.get("get"))}
    tagged.remove("/v1/contacts/{address}/profile")  # Bob has sent none
    return [path.format(invite_id=invite) for path in sorted(tagged)]


async def test_what_a_client_has_is_not_sent_again(real_rest: httpx.AsyncClient) -> None:
    found = await paths(real_rest)
    assert len(found) == 7
    for path in found:
        full = await real_rest.get(path)
        tag = full.headers["etag"]
        for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            same = await real_rest.get(path, headers={"If-None-Match": known})
            assert (same.status_code, same.content) == (304, b""), path
            assert same.headers["etag"] == tag
            assert same.headers["cache-control"] == "no-store"
            assert "content-length" not in same.headers
        head = await real_rest.head(path, headers={"If-None-Match": tag})
        assert head.status_code == 304
        other = await real_rest.get(path, headers={"If-None-Match": '"x"'})
        assert (other.status_code, other.content) == (200, full.content)


async def test_what_has_changed_is_sent(real_rest: httpx.AsyncClient) -> None:
    await paths(real_rest)
    changes = (
        ("/v1/conversations", "PUT", f"/v1/conversations/{BOBS}/draft", {"text": "x"}),
        ("/v1/contacts", "POST", f"/v1/contacts/{BOBS}/block", None),
        ("/v1/me/profile", "PUT", "/v1/me/profile", PROFILE | {"name": "A."}),
    )
    for path, method, changed, body in changes:
        tag = (await real_rest.get(path)).headers["etag"]
        assert (await real_rest.request(method, changed, json=body)).is_success
        answer = await real_rest.get(path, headers={"If-None-Match": tag})
        assert answer.status_code == 200, path
        assert answer.headers["etag"] != tag


async def test_control_a_tag_that_never_changes_hides_a_change(
    real_rest: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(etags, "tag_of", lambda _body: '"same"')
    tag = (await real_rest.get("/v1/contacts")).headers["etag"]
    await real_rest.post("/v1/contacts", json={"address": BOBS, "name": "Bob"})
    answer = await real_rest.get("/v1/contacts", headers={"If-None-Match": tag})
    assert answer.status_code == 304


async def test_k22_nobody_learns_by_a_tag_whether_something_is_there(
    real_rest: httpx.AsyncClient,
) -> None:
    tag = (await real_rest.get("/v1/contacts")).headers["etag"]
    headers = {"Authorization": "Bearer x", "If-None-Match": tag}
    refused = await real_rest.get("/v1/contacts", headers=headers)
    assert refused.status_code == 401
    assert "etag" not in refused.headers


async def test_an_error_has_no_tag(real_rest: httpx.AsyncClient) -> None:
    missing = await real_rest.get("/v1/invites/0/qr.svg", headers={"If-None-Match": "*"})
    assert missing.status_code == 404
    assert "etag" not in missing.headers
