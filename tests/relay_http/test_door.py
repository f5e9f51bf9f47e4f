"""K38: what a collect proof over HTTP is worth to whoever gets to see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from trio.testing import MockClock

from tests.relay_http.harness import (
    KEY,
    OPERATOR,
    SEND_ID,
    STRANGER,
    OpenDoor,
    doors,
    http_to,
    send,
    texts,
)
from zentalk.client.relay_answers import MAX_ANSWER_BYTES, read_pending
from zentalk.client.relay_mailbox import RelayMailbox
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import DecodeError, RefusedError
from zentalk.ids import NodeId
from zentalk.mailbox import http_proof
from zentalk.mailbox.http_proof import HttpClaim, HttpRequest
from zentalk.relay_http import door as door_module
from zentalk.relay_http.nonces import LIFE_SECONDS, Nonces


class Hostile:
    """A relay that hands every request on to another one, with that one's nonces."""

    def __init__(self, victim: OpenDoor) -> None:
        self._http = victim.http()
        self.seen: list[httpx.Response] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        target = scope["raw_path"].decode() + ("?" + scope["query_string"].decode()).rstrip("?")
        headers = {
            name: value for name, value in request.headers.items() if name == "authorization"
        }
        asked = (request.method, target, headers, await request.body())
        self.requests.append(asked)
        answer = await self.replay(asked)
        passed = {name: value for name, value in answer.headers.items() if name == "zentalk-nonce"}
        await Response(answer.content, answer.status_code, passed)(scope, receive, send)

    async def replay(self, asked: tuple[str, str, dict[str, str], bytes]) -> httpx.Response:
        method, target, headers, body = asked
        answer = await self._http.request(method, target, headers=headers, content=body)
        self.seen.append(answer)
        return answer


def without_relay(_relay: NodeId, claim: HttpClaim, request: HttpRequest) -> Any:
    """A proof that does not name the relay it is for."""
    return claim.nonce + request.method + request.target + request.body


@pytest.mark.parametrize("named", [True, False])
async def test_k38_a_relay_that_presents_anothers_nonce_gets_nothing(
    autojump_clock: MockClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    named: bool,
) -> None:
    """With `named` False the control: a proof that names no relay opens the other's mailbox."""
    if not named:
        monkeypatch.setattr(http_proof, "_signed", without_relay)
    async with doors(tmp_path, "r1", "r2", "r3") as (world, [first, _, honest]):
        owner = honest.owner()
        await owner.register(contacts=[SEND_ID])
        await send(world, first, ["r1", "r2", "r3"], b"for the owner")
        hostile = Hostile(honest)
        fooled = RelayMailbox(http_to(hostile), NodeId(b"h" * 32), KEY, 2)
        if named:
            with pytest.raises(RefusedError):
                await fooled.pending()
            assert [answer.status_code for answer in hostile.seen] == [401, 401]
        else:
            assert texts(await fooled.pending()) == [b"for the owner"]
        assert bool(texts(await owner.pending())) if named else True


@pytest.mark.parametrize("spent", [True, False])
async def test_k38_a_proof_that_somebody_saw_is_worth_nothing_a_second_time(
    autojump_clock: MockClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spent: bool,
) -> None:
    """With `spent` False the control: nonces that count more than once let the watcher in."""
    if not spent:
        monkeypatch.setattr(Nonces, "spend", lambda *_: True)
    async with doors(tmp_path, "r1") as (_, [honest]):
        watcher = Hostile(honest)
        owner = RelayMailbox(http_to(watcher), honest.running.node_id, KEY, 1)
        await owner.pending(0)
        again = await watcher.replay(watcher.requests[-1])
        assert again.status_code == (401 if spent else 200)


