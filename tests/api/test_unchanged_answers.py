"""Answers that a client has already: `If-None-Match` spares their bodies, never the guard."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.api.documented import openapi_document
from tests.api.double import BOB, STRANGER, TOKEN
from tests.api.live import live_node
from zentalk.store.history import contacts
from zentalk.store.history import unread as unread_count
from zentalk.store.history.models import StoredConversation
from zentalk.store.sqlite import Transaction
from zentalk.store.writer import SinceCommit
from zentalk.web import etags
from zentalk.wire.text import format_address

BOBS = format_address(BOB)
OTHERS = format_address(STRANGER)
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


CHANGES: list[tuple[str, str, str, dict[str, object] | None]] = [
    ("/v1/conversations", "POST", f"/v1/conversations/{BOBS}/messages", {"text": "again"}),
    ("/v1/conversations", "PUT", f"/v1/conversations/{BOBS}/draft", {"text": "half"}),
    ("/v1/conversations", "PUT", f"/v1/conversations/{BOBS}/mute", {"until": 1_900_000_000}),
    ("/v1/conversations", "PUT", f"/v1/conversations/{BOBS}/timer", {"seconds": 60}),
    ("/v1/conversations", "POST", "/v1/contacts", {"address": BOBS, "name": "Robert"}),
    ("/v1/conversations", "POST", f"/v1/conversations/{OTHERS}/messages", {"text": "hello"}),
    ("/v1/conversations", "DELETE", f"/v1/contacts/{BOBS}", None),
    ("/v1/contacts", "POST", "/v1/contacts", {"address": BOBS, "name": "Robert"}),
    ("/v1/contacts", "POST", f"/v1/contacts/{BOBS}/block", None),
    ("/v1/contacts", "DELETE", f"/v1/contacts/{BOBS}", None),
]
"""Which list shows another thing after which request."""


@pytest.mark.parametrize("change", CHANGES)
async def test_the_very_next_answer_shows_a_change(
    real_rest: httpx.AsyncClient, change: tuple[str, str, str, dict[str, object] | None]
) -> None:
    path, method, changed, body = change
    await paths(real_rest)
    before = [(await real_rest.get(path)).content for _ in range(2)]
    answer = await real_rest.request(method, changed, json=body)
    assert answer.is_success, answer.text
    assert before[0] == before[1] != (await real_rest.get(path)).content


async def test_the_very_next_answer_shows_what_came_and_what_was_read(tmp_path: Path) -> None:
    async with live_node(tmp_path / "alice") as live:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=live.url, headers=headers) as rest:

            async def unread() -> int:
                [one] = (await rest.get("/v1/conversations")).json()["conversations"]
                return int(one["unread"])

            await rest.post(f"/v1/conversations/{BOBS}/messages", json={"text": "hello"})
            assert [await unread() for _ in range(2)] == [0, 0]
            await live.node._database.write(lambda tx: unread_count.add(tx, BOB, 2))
            assert [await unread() for _ in range(2)] == [2, 2]
            assert (await rest.post(f"/v1/conversations/{BOBS}/read")).is_success
            assert await unread() == 0


async def test_control_what_no_commit_forgets_hides_a_change(
    real_rest: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SinceCommit, "forget", lambda _self: None)
    await paths(real_rest)
    before = (await real_rest.get("/v1/conversations")).content
    await real_rest.put(f"/v1/conversations/{BOBS}/draft", json={"text": "half"})
    assert (await real_rest.get("/v1/conversations")).content == before


async def test_no_list_is_kept_as_another_one(real_rest: httpx.AsyncClient) -> None:
    await paths(real_rest)
    for _ in range(2):
        for name in ("contacts", "conversations"):
            assert list((await real_rest.get(f"/v1/{name}")).json()) == [name]


async def test_between_two_commits_the_history_is_asked_once(
    real_rest: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Transaction] = []
    await paths(real_rest)
    read = contacts.conversations

    def counted(tx: Transaction) -> list[StoredConversation]:
        asked.append(tx)
        return read(tx)

    monkeypatch.setattr(contacts, "conversations", counted)
    for _ in range(5):
        await real_rest.get("/v1/conversations")
    assert len(asked) == 1


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
