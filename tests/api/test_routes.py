"""Each route: what goes in, what comes out, and that it is what the OpenAPI document says."""

from collections.abc import Sequence

import httpx
import pytest
from pydantic import BaseModel

from tests.api.documented import UNDESCRIBED
from tests.api.double import BOB, STRANGER, FakeNode
from zentalk.api.route_table import ROUTES
from zentalk.rest.contacts import Contact, Contacts
from zentalk.rest.events import Events
from zentalk.rest.mailboxes import Mailboxes
from zentalk.rest.messages import Conversations, Message, MessagesPage
from zentalk.rest.node import Health, Me
from zentalk.wire.text import format_address

BOBS = format_address(BOB)


def check(model: type[BaseModel], response: httpx.Response) -> None:
    """Hold an answer against its model, in both directions."""
    assert response.headers["content-type"] == "application/json"
    shown = model.model_validate(response.json(), extra="forbid")
    assert shown.model_dump() == response.json()


async def send(rest: httpx.AsyncClient, text: str, **headers: str) -> httpx.Response:
    return await rest.post(
        f"/v1/conversations/{BOBS}/messages", json={"text": text}, headers=headers
    )


async def test_health_and_me(rest: httpx.AsyncClient, node: FakeNode) -> None:
    check(Health, await rest.get("/v1/health"))
    me = await rest.get("/v1/me")
    check(Me, me)
    assert me.json() == {"address": node.address_text, "name": "Alice"}


async def test_network_is_the_nodes_status(rest: httpx.AsyncClient) -> None:
    network = (await rest.get("/v1/network")).json()
    assert network["tunnels"] == "full"
    assert network["notes"] == []


async def test_add_and_list_contacts(rest: httpx.AsyncClient) -> None:
    added = await rest.post("/v1/contacts", json={"address": BOBS, "name": "Bob"})
    assert added.status_code == 201
    check(Contact, added)
    assert (
        await rest.post("/v1/contacts", json={"address": f" {BOBS}\n", "name": "Bob"})
    ).status_code == 201
    listed = await rest.get("/v1/contacts")
    check(Contacts, listed)
    assert [(c["name"], c["state"]) for c in listed.json()["contacts"]] == [("Bob", "contact")]


async def test_accept_a_request(rest: httpx.AsyncClient, node: FakeNode) -> None:
    node.request(BOB)
    assert (await rest.get("/v1/contacts")).json()["contacts"][0]["state"] == "request"
    accepted = await rest.post(f"/v1/contacts/{BOBS}/accept")
    assert accepted.status_code == 200
    assert accepted.json()["state"] == "contact"


async def test_accept_without_a_request(rest: httpx.AsyncClient) -> None:
    answer = await rest.post(f"/v1/contacts/{format_address(STRANGER)}/accept")
    assert answer.status_code == 404


async def test_a_request_is_refused_once(rest: httpx.AsyncClient, node: FakeNode) -> None:
    node.request(STRANGER)
    path = f"/v1/contacts/{format_address(STRANGER)}/refuse"
    assert [(await rest.post(path)).status_code for _ in range(2)] == [204, 404]
    listed = await rest.get("/v1/contacts")
    check(Contacts, listed)
    assert listed.json()["contacts"][0]["state"] == "refused"


async def test_a_person_is_blocked_unblocked_and_removed(
    rest: httpx.AsyncClient, node: FakeNode
) -> None:
    path = f"/v1/contacts/{format_address(BOB)}"
    blocked = await rest.post(f"{path}/block")
    check(Contact, blocked)
    assert (blocked.status_code, blocked.json()["state"]) == (200, "blocked")
    answers = [await rest.post(f"{path}/unblock") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 404]
    answers = [await rest.delete(path) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 404]
    assert answers[0].content == b""
    assert (await rest.delete("/v1/contacts/zt1nobody")).status_code == 422


async def test_send_is_accepted_with_id_and_state(rest: httpx.AsyncClient) -> None:
    sent = await send(rest, "hello")
    assert sent.status_code == 202
    check(Message, sent)
    assert sent.json()["state"] == "queued"
    one = await rest.get(f"/v1/messages/{sent.json()['id']}")
    check(Message, one)
    assert one.json() == sent.json()


