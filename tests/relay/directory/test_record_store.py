from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.directory.support import WALL, identity, seeded, worked
from tests.relay.directory_net import Member, Net, start, until
from zentalk.directory.records import Keep
from zentalk.errors import AuthenticationError, DecodeError, RefusedError, StorageError
from zentalk.ids import DAY_SECONDS, Day, day_at
from zentalk.relay.directory import record_store
from zentalk.relay.directory.service import TICK_SECONDS
from zentalk.wire.rpc import decode_response
from zentalk.wire.rpc_directory import (
    decode_record_get_response,
    encode_record_get_request,
    encode_record_put_request,
)
from zentalk.wire.user_record import RecordContents, decode_record, seal_record

TODAY = day_at(WALL)
EMPTY = RecordContents((), b"", b"")


@pytest.fixture
def net(tmp_path: Path) -> Net:
    return Net(tmp_path)


@pytest.fixture
async def nursery() -> AsyncIterator[trio.Nursery]:
    async with trio.open_nursery() as nursery:
        yield nursery
        nursery.cancel_scope.cancel()


def record(owner: int, day: int = TODAY, sequence: int = 1) -> bytes:
    return worked(seal_record(identity(owner), Day(day), sequence, EMPTY, seeded(f"{sequence}")))


async def put(net: Net, member: Member, raw: bytes) -> None:
    body = await net.client(member.node_id).request(encode_record_put_request(raw))
    decode_response(body).end()


async def get(net: Net, member: Member, raw: bytes) -> bytes:
    record = decode_record(raw)
    call = encode_record_get_request(record.blinded_key, record.day)
    return decode_record_get_response(await net.client(member.node_id).request(call))


async def test_a_record_is_held_and_found(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    member = net.add(0)
    start(nursery, member)
    await trio.sleep(1)
    raw = record(500)
    assert await get(net, member, raw) == b""
    await put(net, member, raw)
    await put(net, member, raw)
    assert await get(net, member, raw) == raw


async def test_k8_overwrites_rollbacks_and_strange_days_are_refused_everywhere(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    members = [net.add(0), net.add(1, [0]), net.add(2, [0])]
    start(nursery, *members)
    await until(net, 10)
    newest = record(500, sequence=5)
    for member in members:
        await put(net, member, newest)
        for raw, reason in (
            (record(500, sequence=4), "stale"),
            (record(500, TODAY - 2), "expired"),
            (record(500, TODAY + 40), "early"),
        ):
            with pytest.raises(RefusedError) as refusal:
                await put(net, member, raw)
            assert refusal.value.reason == reason
        forged = worked(newest[:37] + (2**60).to_bytes(8, "big") + newest[45:])
        for bad, fault in ((forged, AuthenticationError), (newest + b"!", DecodeError)):
            with pytest.raises(fault):
                await service_put(member, bad)
        assert await get(net, member, newest) == newest


async def service_put(member: Member, raw: bytes) -> None:
    await member.service.records.put(raw)


async def test_k8_without_the_rules_the_old_record_is_back(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control."""
    member = net.add(0)
    start(nursery, member)
    await trio.sleep(1)
    await put(net, member, record(500, sequence=5))
    monkeypatch.setattr(record_store, "decide", lambda one, now, **rest: Keep(one))
    await put(net, member, record(500, sequence=4))
    assert decode_record(await get(net, member, record(500))).sequence == 4


async def test_only_holders_take_a_record(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    members = [net.add(0), *(net.add(number, [0]) for number in range(1, 60))]
    start(nursery, *members)
    await until(net, 12)
    raw = record(500)
    outcomes = []
    for member in members:
        try:
            await put(net, member, raw)
            outcomes.append("taken")
        except RefusedError as refusal:
            outcomes.append(refusal.reason)
    assert set(outcomes) == {"taken", "not-holder"}
    assert 14 <= outcomes.count("taken") <= 32


async def test_strange_days_cost_no_map_of_all_relays(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    member = net.add(0)
    start(nursery, member)
    await trio.sleep(1)
    for day in (0, TODAY - 2, TODAY + 10, 2**32 - 1):
        with pytest.raises(RefusedError):
            await put(net, member, record(500, day=day))
    assert member.service.records._maps._maps == {}
    await put(net, member, record(500))
    assert list(member.service.records._maps._maps) == [TODAY]


@pytest.mark.slow
async def test_records_survive_a_restart_and_go_when_their_days_are_over(
    autojump_clock: MockClock, net: Net, tmp_path: Path
) -> None:
    raw = record(500)
    member = net.add(0)
    async with trio.open_nursery() as nursery:
        start(nursery, member)
        await trio.sleep(1)
        await put(net, member, raw)
        nursery.cancel_scope.cancel()
    member.store.close()
    restarted = Net(tmp_path)
    again = restarted.add(0)
    async with trio.open_nursery() as nursery:
        start(nursery, again)
        await trio.sleep(1)
        assert await get(restarted, again, raw) == raw
        await trio.sleep(2 * DAY_SECONDS)
        assert await get(restarted, again, raw) == b""
        assert again.store.records_count() == 0
        nursery.cancel_scope.cancel()


async def test_a_failing_disk_stops_nothing_and_news_is_kept(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = net.add(0), net.add(1, [0])
    real = first.store.save_descriptors

    def broken(*args: object) -> None:
        raise StorageError("the disk is gone")

    monkeypatch.setattr(first.store, "save_descriptors", broken)
    start(nursery, first, second)
    await until(net, 10)
    await trio.sleep(2 * TICK_SECONDS)
    assert first.service._tasks.news.failures > 0
    for name in ("record", "save_record"):
        monkeypatch.setattr(first.store, name, broken)
    for question in (put, get):
        with pytest.raises(RefusedError, match="unavailable"):
            await question(net, first, record(500))
    monkeypatch.setattr(first.store, "save_descriptors", real)
    await trio.sleep(2 * TICK_SECONDS)
    assert second.own.raw in first.store.descriptors()
