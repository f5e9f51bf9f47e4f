"""Every error of REST is a problem document with one sentence, and changes nothing."""

import json

import httpx
import pytest
from starlette.types import Message

from tests.api.double import BOB, TOKEN, FakeNode
from zentalk.api.app import create_app
from zentalk.errors import (
    ConfigError,
    ConflictError,
    LocalProtocolError,
    NotFoundError,
    UnavailableError,
    ZentalkError,
)
from zentalk.rest.limits import MAX_BODY_BYTES, MAX_SEQUENCE, MIN_PLACE
from zentalk.wire.text import format_address

BOBS = format_address(BOB)
MESSAGES = f"/v1/conversations/{BOBS}/messages"


def check(response: httpx.Response, *statuses: int) -> str:
    status = response.status_code
    assert status in statuses
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert set(body) == {"type", "title", "status", "detail"}
    assert body["status"] == status
    assert isinstance(body["detail"], str)
    assert body["detail"]
    return body["detail"]


@pytest.mark.parametrize("address", ["bob", "zt1" + "a" * 56, BOBS[:-1], BOBS.upper(), "zt1" * 50])
async def test_an_address_that_is_none(rest: httpx.AsyncClient, address: str) -> None:
    for response in (
        await rest.post("/v1/contacts", json={"address": address}),
        await rest.post(f"/v1/conversations/{address}/messages", json={"text": "x"}),
        await rest.get(f"/v1/conversations/{address}/messages"),
    ):
        detail = check(response, 422)
        assert address not in detail


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"text":5}',
        b'{"text":""}',
        b'{"text":"x","extra":1}',
        b'{"text":"\\ud800"}',
        b'{"text":"\xff"}',
        b"[" * 100_000,
        b'{"text":' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: repr(body[:20]),
)
async def test_a_body_that_is_none(rest: httpx.AsyncClient, node: FakeNode, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    check(await rest.post(MESSAGES, content=body, headers=headers), 400, 422)
    assert not node.sent


async def test_a_body_without_its_type(rest: httpx.AsyncClient) -> None:
    detail = check(await rest.post(MESSAGES, content=b'{"text":"x"}'), 422)
    assert "Content-Type: application/json" in detail


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "after=99999999999999999999", "limit=0", "limit=-5"]
)
async def test_a_page_that_is_none(rest: httpx.AsyncClient, query: str) -> None:
    check(await rest.get(f"/v1/events?{query}"), 422)


@pytest.mark.parametrize("place", [MIN_PLACE - 1, MAX_SEQUENCE + 1, 10**30])
@pytest.mark.parametrize(
    "path",
    [f"{MESSAGES}?before=", f"{MESSAGES}?after=", "/v1/starred?before=", "/v1/search?q=x&before="],
)
async def test_a_place_that_no_message_has(rest: httpx.AsyncClient, path: str, place: int) -> None:
    check(await rest.get(f"{path}{place}"), 422)


@pytest.mark.parametrize("value", ["-1", "x", "9" * 30])
async def test_a_last_event_id_that_is_none(rest: httpx.AsyncClient, value: str) -> None:
    check(await rest.get("/v1/events/stream", headers={"Last-Event-ID": value}), 422)


@pytest.mark.parametrize("key", ["", "k" * 256, "with space"])
async def test_an_idempotency_key_that_is_none(rest: httpx.AsyncClient, key: str) -> None:
    response = await rest.post(MESSAGES, json={"text": "x"}, headers={"Idempotency-Key": key})
    check(response, 422)


async def test_text_above_64_kb(rest: httpx.AsyncClient, node: FakeNode) -> None:
    assert (await rest.post(MESSAGES, json={"text": "ü" * 32768})).status_code == 202
    check(await rest.post(MESSAGES, json={"text": "ü" * 32768 + "x"}), 413)
    assert len(node.sent) == 1


async def test_the_largest_text_fits_however_it_is_escaped(
    rest: httpx.AsyncClient, node: FakeNode
) -> None:
    body = '{"text":"' + "\\u0001" * 65536 + '"}'
    headers = {"Content-Type": "application/json"}
    assert (await rest.post(MESSAGES, content=body, headers=headers)).status_code == 202
    assert node.sent[0].text == "\x01" * 65536


async def test_a_body_above_the_limit(rest: httpx.AsyncClient, node: FakeNode) -> None:
    body = json.dumps({"text": "x" * MAX_BODY_BYTES})
    headers = {"Content-Type": "application/json"}
    check(await rest.post(MESSAGES, content=body, headers=headers), 413)
    assert not node.sent


async def test_a_body_above_the_limit_that_does_not_say_so(node: FakeNode) -> None:
    read = 0
    sent: list[Message] = []

    async def receive() -> Message:
        nonlocal read
        read += 65536
        return {"type": "http.request", "body": b" " * 65536, "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "2",
        "method": "POST",
        "scheme": "http",
        "path": MESSAGES,
        "query_string": b"",
        "headers": [
            (b"host", b"127.0.0.1"),
            (b"authorization", b"Bearer " + TOKEN.encode()),
            (b"content-type", b"application/json"),
        ],
    }
    await create_app(node, TOKEN, node.stopping)(scope, receive, send)
    assert sent[0]["status"] == 413
    assert read <= MAX_BODY_BYTES + 65536


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "the body is not JSON"),
        (b"{}", "give exactly one of text, poll, contact, sticker, location and file"),
        (b'{"poll":{"question":"?"}}', "body.poll.options: it is missing"),
        (b'{"text":5}', "body.text: it must be text"),
        (b'{"text":""}', "body.text: it needs 1 or more characters"),
        (b'{"text":"x","extra":1}', "body.extra: there is no such field; remove it"),
    ],
)
async def test_what_is_wrong_is_said_in_our_words(
    rest: httpx.AsyncClient, body: bytes, words: str
) -> None:
    headers = {"Content-Type": "application/json"}
    assert check(await rest.post(MESSAGES, content=body, headers=headers), 422).endswith(words)


async def test_unknown_message_path_and_method(rest: httpx.AsyncClient) -> None:
    check(await rest.get("/v1/messages/" + "0" * 32), 404)
    check(await rest.get("/v1/nothing"), 404)
    check(await rest.delete("/v1/contacts"), 405)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFoundError("not here"), 404),
        (ConflictError("contradicts"), 409),
        (LocalProtocolError("this is your own address"), 422),
        (ConfigError("a name may have 128 bytes"), 422),
        (UnavailableError("three relays are needed"), 503),
    ],
)
async def test_errors_of_the_node(
    rest: httpx.AsyncClient, node: FakeNode, error: ZentalkError, status: int
) -> None:
    node.failure = error
    answer = await rest.post(MESSAGES, json={"text": "x"})
    assert check(answer, status) == str(error)


@pytest.mark.parametrize("error", [ZentalkError("CANARY"), RuntimeError("CANARY")])
async def test_k23_an_unexpected_error_shows_nothing_of_itself(
    rest: httpx.AsyncClient,
    node: FakeNode,
    error: Exception,
    capfd: pytest.CaptureFixture[str],
) -> None:
    node.failure = error
    assert "CANARY" not in check(await rest.get("/v1/contacts"), 500)
    out, err = capfd.readouterr()
    assert "CANARY" not in out + err
