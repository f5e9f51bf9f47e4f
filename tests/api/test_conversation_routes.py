"""Routes about conversations, over a node of its own that reaches no network."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from tests.api.double import BOB
from zentalk.ids import UserAddress
from zentalk.node.node import Node
from zentalk.rest.conversations import (
    OpenConversation,
    OwnPrivacy,
    PresenceNow,
    SearchResults,
    ShownProfile,
)
from zentalk.rest.messages import Message, Messages, MessagesPage
from zentalk.store.history.models import StoredMessage
from zentalk.wire.text import format_address

BOBS = format_address(BOB)
CHAT = f"/v1/conversations/{BOBS}"
NOTHING = {"messages": [], "older": "", "newer": ""}


@pytest.fixture
def rest(real_rest: httpx.AsyncClient) -> httpx.AsyncClient:
    return real_rest


async def say(rest: httpx.AsyncClient, **content: object) -> str:
    """Send a message; return the path of its routes."""
    sent = await rest.post(f"{CHAT}/messages", json=content)
    assert sent.status_code == 202, sent.text
    return f"{CHAT}/messages/{sent.json()['id']}"


async def done(response: httpx.Response) -> Message:
    assert response.status_code == 200, response.text
    return Message.model_validate(response.json(), extra="forbid")


async def test_a_text_is_edited_reacted_to_pinned_starred_and_taken_back(
    rest: httpx.AsyncClient,
) -> None:
    message = await say(rest, text="helo")
    assert (await done(await rest.patch(message, json={"text": "hello"}))).text == "hello"
    reacted = await done(await rest.put(f"{message}/reaction", json={"emoji": "👍"}))
    assert [one.emoji for one in reacted.reactions] == ["👍"]
    assert (await done(await rest.put(f"{message}/pin"))).pinned
    assert (await done(await rest.put(f"{message}/star"))).starred
    starred = Messages.model_validate((await rest.get("/v1/starred")).json())
    assert [one.text for one in starred.messages] == ["hello"]
    shown = OpenConversation.model_validate((await rest.get(CHAT)).json(), extra="forbid")
    assert [one.text for one in shown.pinned] == ["hello"]
    assert not (await done(await rest.delete(f"{message}/star"))).starred
    assert not (await done(await rest.delete(f"{message}/pin"))).pinned
    assert (await rest.delete(message, params={"for": "everyone"})).status_code == 204
    [left] = Messages.model_validate((await rest.get(f"{CHAT}/messages")).json()).messages
    assert (left.deleted, left.text) == (True, "")


async def test_every_kind_of_content_is_sent_and_shown(rest: httpx.AsyncClient) -> None:
    first = await say(rest, text="which tea?")
    await say(rest, poll={"question": "which?", "options": ["green", "black"]})
    await say(rest, contact={"address": BOBS, "name": "Bob"})
    await say(rest, sticker={"emoji": "🙈", "picture": base64.b64encode(b"png").decode()})
    await say(rest, location={"latitude": 48.137, "longitude": -11.5, "label": "here"})
    answer = first.rpartition("/")[2]
    await say(rest, text="both", reply_to=answer, mentions=[BOBS])
    page = Messages.model_validate((await rest.get(f"{CHAT}/messages")).json()).messages
    kinds = ["text", "poll", "contact", "sticker", "location", "text"]
    assert [one.kind for one in page] == kinds
    assert page[4].body == {"latitude": 48.137, "longitude": -11.5, "label": "here"}
    assert page[5].reply_to is not None
    assert page[5].reply_to.id == answer
    assert page[5].mentions == [BOBS]
    poll = f"{CHAT}/messages/{page[1].id}"
    voted = await done(await rest.put(f"{poll}/vote", json={"options": [1]}))
    assert [vote.options for vote in voted.votes] == [[1]]
    for place in ([7], [0, 1]):
        refused = await rest.put(f"{poll}/vote", json={"options": place})
        assert refused.status_code == 422
        assert "poll" in refused.json()["detail"]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"text": "a", "poll": {"question": "?", "options": ["x", "y"]}},
        {"text": ""},
        {"poll": {"question": "?", "options": ["x"]}},
        {"poll": {"question": "?", "options": ["x", ""]}},
        {"sticker": {"emoji": "🙈", "picture": "not base64!"}},
        {"sticker": {"emoji": "🙈", "picture": "cG5n!"}},
        {"location": {"latitude": 91, "longitude": 0}},
        {"contact": {"address": "zt1", "name": ""}},
        {"text": "a", "reply_to": "00" * 16},
    ],
)
async def test_what_cannot_be_said_is_refused_with_a_sentence(
    rest: httpx.AsyncClient, content: dict[str, object]
) -> None:
    refused = await rest.post(f"{CHAT}/messages", json=content)
    assert 400 <= refused.status_code < 500
    assert len(refused.json()["detail"]) > 10


@pytest.mark.parametrize(
    ("size", "content"),
    [
        (1024, lambda n: {"poll": {"question": "?" * n, "options": ["x", "y"]}}),
        (512, lambda n: {"poll": {"question": "é" * n, "options": ["x", "y"]}}),
        (128, lambda n: {"poll": {"question": "?", "options": ["x", "é" * n]}}),
        (128, lambda n: {"contact": {"address": BOBS, "name": "é" * n}}),
        (16, lambda n: {"sticker": {"emoji": "🙈" * n, "picture": "cG5n"}}),
        (128, lambda n: {"location": {"latitude": 1, "longitude": 2, "label": "é" * n}}),
    ],
    ids=["characters", "question", "option", "name", "emoji", "label"],
)
async def test_what_is_as_long_as_documented_is_said_and_what_is_longer_is_not(
    rest: httpx.AsyncClient, size: int, content: Callable[[int], dict[str, object]]
) -> None:
    await say(rest, **content(size))
    refused = await rest.post(f"{CHAT}/messages", json=content(size + 1))
    if size == 1024:  # it is too long in characters already
        assert refused.status_code == 422
    else:
        assert refused.status_code == 413
        assert "bytes: shorten it" in refused.json()["detail"]


@pytest.mark.parametrize("more", [0, 1])
async def test_a_picture_may_be_as_large_as_documented(rest: httpx.AsyncClient, more: int) -> None:
    picture = base64.b64encode(bytes(24_576 + more)).decode()
    sticker = {"emoji": "🙈", "picture": picture}
    sent = await rest.post(f"{CHAT}/messages", json={"sticker": sticker})
    assert sent.status_code == (413 if more else 202)


async def test_a_message_is_forwarded_as_it_is(rest: httpx.AsyncClient) -> None:
    message = await say(rest, poll={"question": "which?", "options": ["x", "y"]})
    forward = {"conversation": BOBS, "id": message.rpartition("/")[2]}
    sent = await rest.post(f"{CHAT}/forward", json=forward)
    shown = Message.model_validate(sent.json())
    assert (sent.status_code, shown.kind, shown.forwarded) == (202, "poll", True)
    for key in ("once", "once", "twice"):
        again = await rest.post(f"{CHAT}/forward", json=forward, headers={"Idempotency-Key": key})
        assert again.status_code == 202
    lines = Messages.model_validate((await rest.get(f"{CHAT}/messages")).json()).messages
    assert [one.forwarded for one in lines] == [False, True, True, True]
    other = await say(rest, text="another")
    used = await rest.post(
        f"{CHAT}/forward",
        json=forward | {"id": other.rpartition("/")[2]},
        headers={"Idempotency-Key": "once"},
    )
    assert used.status_code == 409
    gone = await rest.post(f"{CHAT}/forward", json=forward | {"id": "00" * 16})
    assert gone.status_code == 404


@pytest.mark.parametrize("change", ["edited", "gone"])
@pytest.mark.parametrize("is_answer", [True, False])
async def test_a_repeated_request_sends_nothing_though_what_it_names_has_changed(
    rest: httpx.AsyncClient, change: str, is_answer: bool
) -> None:
    source = await say(rest, text="first")
    number = source.rpartition("/")[2]
    path, body = (
        (f"{CHAT}/messages", {"text": "an answer", "reply_to": number})
        if is_answer
        else (f"{CHAT}/forward", {"conversation": BOBS, "id": number})
    )

    async def ask(key: str, **more: str) -> httpx.Response:
        return await rest.post(path, json=body | more, headers={"Idempotency-Key": key})

    sent = await ask("once")
    if change == "edited":
        assert (await rest.patch(source, json={"text": "other words"})).status_code == 200
    else:
        assert (await rest.delete(source, params={"for": "me"})).status_code == 204
    again = await ask("once")
    assert (again.status_code, again.json()["id"]) == (202, sent.json()["id"])
    other = await ask("once", **({"text": "another"} if is_answer else {"id": "00" * 16}))
    assert other.status_code == 409
    is_missing = change == "gone" and not is_answer  # what was deleted here can be answered still
    assert (await ask("twice")).status_code == (404 if is_missing else 202)


async def test_timer_mute_draft_and_clearing(rest: httpx.AsyncClient) -> None:
    await say(rest, text="hello")
    assert (await rest.put(f"{CHAT}/timer", json={"seconds": 60})).status_code == 204
    assert (await rest.put(f"{CHAT}/mute", json={"until": 1_900_000_000.0})).status_code == 204
    assert (await rest.put(f"{CHAT}/draft", json={"text": "half a"})).status_code == 204
    shown = OpenConversation.model_validate((await rest.get(CHAT)).json())
    assert (shown.timer_seconds, shown.muted_until, shown.draft) == (60, 1.9e9, "half a")
    assert (await rest.delete(f"{CHAT}/messages")).status_code == 204
    assert (await rest.get(f"{CHAT}/messages")).json() == NOTHING
    assert (await rest.put(f"{CHAT}/timer", json={"seconds": 10**9})).status_code == 422
    stranger = CHAT.replace(BOBS, format_address(type(BOB)(bytes(range(9, 41)))))
    assert (await rest.put(f"{stranger}/mute", json={"until": 1.0})).status_code == 404


async def test_privacy_profile_typing_and_presence(rest: httpx.AsyncClient) -> None:
    assert OwnPrivacy.model_validate((await rest.get("/v1/me/privacy")).json()).typing
    changed = await rest.patch("/v1/me/privacy", json={"typing": False})
    assert OwnPrivacy.model_validate(changed.json()) == OwnPrivacy(
        read_receipts=True, typing=False, presence=True
    )
    wished = {"name": "Alice", "status": "away", "avatar": base64.b64encode(b"png").decode()}
    made = ShownProfile.model_validate((await rest.put("/v1/me/profile", json=wished)).json())
    assert ShownProfile.model_validate((await rest.get("/v1/me/profile")).json()) == made
    assert (made.name, made.status, made.avatar) == ("Alice", "away", wished["avatar"])
    assert (await rest.get(f"/v1/contacts/{BOBS}/profile")).status_code == 404
    await say(rest, text="hello")
    assert (await rest.post(f"{CHAT}/typing", json={"typing": True})).status_code == 204
    assert (await rest.put("/v1/presence", json={"chats": [BOBS]})).status_code == 204
    shown = await rest.get("/v1/presence", params={"after": 0, "wait": 5})
    assert PresenceNow.model_validate(shown.json()) == PresenceNow(number=0, typing=[], present=[])


async def test_pages_go_both_ways_around_a_message_and_by_date(rest: httpx.AsyncClient) -> None:
    paths = [await say(rest, text=f"{number}") for number in range(9)]

    async def page(**query: str | float) -> list[str]:
        found = await rest.get(f"{CHAT}/messages", params={"limit": 3, **query})
        return [one["text"] for one in found.json()["messages"]]

    seqs = [one["seq"] for one in (await rest.get(f"{CHAT}/messages")).json()["messages"]]
    assert await page() == ["6", "7", "8"]
    assert await page(before=seqs[6]) == ["3", "4", "5"]
    assert await page(after=seqs[2]) == ["3", "4", "5"]
    assert await page(around=paths[4].rpartition("/")[2]) == ["3", "4", "5"]
    assert await page(since=0) == ["0", "1", "2"]
    assert await page(since=4e9) == []
    both = await rest.get(f"{CHAT}/messages", params={"before": 1, "after": 1})
    assert both.status_code == 422


async def test_from_a_page_its_cursors_lead_to_both_ends_and_to_what_comes(
    rest: httpx.AsyncClient,
) -> None:
    async def page(cursor: str = "", **begun: float) -> MessagesPage:
        query = {"limit": 2, **begun} | ({"cursor": cursor} if cursor else {})
        return MessagesPage.model_validate(
            (await rest.get(f"{CHAT}/messages", params=query)).json()
        )

    for number in range(5):
        await say(rest, text=f"{number}")
    newest = await page()
    walked = [newest]
    while walked[-1].messages:
        walked.append(await page(walked[-1].older))
    assert [[one.text for one in each.messages] for each in walked] == [
        ["3", "4"],
        ["1", "2"],
        ["0"],
        [],
    ]
    assert [one.text for one in (await page(walked[-1].newer)).messages] == ["0", "1"]
    end = await page(newest.newer)
    assert end.messages == []
    later = await page(since=4e9)
    assert later.messages == []
    await say(rest, text="5")
    for cursor, texts in ((end.newer, ["5"]), (later.newer, ["5"]), (later.older, ["3", "4"])):
        assert [one.text for one in (await page(cursor)).messages] == texts


async def test_an_empty_page_goes_on_behind_the_newest_that_has_a_place(
    rest: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written at a replica, and is not at the first yet, has none."""
    await say(rest, text="hello")
    real = Node.messages

    async def with_pending(
        node: Node, address: UserAddress, before: int | None = None, limit: int = 100
    ) -> list[StoredMessage]:
        page = await real(node, address, before, limit)
        return [*page, replace(page[-1], seq=0)]

    monkeypatch.setattr(Node, "messages", with_pending)
    shown = await rest.get(f"{CHAT}/messages", params={"since": 4e9})
    monkeypatch.undo()
    page = MessagesPage.model_validate(shown.json())
    assert page.messages == []
    later = await rest.get(f"{CHAT}/messages", params={"cursor": page.newer})
    assert later.json()["messages"] == []