async def test_the_same_idempotency_key_sends_once(rest: httpx.AsyncClient, node: FakeNode) -> None:
    key = {"Idempotency-Key": "k1"}
    first = await send(rest, "hello", **key)
    again = await send(rest, "hello", **key)
    assert first.json() == again.json()
    assert len(node.sent) == 1
    other = await send(rest, "something else", **key)
    assert other.status_code == 409


async def test_two_devices_may_use_one_idempotency_key(
    rest: httpx.AsyncClient, node: FakeNode
) -> None:
    _, token = await node.devices.add("phone")
    theirs = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k1"}
    first = await send(rest, "hello", **theirs)
    other = await send(rest, "something else", **{"Idempotency-Key": "k1"})
    assert (first.status_code, other.status_code) == (202, 202)
    assert (await send(rest, "hello", **theirs)).json() == first.json()
    assert [message.text for message in node.sent] == ["hello", "something else"]


async def test_messages_are_paged_newest_last(rest: httpx.AsyncClient) -> None:
    for number in range(5):
        await send(rest, f"m{number}")
    path = f"/v1/conversations/{BOBS}/messages"
    last = await rest.get(path, params={"limit": 2})
    check(MessagesPage, last)
    assert texts(last) == ["m3", "m4"]
    before = last.json()["messages"][0]["seq"]
    assert texts(await rest.get(path, params={"limit": 2, "before": before})) == ["m1", "m2"]
    check(Conversations, await rest.get("/v1/conversations"))


def texts(response: httpx.Response) -> Sequence[str]:
    return [message["text"] for message in response.json()["messages"]]


async def test_events_are_paged_from_a_cursor_and_at_most_1000(
    rest: httpx.AsyncClient, node: FakeNode
) -> None:
    for number in range(1200):
        node.emit("message.state", {"id": str(number), "state": "sent"})
    page = await rest.get("/v1/events", params={"after": 0, "limit": 5000})
    check(Events, page)
    first = [event["seq"] for event in page.json()["events"]]
    assert first == list(range(1, 1001))
    rest_of = await rest.get("/v1/events", params={"after": first[-1]})
    assert [event["seq"] for event in rest_of.json()["events"]] == list(range(1001, 1201))
    assert (await rest.get("/v1/events", params={"after": 1200})).json() == {
        "events": [], "next": 1200
    }  # fmt: skip


async def test_the_openapi_document_names_every_route(rest: httpx.AsyncClient) -> None:
    document = (await rest.get("/v1/openapi.json")).json()
    known = {route.partition(" ")[2] for route in ROUTES.keys() - UNDESCRIBED}
    assert set(document["paths"]) == known
    sending = document["paths"]["/v1/conversations/{address}/messages"]["post"]
    assert "202" in sending["responses"]
    assert "idempotency-key" in {parameter["name"] for parameter in sending["parameters"]}
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


@pytest.mark.parametrize("path", ["/docs/", "/docs/page.html", "/redoc", "/", "/v1/nothing"])
async def test_there_are_no_other_pages(rest: httpx.AsyncClient, path: str) -> None:
    answer = await rest.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_conversation_is_marked_read_on_request_only(
    rest: httpx.AsyncClient, node: FakeNode
) -> None:
    answer = await rest.post(f"/v1/conversations/{BOBS}/read")
    assert (answer.status_code, answer.content) == (204, b"")
    assert node.read == [BOB]
    up_to = await rest.post(f"/v1/conversations/{BOBS}/read", params={"seq": 7})
    assert (up_to.status_code, node.read_up_to) == (204, [None, 7])
    wrong = await rest.post(f"/v1/conversations/{BOBS}/read", params={"seq": "all"})
    assert wrong.status_code == 422


async def test_mailboxes_are_listed_and_moved(rest: httpx.AsyncClient, node: FakeNode) -> None:
    listed = await rest.get("/v1/mailboxes")
    check(Mailboxes, listed)
    [first] = listed.json()["mailboxes"]
    moved = await rest.post("/v1/mailboxes/move", json={"id": first["id"]})
    assert moved.status_code == 202
    check(Mailboxes, moved)
    assert [mailbox["current"] for mailbox in moved.json()["mailboxes"]] == [True, False]
    assert (await rest.post("/v1/mailboxes/move", json={"id": first["id"]})).status_code == 404
    assert (await rest.post("/v1/mailboxes/move", json={"to": "r9"})).status_code == 422
    assert (await rest.post("/v1/mailboxes/move", json={})).status_code == 202
