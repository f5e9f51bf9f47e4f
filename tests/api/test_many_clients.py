"""50 clients at once on one node: they read, write and follow streams, and see no error."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import trio

from tests.api.double import BOB, TOKEN
from tests.api.live import live_node
from zentalk.client import AsyncClient
from zentalk.wire.text import format_address

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

CLIENTS = 50
ROUNDS = 3
MESSAGES = f"/v1/conversations/{format_address(BOB)}/messages"
KINDS = ["message.created"]
PATIENCE_SECONDS = 300


class Crowd:
    """What the clients have sent, and what each has seen in its stream."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sent: list[str] = []
        self.streams: list[list[str]] = []
        self.following = 0
        self.all_follow = trio.Event()

    async def client(self, number: int) -> None:
        """Follow the stream on one connection, and read and write on another."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            httpx.AsyncClient(base_url=self.url, headers=headers, timeout=PATIENCE_SECONDS) as rest,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(self._follow)
            await self.all_follow.wait()
            for turn in range(ROUNDS):
                text = f"{number}.{turn}"
                sent = await rest.post(
                    MESSAGES, json={"text": text}, headers={"Idempotency-Key": text}
                )
                assert sent.status_code == 202, sent.text
                self.sent.append(sent.json()["id"])
                for path in (MESSAGES, "/v1/conversations", "/v1/events?wait=0.01", "/v1/me"):
                    answer = await rest.get(path)
                    assert answer.status_code == 200, answer.text

    async def _follow(self) -> None:
        seen: list[str] = []
        self.streams.append(seen)
        async with (
            AsyncClient(self.url, TOKEN) as client,
            client.stream_events(types=KINDS) as feed,
        ):
            self.following += 1
            if self.following == CLIENTS:
                self.all_follow.set()
            while len(seen) < CLIENTS * ROUNDS:
                seen.append((await anext(feed)).data["id"])


async def test_50_clients_read_write_and_follow_without_an_error(tmp_path: Path) -> None:
    async with live_node(tmp_path) as live:
        await live.node.add_contact(BOB, "Bob")
        crowd = Crowd(live.url)
        with trio.fail_after(PATIENCE_SECONDS):
            async with trio.open_nursery() as nursery:
                for number in range(CLIENTS):
                    nursery.start_soon(crowd.client, number)
        kept = [event.data["id"] for event in await live.node.events(0) if event.type in KINDS]
    assert sorted(kept) == sorted(crowd.sent)
    assert len(set(kept)) == CLIENTS * ROUNDS
    assert crowd.streams == [kept] * CLIENTS