@pytest.mark.parametrize("cursor", ["", "older", "older.", "older.x", f"newer.{2**70}", "later.1"])
async def test_what_no_page_named_is_no_cursor(rest: httpx.AsyncClient, cursor: str) -> None:
    await say(rest, text="hello")
    refused = await rest.get(f"{CHAT}/messages", params={"cursor": cursor})
    assert refused.status_code == 422
    assert "begin without one" in refused.json()["detail"]
    both = await rest.get(f"{CHAT}/messages", params={"cursor": "older.1", "before": 1})
    assert both.status_code == 422


async def test_a_link_opens_the_message_of_its_author(rest: httpx.AsyncClient) -> None:
    await say(rest, text="hello")
    [line] = (await rest.get(f"{CHAT}/messages")).json()["messages"]
    link = f"zentalk-message:{line['author']}/{line['id']}"
    opened = await rest.get("/v1/linked-message", params={"link": link})
    assert (opened.json()["seq"], opened.json()["text"]) == (line["seq"], "hello")
    of_another = link.replace(line["author"], BOBS)
    assert (await rest.get("/v1/linked-message", params={"link": of_another})).status_code == 404
    refused = await rest.get("/v1/linked-message", params={"link": line["id"]})
    assert refused.status_code == 422
    assert "a link to a message is" in refused.json()["detail"]


