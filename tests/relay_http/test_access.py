"""A private relay's door, and what banned addresses read there."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from trio.testing import MockClock

from tests.relay.harness import Running
from tests.relay_http.harness import OpenDoor, doors
from tests.relay_http.test_link_socket import Client, scope
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import RefusedError
from zentalk.net.runtime import seeded_entropy
from zentalk.relay.access.bans import Ban, range_of
from zentalk.relay.access.files import write_bans
from zentalk.relay_http.link_socket import LinkSocket

HERE = ("192.0.2.7", 1)
BESIDE = ("192.0.2.8", 1)


def reload(running: Running, *bans: Ban, **changes: object) -> None:
    relay = running.relay
    write_bans(relay._settings.directory, bans)
    relay.reload(relay._settings.model_copy(update=changes))


async def price_from(door: OpenDoor, client: tuple[str, int]) -> tuple[int, str]:
    answer = await door.http(client).get("/relay/price")
    return answer.status_code, answer.json().get("detail", "")


async def test_d5_a_banned_address_reads_why_and_until_when(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with doors(tmp_path, "r1") as (_, (door,)):
        assert await price_from(door, HERE) == (200, ""), "the control"
        reload(door.running, Ban(range_of(HERE[0]), 1_900_000_000, "floods of packets"))
        answer = await door.http(HERE).get("/relay/price")
        assert answer.status_code == 403
        assert answer.headers["Retry-After"] == "Sun, 17 Mar 2030 17:46:40 GMT"
        assert answer.json()["detail"] == (
            "this address is banned from this relay until Sun, 17 Mar 2030 17:46:40 GMT: floods of"
            " packets"
        )
        assert (await price_from(door, BESIDE))[0] == 200
        assert door.running.relay.stats().refused["banned"] == 1
        reload(door.running, Ban(range_of("192.0.2.0/24")))
        status, detail = await price_from(door, BESIDE)
        assert (status, detail) == (
            403,
            "this address is banned from this relay; its operator gave no reason",
        )


async def test_a_banned_address_gets_no_websocket(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with doors(tmp_path, "r1") as (_, (door,)):
        reload(door.running, Ban(range_of(HERE[0])))
        for host, expected in (
            (HERE[0], "websocket.http.response"),
            (BESIDE[0], "websocket.accept"),
        ):
            client = Client()
            accept = door.running.relay.wiring.connections.accept
            links = LinkSocket(door.door, partial(accept, 0))
            await links(scope(host), client.receive, client.send)
            assert client.sent[0]["type"].startswith(expected)


async def test_d15_a_private_relay_takes_no_packets_and_makes_no_mailboxes_over_http(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with doors(tmp_path, "r1") as (_, (door,)):
        packet = bytes(2560)
        assert (await door.http().post("/relay/send", content=packet)).status_code == 202
        await door.owner().pending()  # a mailbox that is there before
        reload(door.running, private=("links", "mailboxes"))
        answer = await door.http().post("/relay/send", content=packet)
        assert answer.status_code == 403
        assert "only those who have a token of it" in answer.json()["detail"]
        assert (await price_from(door, HERE))[0] == 403
        await door.owner(2).pending()
        with pytest.raises(RefusedError, match="only those who have a token of it"):
            await door.owner(1, SigningKey.generate(seeded_entropy(b"new"))).pending()
