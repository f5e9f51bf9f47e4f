"""The client of a mailbox at a relay: how long it waits for an answer, and works for a mailbox."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import trio
from trio.testing import MockClock

from zentalk.client import relay_mailbox
from zentalk.client.relay_answers import WORK_HEADER
from zentalk.client.relay_mailbox import MOST_TRIES, RelayMailbox, waiting_longer
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import DecodeError, RefusedError, TransportError
from zentalk.ids import NodeId

LONGEST = 25
NO_MAIL = b'{"envelopes": [], "tokens": []}'


class HoldingRelay(httpx.AsyncBaseTransport):
    """A relay without mail: it holds each answer back as long as it is asked to, and is late."""

    def __init__(self, late_seconds: float = 1.0) -> None:
        self._late = late_seconds
        self.asked: list[dict[str, float | None]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        limits = request.extensions["timeout"]
        self.asked.append(limits)
        held = int(request.url.params.get("wait", "0")) + self._late
        with trio.move_on_after(float("inf") if limits["read"] is None else limits["read"]):
            await trio.sleep(held)
            return httpx.Response(200, content=NO_MAIL)
        raise httpx.ReadTimeout("no answer", request=request)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(HoldingRelay()) as client:
        yield client


def client_of(relay: HoldingRelay, timeout: httpx.Timeout | float = 5.0) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=relay, base_url="http://relay", timeout=timeout)


def mailbox(http: httpx.AsyncClient) -> RelayMailbox:
    return RelayMailbox(http, NodeId(bytes(32)), SigningKey(bytes(32)), 1)


async def test_who_waits_for_mail_that_does_not_come_is_told_that_there_is_none(
    autojump_clock: MockClock, http: httpx.AsyncClient
) -> None:
    assert await mailbox(http).pending(wait_seconds=LONGEST) == []


async def test_control_with_the_time_out_of_other_requests_no_mail_looks_like_no_relay(
    autojump_clock: MockClock, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_mailbox, "waiting_longer", lambda usual, _seconds: usual)
    with pytest.raises(TransportError, match="ReadTimeout"):
        await mailbox(http).pending(wait_seconds=LONGEST)


async def test_a_relay_that_is_late_beyond_the_wait_is_given_up(autojump_clock: MockClock) -> None:
    async with client_of(HoldingRelay(late_seconds=6.0)) as http:
        for seconds in (0, LONGEST):
            with pytest.raises(TransportError, match="ReadTimeout"):
                await mailbox(http).pending(seconds)
        with pytest.raises(TransportError, match="ReadTimeout"):
            await mailbox(http).acknowledge([])


async def test_only_reading_takes_longer_and_only_for_a_request_that_waits(
    autojump_clock: MockClock,
) -> None:
    relay = HoldingRelay()
    async with client_of(relay, httpx.Timeout(3.0, read=7.0)) as http:
        await mailbox(http).pending(20)
        await mailbox(http).acknowledge([])
    others = {"connect": 3.0, "write": 3.0, "pool": 3.0}
    assert relay.asked == [others | {"read": 27.0}, others | {"read": 7.0}]


def test_a_client_without_a_time_out_stays_without_one() -> None:
    assert waiting_longer(httpx.Timeout(None), 25) == httpx.Timeout(None)


def asking_for(bits: str, asked: list[httpx.Request]) -> httpx.AsyncClient:
    """Return a client of a relay that takes no work, whatever is shown."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(503, headers={WORK_HEADER: bits}, content=b"{}")

    return httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://relay")


async def test_a_relay_that_never_takes_the_work_that_it_asks_for_is_left() -> None:
    asked: list[httpx.Request] = []
    async with asking_for("4", asked) as http:
        with pytest.raises(RefusedError, match="too often") as refusal:
            await mailbox(http).open()
    assert (refusal.value.reason, len(asked)) == ("work", MOST_TRIES)
    reads = {request.extensions["timeout"]["read"] for request in asked[1:]}
    assert reads == {155.0}, "an answer to work comes with the next turn"


@pytest.mark.parametrize("bits", ["1.5", "-1", "9" * 10, "many"])
async def test_a_relay_that_names_no_number_of_bits_is_not_understood(bits: str) -> None:
    async with asking_for(bits, []) as http:
        with pytest.raises(DecodeError):
            await mailbox(http).open()


async def test_a_relay_that_asks_for_endless_work_gets_none() -> None:
    asked: list[httpx.Request] = []
    async with asking_for("999", asked) as http:
        with pytest.raises(RefusedError, match="999 bits"):
            await mailbox(http).open()
    assert len(asked) == 1