async def test_messages_are_found_by_their_words(rest: httpx.AsyncClient) -> None:
    first = await say(rest, text="green tea")
    await say(rest, text="coffee")
    found = await rest.get("/v1/search", params={"q": "gre* tea", "conversation": BOBS})
    assert [one["text"] for one in found.json()["messages"]] == ["green tea"]
    await rest.patch(first, json={"text": "black tea"})
    assert (await rest.get("/v1/search", params={"q": "green"})).json()["messages"] == []
    assert (await rest.get("/v1/search", params={"q": "***"})).status_code == 422


async def test_names_that_look_like_a_contacts_are_told_apart_wherever_they_stand(
    rest: httpx.AsyncClient,
) -> None:
    await rest.post("/v1/contacts", json={"address": BOBS, "name": "Bob"})
    other = format_address(type(BOB)(bytes(range(9, 41))))
    fake = "B\u043eb"  # with a Cyrillic letter
    await rest.post("/v1/contacts", json={"address": other, "name": fake})
    made = (await rest.post("/v1/groups", json={"name": fake})).json()
    assert (made["name"], made["looks_like"], made["role"]) == (fake, BOBS, "admin")
    assert made["shown_name"].startswith(f"{fake} (")
    [listed] = (await rest.get("/v1/groups")).json()["groups"]
    assert (listed["shown_name"], listed["role"]) == (made["shown_name"], "admin")
    for address in (BOBS, other, made["conversation"]):
        sent = await rest.post(f"/v1/conversations/{address}/messages", json={"text": "hi"})
        assert sent.status_code == 202
    listed = (await rest.get("/v1/conversations")).json()["conversations"]
    names = {one["address"]: (one["name"], one["looks_like"]) for one in listed}
    assert names == {
        BOBS: ("Bob", ""), other: (fake, BOBS), made["conversation"]: (fake, BOBS)
    }  # fmt: skip
    assert len({one["shown_name"] for one in listed}) == 3
    assert {one["address"]: one["role"] for one in listed}[made["conversation"]] == "admin"
    opened = (await rest.get(f"/v1/conversations/{other}")).json()
    assert (opened["looks_like"], opened["role"]) == (BOBS, "")


