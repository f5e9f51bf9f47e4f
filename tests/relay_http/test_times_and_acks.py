"""B4 and B7 over HTTP polling: expired mail, and acks that come twice."""

from __future__ import annotations

from pathlib import Path

import trio
from trio.testing import MockClock

from tests.relay_http.harness import OPERATOR, SEND_ID, doors, send, texts
from zentalk.ids import DAY_SECONDS

HOUR = 3600
OPERATES = {"Authorization": f"Bearer {OPERATOR}"}


async def test_b4_what_is_over_is_given_to_no_poll_and_what_is_not_is(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """One message has an hour of its own, the other one the two for which the relay keeps mail."""
    async with doors(tmp_path, "r1", "r2", "r3") as (world, [first, _, last]):
        await last.owner().register(contacts=[SEND_ID])
        for text, ttl_seconds in ((b"an hour", HOUR), (b"thirty days", 30 * DAY_SECONDS)):
            await send(world, first, ["r1", "r2", "r3"], text, ttl_seconds=ttl_seconds)
        await trio.sleep(60)
        assert texts(await last.owner().pending()) == [b"an hour", b"thirty days"]
        await trio.sleep(2 * HOUR - 60)
        assert texts(await last.owner(generation=2).pending()) == [b"thirty days"]
        await trio.sleep(HOUR)
        assert await last.owner(generation=3).pending() == []
        stats = (await last.http().get("/relay/stats", headers=OPERATES)).json()
        assert (stats["deliverable"], stats["expired"]) == (0, 2)


async def test_b7_a_second_ack_over_http_stands_for_nothing_newer(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with doors(tmp_path, "r1", "r2", "r3") as (world, [first, _, last]):
        owner = last.owner()
        await owner.register(contacts=[SEND_ID])
        await send(world, first, ["r1", "r2", "r3"], b"older")
        older = await owner.pending(5)
        await owner.acknowledge(older)
        await send(world, first, ["r1", "r2", "r3"], b"newer")
        assert texts(await owner.pending(5)) == [b"newer"]
        await owner.acknowledge([*older, *older])
        assert texts(await owner.pending(5)) == [b"newer"]
        await trio.sleep(3)  # what nobody acknowledges is on the disk then
        stats = (await last.http().get("/relay/stats", headers=OPERATES)).json()
        assert (stats["deliverable"], stats["acknowledged"]) == (1, 1)
