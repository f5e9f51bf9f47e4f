"""Devices that are away are woken in virtual time: once, late, and with nothing in it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.node.notify.phones import BOB, CAROL, SECONDS, WakingPart, waking, wall
from tests.node.notify.push_server import PushServer
from zentalk.ids import DAY_SECONDS
from zentalk.node.notify import wakes
from zentalk.node.notify.schedule import DEAD_SECONDS
from zentalk.node.notify.waker import Waker
from zentalk.store.history.push import PushRow

HOUR = 3600.0
LONG = SECONDS + 1


@pytest.fixture
def server() -> PushServer:
    return PushServer()


def times(server: PushServer) -> list[float]:
    return [at for at, *_ in server.requests]


async def test_a_device_that_is_away_is_woken_once_until_it_comes(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    async with waking(tmp_path, server) as part:
        device, phone = await part.phone()
        await trio.sleep(HOUR)
        for _ in range(50):
            await part.happen()
            await trio.sleep(HOUR)
        assert [body for _, body in phone.taken] == [b""]
        assert HOUR + SECONDS / 2 <= times(server)[0] <= HOUR + SECONDS
        assert (await part.row(device)).woken_at is not None
        part.visit(device)
        await trio.sleep(1)
        assert (await part.row(device)).woken_at is None
        await trio.sleep(DAY_SECONDS)
        assert len(phone.taken) == 1, "it has seen all that was there"
        await part.happen()
        await trio.sleep(LONG)
        assert len(phone.taken) == 2


async def test_what_happens_together_makes_one_wake_up_and_says_nothing(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    async with waking(tmp_path, server) as part:
        await part.phone()
        await part.happen(count=40)
        await trio.sleep(0.5)
        await part.happen(count=40)
        await trio.sleep(HOUR)
    [(_, path, headers, body)] = server.requests
    assert (path, len(body)) == ("/up1", 103)
    assert set(headers) == {
        *("ttl", "urgency", "topic", "user-agent", "content-type", "content-encoding")
    }


async def test_whoever_comes_by_itself_is_not_woken(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    async with waking(tmp_path, server) as part:
        device, _ = await part.phone()
        for _ in range(20):
            await part.happen()
            await trio.sleep(SECONDS / 4)
            part.visit(device)
            await trio.sleep(60)
        assert server.requests == []


async def test_an_open_stream_is_not_woken_but_when_it_ends_without_a_request_since(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    async with waking(tmp_path, server) as part:
        device, _ = await part.phone()
        part.attendance.began(device)
        await part.happen()
        await trio.sleep(HOUR)
        assert server.requests == []
        part.attendance.ended(device)
        ended = trio.current_time()
        await trio.sleep(LONG)
        assert len(server.requests) == 1
        assert ended + SECONDS / 2 <= times(server)[0] <= ended + SECONDS


async def test_only_what_a_device_wants_and_no_muted_conversation_wakes_it(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    async with waking(tmp_path, server) as part:
        await part.phone(types=("message.received", "contact."))
        await part.mute(BOB, wall() + DAY_SECONDS)
        for kind in ("message.state", "message.created", "conversation.read", "device.added"):
            await part.happen(kind, CAROL)
        await part.happen("message.received", BOB, count=200)
        await trio.sleep(HOUR)
        assert server.requests == []
        await part.happen("contact.requested", CAROL)
        await trio.sleep(LONG)
        assert len(server.requests) == 1


async def storm(part: WakingPart, device: str, days: int) -> None:
    """A device that comes at each wake-up, and something happens all the time."""
    for _ in range(days * 24 * 60):
        await part.happen()
        await trio.sleep(60)
        part.visit(device)


async def test_no_device_is_woken_more_often_than_push_servers_allow(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    async with waking(tmp_path, server) as part:
        device, _ = await part.phone()
        await storm(part, device, 1)
        at = times(server)
        assert wakes.PER_DAY <= len(at) <= wakes.PER_DAY + wakes.BURST + 1
        assert min(b - a for a, b in pairwise(at)) > wakes.SPACING_SECONDS - 1


async def test_control_without_the_allowance_each_minute_wakes(
    tmp_path: Path,
    server: PushServer,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wakes, "BURST", 1e9)
    async with waking(tmp_path, server) as part:
        device, _ = await part.phone()
        await storm(part, device, 1)
        assert len(server.requests) > 2 * (wakes.PER_DAY + 20)


async def restarted(folder: Path, server: PushServer) -> None:
    """Something happens, and the node ends before the wake-up is due; it wakes in its next life."""
    async with waking(folder, server) as part:
        device, _ = await part.phone()
        await trio.sleep(HOUR)
        part.visit(device)
        await trio.sleep(HOUR)
        await part.happen()
        await trio.sleep(SECONDS / 4)
    for _ in range(5):
        async with waking(folder, server) as part:
            await trio.sleep(HOUR)


async def test_a_restart_loses_no_wake_up_and_repeats_none(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    await restarted(tmp_path, server)
    assert len(server.requests) == 1


async def test_control_without_the_look_back_a_restart_loses_it(
    tmp_path: Path,
    server: PushServer,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def nothing(*_: object) -> int:
        return 0

    async with waking(tmp_path, server) as part:
        await part.phone()
        await part.happen()
    monkeypatch.setattr(Waker, "_missed", nothing)
    async with waking(tmp_path, server):
        await trio.sleep(HOUR)
    assert server.requests == []


async def test_restarts_do_not_wake_for_what_a_device_has_seen(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    async with waking(tmp_path, server) as part:
        device, _ = await part.phone()
        await part.happen(count=100)
        await trio.sleep(1)
        part.visit(device)
        await trio.sleep(120)
        part.visit(device)
        await trio.sleep(120)
    for _ in range(5):
        async with waking(tmp_path, server):
            await trio.sleep(HOUR)
    assert server.requests == []


async def test_a_device_that_came_before_a_restart_is_woken_for_the_next_event(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    async with waking(tmp_path, server) as part:
        device, phone = await part.phone()
        await part.happen()
        await trio.sleep(HOUR)
        assert len(phone.taken) == 1
    async with waking(tmp_path, server) as part:
        part.visit(device)
        await trio.sleep(HOUR)
        await part.happen()
        await trio.sleep(HOUR)
    assert len(phone.taken) == 2


@pytest.mark.parametrize("status", [0, 302, 408, 425, 429, 500, 502, 503, 507])
async def test_a_server_that_fails_is_asked_later_and_later_until_it_takes_it(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock, status: int
) -> None:
    async with waking(tmp_path, server) as part:
        device, phone = await part.phone()
        server.status = status
        await part.happen()
        await trio.sleep(DAY_SECONDS)
        count = len(server.requests)
        assert 24 <= count <= 60
        row = await part.row(device)
        assert (row.failures, row.stopped, row.woken_at) == (count, "", None)
        server.status = None
        await trio.sleep(HOUR)
        assert len(phone.taken) == 1
        row = await part.row(device)
        assert (row.failures, row.last_error, row.next_at) == (0, "", 0.0)


async def test_a_wish_to_wait_is_granted(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    async with waking(tmp_path, server) as part:
        await part.phone()
        server.status, server.retry_after = 429, 5_000
        await part.happen()
        await trio.sleep(4_000)
        server.status = None
        await trio.sleep(2_000)
        first, second = times(server)
        assert second - first >= 5_000


async def test_whoever_comes_while_the_server_fails_needs_no_wake_up(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    async with waking(tmp_path, server) as part:
        device, _ = await part.phone()
        server.status = 503
        await part.happen()
        await trio.sleep(HOUR)
        part.visit(device)
        count = len(server.requests)
        await trio.sleep(DAY_SECONDS)
        assert len(server.requests) == count


async def test_what_failed_for_three_days_is_given_up_until_the_device_comes(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    async with waking(tmp_path, server) as part:
        device, phone = await part.phone()
        server.status = 500
        await part.happen()
        await trio.sleep(DEAD_SECONDS + 3 * HOUR)
        count = len(server.requests)
        await part.happen()
        await trio.sleep(3 * DAY_SECONDS)
        assert len(server.requests) == count
        server.status = None
        part.visit(device)
        await trio.sleep(1)
        await part.happen()
        await trio.sleep(HOUR)
        assert len(phone.taken) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 405, 413, 415])
async def test_what_a_server_will_never_take_is_not_tried_again(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock, status: int
) -> None:
    async with waking(tmp_path, server) as part:
        device, _ = await part.phone()
        server.status = status
        await part.happen()
        await trio.sleep(DAY_SECONDS)
        await part.happen()
        await trio.sleep(DAY_SECONDS)
        assert len(server.requests) == 1
        row = await part.row(device)
        assert (row.last_error, row.stopped) == (f"the answer was {status}", "")
        server.status = None
        part.visit(device)
        await trio.sleep(1)
        await part.happen()
        await trio.sleep(HOUR)
        assert len(server.requests) == 2


@pytest.mark.parametrize("status", [404, 410])
async def test_an_endpoint_that_is_gone_is_used_no_more_until_it_is_registered_again(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock, status: int
) -> None:
    async with waking(tmp_path, server) as part:
        device, phone = await part.phone()
        server.status = status
        await part.happen()
        await trio.sleep(LONG)
        for _ in range(3):
            part.visit(device)
            await part.happen()
            await trio.sleep(DAY_SECONDS)
        assert len(server.requests) == 1
        assert (await part.row(device)).stopped == f"the answer was {status}"
        [told] = [e for e in (await part.log.page(0, 100)).events if e.type == "push.stopped"]
        assert told.data == {
            "id": device, "host": "push.example", "reason": f"the answer was {status}",
        }  # fmt: skip
        server.status = None
        await part.register(device, phone)
        await part.happen()
        await trio.sleep(LONG)
        assert len(phone.taken) == 1
        assert (await part.kinds()).count("push.added") == 1


async def revoked(folder: Path, server: PushServer) -> None:
    """A device is revoked between an event and its wake-up, and things go on."""
    async with waking(folder, server) as part:
        device, _ = await part.phone()
        await part.happen()
        await trio.sleep(SECONDS / 4)
        await part.tokens.revoke(device)
        for _ in range(5):
            await part.happen()
            await trio.sleep(HOUR)
        assert await part.push.listing() == []
    async with waking(folder, server) as part:
        await part.happen()
        await trio.sleep(HOUR)


async def test_a_revoked_device_is_woken_no_more(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    await revoked(tmp_path, server)
    assert server.requests == []


async def test_control_without_the_second_look_at_the_row_it_is(
    tmp_path: Path,
    server: PushServer,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row_of, known = Waker._row, dict[str, PushRow | None]()

    async def remembered(self: Waker, device: str) -> PushRow | None:
        known[device] = known.get(device) or await row_of(self, device)
        return known[device]

    monkeypatch.setattr(Waker, "_row", remembered)
    await revoked(tmp_path, server)
    assert server.requests != []


async def test_another_endpoint_takes_the_place_of_the_one_before(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    async with waking(tmp_path, server) as part:
        device, old = await part.phone()
        await part.happen()
        await trio.sleep(SECONDS / 4)
        new = server.subscribe("/up2")
        await part.register(device, new)
        await part.happen()
        await trio.sleep(HOUR)
        assert (len(old.taken), len(new.taken)) == (0, 1)
        assert len(await part.push.listing()) == 1


async def test_a_slow_server_keeps_no_other_device_waiting(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    async with waking(tmp_path, server) as part:
        _, one = await part.phone()
        other, two = await part.device("tablet"), server.subscribe("/up2")
        await part.register(other, two)
        server.seconds = 14.0
        await part.happen()
        await trio.sleep(SECONDS + 15)
        assert len(one.taken) == len(two.taken) == 1


async def test_in_the_profile_strong_a_wake_up_comes_minutes_later(
    tmp_path: Path, server: PushServer, autojump_clock: MockClock
) -> None:
    async with waking(tmp_path, server, 300.0) as part:
        await part.phone()
        await part.happen()
        await trio.sleep(HOUR)
        assert 150 <= times(server)[0] <= 301