async def test_a_card_is_shown_under_a_name_that_is_nobody_elses(rest: httpx.AsyncClient) -> None:
    await rest.post("/v1/contacts", json={"address": BOBS, "name": "Bob"})
    other = format_address(type(BOB)(bytes(range(9, 41))))
    await say(rest, text="look")
    card = await say(rest, contact={"address": other, "name": "B0b"})
    await say(rest, contact={"address": BOBS, "name": "Bob"})
    message_id = card.rpartition("/")[2]
    page = (await rest.get(f"{CHAT}/messages")).json()["messages"]
    one = (await rest.get(f"/v1/messages/{message_id}")).json()
    found = (await rest.get("/v1/search", params={"q": "B0b"})).json()["messages"]
    await rest.put(f"{card}/star")
    [starred] = (await rest.get("/v1/starred")).json()["messages"]
    for shown in (page[1], one, found[0], starred):
        assert (shown["body"]["name"], shown["body"]["looks_like"]) == ("B0b", BOBS)
        assert shown["body"]["shown_name"] != "B0b"
    assert page[2]["body"]["shown_name"] == "Bob"
    assert page[2]["body"]["looks_like"] == ""


async def test_a_search_names_contacts_and_groups_too(rest: httpx.AsyncClient) -> None:
    await rest.post("/v1/contacts", json={"address": BOBS, "name": "Bob the sailor"})
    group = (await rest.post("/v1/groups", json={"name": "Sailors"})).json()["conversation"]
    await say(rest, text="the sailor sings")
    found = SearchResults.model_validate(
        (await rest.get("/v1/search", params={"q": "sailor"})).json()
    )
    assert [one.text for one in found.messages] == ["the sailor sings"]
    assert {(one.address, one.group) for one in found.names} == {(BOBS, False), (group, True)}
    assert {one.shown_name for one in found.names} == {"Bob the sailor", "Sailors"}
    for more in ({"conversation": BOBS}, {"before": 9}):
        answer = await rest.get("/v1/search", params={"q": "sailor", **more})
        assert answer.json()["names"] == []
