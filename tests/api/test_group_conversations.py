"""A group's id where routes take the address of a person: conversations do, people do not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from trio.testing import MockClock as Clock

from tests.api.group_rest import client_of, found, refused
from tests.api.offline import BOBS, offline_node
from zentalk.net.runtime import Runtime
from zentalk.node.conversations import signalling
from zentalk.node.messages import people
from zentalk.rest.conversations import OpenConversation
from zentalk.rest.messages import Conversations, Message, Messages

A_GROUP = "this is a group and not a person"


@pytest.fixture
async def rest(tmp_path: Path, autojump_clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    runtime = Runtime.virtual(1, 1_800_000_000.0)
    async with offline_node(tmp_path, runtime) as node, client_of(node) as client:
        yield client


async def founded(rest: httpx.AsyncClient) -> str:
    return (await found(rest)).conversation


async def say(rest: httpx.AsyncClient, where: str, **content: object) -> str:
    """Send a message; return its id."""
    sent = await rest.post(f"/v1/conversations/{where}/messages", json=content)
    assert sent.status_code == 202, sent.text
    return Message.model_validate(sent.json(), extra="forbid").id


async def done(response: httpx.Response) -> Message:
    assert response.status_code == 200, response.text
    return Message.model_validate(response.json(), extra="forbid")


async def texts(rest: httpx.AsyncClient, path: str, **query: str | float) -> list[str]:
    page = await rest.get(path, params=query)
    assert page.status_code == 200, page.text
    return [one.text for one in Messages.model_validate(page.json()).messages]


async def test_everything_that_is_done_with_messages_is_done_in_a_group(
    rest: httpx.AsyncClient,
) -> None:
    group = await founded(rest)
    chat = f"/v1/conversations/{group}"
    line = f"{chat}/messages/{await say(rest, group, text='helo')}"
    assert (await done(await rest.patch(line, json={"text": "hello"}))).edited
    assert (await done(await rest.put(f"{line}/reaction", json={"emoji": "👍"}))).reactions
    assert (await done(await rest.put(f"{line}/pin"))).pinned
    assert (await done(await rest.put(f"{line}/star"))).starred
    assert await texts(rest, "/v1/starred") == ["hello"]
    assert not (await done(await rest.delete(f"{line}/pin"))).pinned
    assert not (await done(await rest.delete(f"{line}/star"))).starred
    poll = await say(rest, group, poll={"question": "which?", "options": ["x", "y"]})
    voted = await done(await rest.put(f"{chat}/messages/{poll}/vote", json={"options": [1]}))
    assert [vote.options for vote in voted.votes] == [[1]]
    answer = await say(rest, group, text="this", reply_to=poll, mentions=[BOBS])
    shown = await done(await rest.get(f"/v1/messages/{answer}", params={"conversation": group}))
    assert (shown.conversation, shown.mentions) == (group, [BOBS])
    assert shown.reply_to is not None
    assert (await rest.delete(line, params={"for": "everyone"})).status_code == 204
    assert (await rest.delete(f"{chat}/messages/{answer}")).status_code == 204
    assert await texts(rest, f"{chat}/messages") == ["", "which?"]


async def test_a_message_is_forwarded_into_a_group_and_out_of_it(
    rest: httpx.AsyncClient,
) -> None:
    group = await founded(rest)
    said = await say(rest, BOBS, text="from Bob")
    for source, target in ((BOBS, group), (group, BOBS)):
        forwarded = await rest.post(
            f"/v1/conversations/{target}/forward", json={"conversation": source, "id": said}
        )
        assert forwarded.status_code == 202, forwarded.text
        message = Message.model_validate(forwarded.json())
        assert (message.conversation, message.forwarded) == (target, True)
        said = message.id


async def test_pages_search_and_the_list_have_groups(rest: httpx.AsyncClient) -> None:
    group = await founded(rest)
    path = f"/v1/conversations/{group}/messages"
    ids = [await say(rest, group, text=f"tea {number}") for number in range(5)]
    await say(rest, BOBS, text="tea with Bob")
    page = Messages.model_validate((await rest.get(path)).json()).messages
    assert await texts(rest, path, limit=2) == ["tea 3", "tea 4"]
    assert await texts(rest, path, limit=2, before=page[2].seq) == ["tea 0", "tea 1"]
    assert await texts(rest, path, limit=2, after=page[2].seq) == ["tea 3", "tea 4"]
    assert await texts(rest, path, limit=3, around=ids[2]) == ["tea 1", "tea 2", "tea 3"]
    assert await texts(rest, path, limit=1, since=0) == ["tea 0"]
    assert len(await texts(rest, "/v1/search", q="tea")) == 6
    assert await texts(rest, "/v1/search", q="tea 4", conversation=group) == ["tea 4"]
    listed = Conversations.model_validate((await rest.get("/v1/conversations")).json())
    assert [(one.name, one.address, one.group) for one in listed.conversations] == [
        ("Bob", BOBS, False),
        ("Crew", group, True),
    ]
    events = (await rest.get("/v1/events", params={"conversation": group})).json()["events"]
    kinds = [one["type"] for one in events if one["type"] != "message.state"]
    assert kinds == ["group.changed"] + 5 * ["message.created"]


async def test_timer_mute_draft_reading_and_clearing(rest: httpx.AsyncClient) -> None:
    group = await founded(rest)
    chat = f"/v1/conversations/{group}"
    await say(rest, group, text="hello")
    assert (await rest.put(f"{chat}/timer", json={"seconds": 60})).status_code == 204
    assert (await rest.put(f"{chat}/mute", json={"until": 1.9e9})).status_code == 204
    assert (await rest.put(f"{chat}/draft", json={"text": "half a"})).status_code == 204
    assert (await rest.post(f"{chat}/read")).status_code == 204
    shown = OpenConversation.model_validate((await rest.get(chat)).json(), extra="forbid")
    assert (shown.name, shown.group) == ("Crew", True)
    assert (shown.timer_seconds, shown.muted_until, shown.draft) == (60, 1.9e9, "half a")
    assert (shown.typing, shown.present) == (False, False)
    assert (await rest.delete(f"{chat}/messages")).status_code == 204
    assert await texts(rest, f"{chat}/messages") == []
    assert (await rest.get(f"/v1/groups/{group}")).json()["standing"] == "joined"


async def test_only_people_are_told_that_one_is_writing_or_there(
    rest: httpx.AsyncClient,
) -> None:
    group = await founded(rest)
    sent = await rest.post(f"/v1/conversations/{group}/typing", json={"typing": True})
    refused(sent, 409, "only people")
    refused(await rest.put("/v1/presence", json={"chats": [BOBS, group]}), 409, "only people")
    assert (await rest.put("/v1/presence", json={"chats": [BOBS]})).status_code == 204


async def test_control_without_the_look_a_group_is_passed_over_in_silence(
    rest: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = await founded(rest)
    monkeypatch.setattr(signalling, "_check_people", lambda _tx, chats: None)
    sent = await rest.post(f"/v1/conversations/{group}/typing", json={"typing": True})
    assert sent.status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "/accept", None, 409, A_GROUP),
        ("POST", "/refuse", None, 404, "no request"),
        ("DELETE", "", None, 409, A_GROUP),
        ("POST", "/block", None, 409, A_GROUP),
        ("POST", "/unblock", None, 404, "nobody"),
        ("POST", "/introduce", {"to": BOBS}, 409, ""),
        ("GET", "/safety", None, 409, A_GROUP),
        ("POST", "/verify", {"confirmed": True}, 409, ""),
        ("DELETE", "/verify", None, 409, ""),
        ("GET", "/profile", None, 404, ""),
    ],
)
async def test_a_group_is_nobody_in_the_list_of_people(
    rest: httpx.AsyncClient, method: str, path: str, body: object, status: int, words: str
) -> None:
    group = await founded(rest)
    await say(rest, group, text="hello")
    asked = await rest.request(method, f"/v1/contacts/{group}{path}", json=body)
    refused(asked, status, words)
    refused(await rest.post("/v1/contacts", json={"address": group, "name": "x"}), 409, A_GROUP)
    listed = (await rest.get("/v1/contacts")).json()["contacts"]
    assert [one["name"] for one in listed] == ["Bob", "Carol"]
    # It is as it was.
    assert (await rest.get(f"/v1/groups/{group}")).json()["name"] == "Crew"
    assert await texts(rest, f"/v1/conversations/{group}/messages") == ["hello"]
    await say(rest, group, text="more")


async def test_control_without_the_look_a_group_is_taken_out_of_the_list_of_people(
    rest: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = await founded(rest)
    monkeypatch.setattr(people, "check_is_person", lambda _row: None)
    assert (await rest.delete(f"/v1/contacts/{group}")).status_code == 204
    assert (await rest.get(f"/v1/conversations/{group}")).status_code == 404