async def test_k38_a_proof_lets_nothing_else_be_done_with_its_nonce(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Also one that was seen before its relay got it."""
    async with doors(tmp_path, "r1") as (_, [honest]):
        caught: list[tuple[str, str, dict[str, str], bytes]] = []

        class Catching(Hostile):
            async def replay(self, asked: tuple[str, str, dict[str, str], bytes]) -> httpx.Response:
                if self.seen:
                    caught.append(asked)
                    method, target, headers, body = asked
                    for changed in (
                        ("POST", target, headers, body),
                        (method, "/relay/pending?wait=1", headers, body),
                        (method, "/relay/acknowledge", headers, body),
                        (method, target, headers, b"{}"),
                    ):
                        assert (await super().replay(changed)).status_code in {401, 405}
                return await super().replay(asked)

        owner = RelayMailbox(http_to(Catching(honest)), honest.running.node_id, KEY, 1)
        assert await owner.pending(0) == []
        assert caught, "the nonce was not spent by any of them"


async def test_k38_a_copy_whose_body_comes_after_its_nonce_is_over_is_refused(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """It is begun before its owner's request, and ends when the nonce's use is forgotten."""
    answers: list[httpx.Response] = []
    async with doors(tmp_path, "r1") as (world, [honest]):

        async def slow_body() -> AsyncIterator[bytes]:
            await trio.sleep(LIFE_SECONDS + 15)
            yield b""

        async def copy(target: str, headers: dict[str, str]) -> None:
            http = honest.http()
            answers.append(await http.request("GET", target, headers=headers, content=slow_body()))

        class Watching(Hostile):
            async def replay(self, asked: tuple[str, str, dict[str, str], bytes]) -> httpx.Response:
                if self.seen:  # the first has no nonce of the relay
                    world.nursery.start_soon(copy, asked[1], asked[2])
                    await trio.sleep(1)
                return await super().replay(asked)

        owner = RelayMailbox(http_to(Watching(honest)), honest.running.node_id, KEY, 1)
        await owner.pending(0)
        await trio.sleep(LIFE_SECONDS + 5)
        await honest.owner().pending(0)  # spends another: what is over is forgotten
        await trio.sleep(LIFE_SECONDS)
        assert [answer.status_code for answer in answers] == [401]


async def test_a_mailbox_that_exists_and_one_that_does_not_are_answered_alike(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with doors(tmp_path, "r1") as (_, [honest]):
        await honest.owner().register(contacts=[SEND_ID])
        answers = []
        for key in (KEY, SigningKey(b"x" * 32)):
            watcher = Hostile(honest)
            stranger = RelayMailbox(http_to(watcher), NodeId(b"h" * 32), key, 9)
            with pytest.raises(RefusedError):
                await stranger.pending(0)
            answers.append([(item.status_code, item.json()) for item in watcher.seen])
        assert answers[0] == answers[1]


async def test_an_address_that_asks_all_the_time_is_told_to_wait_and_others_are_not(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "BURST", 5.0)
    async with doors(tmp_path, "r1") as (_, [honest]):
        busy = honest.http(STRANGER)
        found = [(await busy.get("/relay/stats")).status_code for _ in range(8)]
        assert found == [200] * 5 + [429] * 3
        assert (await honest.http(("198.51.100.1", 1)).get("/relay/stats")).status_code == 200
        assert (await honest.http().get("/relay/stats")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/relay/send", b"short", 422),
        ("POST", "/relay/send", bytes(100_000), 413),
        ("GET", "/relay/pending", b"", 401),
        ("POST", "/relay/acknowledge", b"{}", 401),
        ("POST", "/relay/cleanup", b"", 401),
        ("GET", "/relay/send", b"", 405),
        ("GET", "/relay", b"", 404),
    ],
)
async def test_what_is_wrong_is_answered_with_a_problem(
    autojump_clock: MockClock,
    tmp_path: Path,
    method: str,
    path: str,
    content: bytes,
    status: int,
) -> None:
    async with doors(tmp_path, "r1") as (_, [honest]):
        answer = await honest.http().request(method, path, content=content)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]
        assert OPERATOR not in answer.text


@pytest.mark.parametrize(
    "content",
    [
        {"numbers": [-1]},
        {"numbers": [True]},
        {"numbers": [2**64]},
        {"numbers": list(range(2000))},
        {"numbers": [], "more": 1},
        {"add": []},
    ],
)
async def test_what_an_owner_gets_wrong_is_said_without_quoting_it(
    autojump_clock: MockClock, tmp_path: Path, content: dict[str, Any]
) -> None:
    async with doors(tmp_path, "r1") as (_, [honest]):
        watcher = Hostile(honest)
        owner = RelayMailbox(http_to(watcher), honest.running.node_id, KEY, 1)
        with pytest.raises(RefusedError, match="422"):
            await owner._ask("POST", "/relay/acknowledge", content)
        assert watcher.seen[-1].headers["zentalk-nonce"], "the one of this request is spent"
        for value in ("18446744073709551616", "1999"):
            assert value not in watcher.seen[-1].text
        assert await owner.pending(0) == [], "the session goes on"


async def test_a_relay_that_answers_nonsense_costs_its_client_a_bounded_error() -> None:
    async def nonsense(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(b"[" * (MAX_ANSWER_BYTES + 1))(scope, receive, send)

    owner = RelayMailbox(http_to(nonsense), NodeId(b"h" * 32), KEY, 1)
    with pytest.raises(DecodeError, match="more than"):
        await owner.pending(0)
    for data in (b"[" * 10_000, b'{"envelopes": [], "tokens": [{"token": 1}]}', b"Infinity"):
        with pytest.raises(DecodeError):
            read_pending(data)
