"""B8: the whole flow of mail over HTTP polling only."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.relay_http.harness import OPERATOR, SEND_ID, STRANGER, doors, send, texts
from zentalk.client.relay_mailbox import RelayMailbox
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import ConflictError, RefusedError
from zentalk.mailbox.http_credentials import decode_base64_any
from zentalk.mailbox.newcomers import Newcomers
from zentalk.relay_http import sessions as sessions_module
from zentalk.relay_http.routes import STATS_SECONDS
from zentalk.relay_http.session import WINDOW
from zentalk.relay_http.sessions import IDLE_SECONDS
from zentalk.wire.descriptor import decode_descriptor

OPERATES = {"Authorization": f"Bearer {OPERATOR}"}


async def test_b8_mail_goes_in_at_one_relay_and_is_polled_acknowledged_and_gone_at_another(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with doors(tmp_path, "r1", "r2", "r3") as (world, [first, _, last]):
        owner = last.owner()
        await owner.register(contacts=[SEND_ID])
        assert await owner.pending(0) == []
        for text in (b"one", b"two"):
            await send(world, first, ["r1", "r2", "r3"], text)
        await trio.sleep(1)
        waiting = await owner.pending()
        assert texts(waiting) == [b"one", b"two"]
        assert texts(await owner.pending()) == [b"one", b"two"], "not acknowledged: given again"
        await owner.acknowledge(waiting[:1])
        assert texts(await owner.pending()) == [b"two"]
        await owner.acknowledge(waiting)
        await owner.acknowledge(waiting)
        assert await owner.pending(0) == []
        await trio.sleep(5)
        stats = (await last.http().get("/relay/stats", headers=OPERATES)).json()
        assert (stats["deliverable"], stats["acknowledged"], stats["online"]) == (0, 2, 1)


async def test_b8_mail_that_came_while_nobody_polled_is_there_also_after_a_crash(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with doors(tmp_path, "r1", "r2", "r3") as (world, [first, _, last]):
        owner = last.owner()
        await owner.register(contacts=[SEND_ID])
        await trio.sleep(IDLE_SECONDS + 60)
        assert last.running.relay.stats().mailbox["online"] == 0
        texts_sent = [f"message {number}".encode() for number in range(80)]
        for text in texts_sent:
            await send(world, first, ["r1", "r2", "r3"], text)
        await trio.sleep(1)
        with pytest.raises(ConflictError):
            await owner.pending(0)  # its session has ended, and a generation counts once
        found: list[bytes] = []
        back = last.owner(generation=2)
        while waiting := await back.pending():
            assert len(waiting) <= WINDOW
            found += texts(waiting)
            await back.acknowledge(waiting)
        assert found == texts_sent


async def test_a_poll_waits_for_mail_and_no_longer_than_it_was_asked_to(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with doors(tmp_path, "r1", "r2", "r3") as (world, [first, _, last]):
        owner = last.owner()
        await owner.register(contacts=[SEND_ID])
        before = trio.current_time()
        assert await owner.pending(20) == []
        assert trio.current_time() - before == pytest.approx(20, abs=1)

        async def send_later() -> None:
            await trio.sleep(3)
            await send(world, first, ["r1", "r2", "r3"], b"late")

        world.nursery.start_soon(send_later)
        before = trio.current_time()
        assert texts(await owner.pending(20)) == [b"late"]
        assert trio.current_time() - before < 5


async def test_a_newer_session_takes_over_and_the_earlier_one_is_told(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with doors(tmp_path, "r1") as (_, [last]):
        owner, thief = last.owner(generation=5), last.owner(generation=4)
        await owner.register(contacts=[SEND_ID])
        with pytest.raises(ConflictError):
            await thief.pending(0)
        await last.owner(generation=6).pending(0)
        with pytest.raises(ConflictError):
            await owner.pending(0)


async def test_a_send_id_of_another_mailbox_is_not_given_away(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with doors(tmp_path, "r1") as (_, [last]):
        await last.owner().register(contacts=[SEND_ID])
        with pytest.raises(ConflictError):
            await last.owner(key=SigningKey(b"o" * 32)).register(contacts=[SEND_ID])


async def test_b8_b10_numbers_are_exact_for_the_operator_only_and_so_is_the_cleanup(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with doors(tmp_path, "r1", "r2", "r3") as (world, [first, _, last]):
        await last.owner().register(contacts=[SEND_ID])
        await trio.sleep(IDLE_SECONDS + 60)
        for number in range(17):
            await send(world, first, ["r1", "r2", "r3"], b"%d" % number)
        await trio.sleep(1)
        http = last.http()
        public = (await http.get("/relay/stats")).json()
        exact = (await http.get("/relay/stats", headers=OPERATES)).json()
        assert (public["total"], exact["total"]) == (10, 17)
        assert public["counters"] == {}
        sweeps = exact["counters"]["sweeps"]
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            assert (await http.post("/relay/cleanup", headers=headers)).status_code == 401
        for headers in (OPERATES, {"Authorization": f"bearer  {OPERATOR}"}):
            assert (await http.post("/relay/cleanup", headers=headers)).status_code == 202
        await trio.sleep(1)
        exact = (await http.get("/relay/stats", headers=OPERATES)).json()
        assert exact["counters"]["sweeps"] == sweeps + 2


async def test_whoever_sends_over_http_can_read_which_relays_there_are(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with doors(tmp_path, "r1", "r2", "r3") as (world, [first, *_]):
        found = (await first.http().get("/relay/descriptors")).json()["descriptors"]
        known = {decode_descriptor(decode_base64_any(item)).node_id for item in found}
        assert known == {running.node_id for running in world.relays.values()}


async def test_public_numbers_do_not_show_when_something_happens(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with doors(tmp_path, "r1", "r2", "r3") as (world, [first, _, last]):
        await last.owner().register(contacts=[SEND_ID])
        http = last.http()
        before = (await http.get("/relay/stats")).json()
        for number in range(30):
            await send(world, first, ["r1", "r2", "r3"], b"%d" % number)
        await trio.sleep(3)  # nobody acknowledges them, so they count once they are stored
        assert (await http.get("/relay/stats")).json() == before
        assert (await http.get("/relay/stats", headers=OPERATES)).json()["total"] == 30
        await trio.sleep(STATS_SECONDS)
        assert (await http.get("/relay/stats")).json()["total"] == 30


async def test_two_first_requests_at_once_share_one_session(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with doors(tmp_path, "r1") as (_, [last]):
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(last.owner().pending, 0)
        assert len(last.sessions._sessions) == 1


async def test_of_two_polls_the_earlier_ends(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with doors(tmp_path, "r1") as (world, [last]):
        await last.owner().register(contacts=[SEND_ID])
        ended = []

        async def poll(seconds: int) -> None:
            await last.owner().pending(seconds)
            ended.append(trio.current_time())

        world.nursery.start_soon(poll, 25)
        await trio.sleep(5)
        began = trio.current_time()
        await poll(10)
        assert ended[0] - began < 1
        assert ended[1] - began == pytest.approx(10, abs=1)


async def test_one_address_does_not_end_the_sessions_of_others(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions_module, "MAX_PER_SOURCE", 3)
    monkeypatch.setattr(sessions_module, "MAX_SESSIONS", 4)
    async with doors(tmp_path, "r1") as (_, [last]):
        await last.owner().pending(0)
        for number in range(6):
            key = SigningKey(bytes([number]) * 32)
            flooder = RelayMailbox(last.http(STRANGER), last.running.node_id, key, 1)
            if number < 3:
                await flooder.pending(0)
            else:
                with pytest.raises(RefusedError, match="503"):
                    await flooder.pending(0)
        assert await last.owner().pending(0) == [], "its session is still there"


async def test_a_relay_that_stops_acknowledges_nothing(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with doors(tmp_path, "r1") as (_, [last]):
        owner = last.owner()
        await owner.register(contacts=[SEND_ID])
        last.running.relay.wiring.connections.draining = True
        with pytest.raises(RefusedError, match="503"):
            await owner.acknowledge([])


async def test_a_relay_that_stops_says_so(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with doors(tmp_path, "r1", "r2") as (world, [_, last]):
        owner = last.owner()
        await owner.register(contacts=[SEND_ID])
        await world.stop("r2")
        answer = await last.http().post("/relay/send", content=bytes(10))
        assert answer.status_code == 422
        packet = world.deposit(world.hops("r1"), SEND_ID, b"late")
        assert (await last.http().post("/relay/send", content=packet)).status_code == 503


async def test_k45_a_new_mailbox_is_refused_while_it_costs_work_and_an_old_one_is_not(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with doors(tmp_path, "r1") as (_, [last]):
        await last.owner().pending(0)
        monkeypatch.setattr(Newcomers, "price", lambda _self, _now: 16)
        stranger = SigningKey(bytes(32))
        with pytest.raises(RefusedError, match="16 bits of work"):
            await RelayMailbox(last.http(), last.running.node_id, stranger, 1).pending(0)
        await trio.sleep(IDLE_SECONDS + 60)
        assert await last.owner(generation=9).pending(0) == []
