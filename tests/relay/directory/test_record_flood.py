"""A flood of valid records against one holder, with its room scaled down to twenty."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.directory.support import WALL, identity, seeded, worked
from tests.relay.directory_net import Member, Net, start
from zentalk.directory.records import LEAST_WORK_BITS, Decision, HeldRecord, decide
from zentalk.errors import RefusedError
from zentalk.ids import Day, day_at
from zentalk.relay.directory import record_store
from zentalk.wire.user_record import (
    RECORD_BYTES,
    OuterRecord,
    RecordContents,
    decode_record,
    seal_record,
)

TODAY = day_at(WALL)
ROOM = 20
HONEST = 8
EMPTY = RecordContents((), b"", b"")


def record(owner: int, day: int, bits: int) -> bytes:
    raw = seal_record(identity(owner), Day(day), 1, EMPTY, seeded(f"{owner}"))
    return worked(raw, bits)


@pytest.fixture
async def holder(autojump_clock: MockClock, tmp_path: Path) -> AsyncIterator[Member]:
    member = Net(tmp_path).add(0, max_record_bytes=ROOM * RECORD_BYTES)
    async with trio.open_nursery() as nursery:
        start(nursery, member)
        await trio.sleep(1)
        yield member
        nursery.cancel_scope.cancel()


async def flood(member: Member, bits: int) -> int:
    """Offer three times what fits, for a day at which records are worth most; how many went in."""
    taken = 0
    for owner in range(1_000, 1_000 + 3 * ROOM):
        with suppress(RefusedError):
            await member.service.records.put(record(owner, TODAY - 1, bits))
            taken += 1
    assert member.store.records_count() == ROOM
    return taken


async def still_there(member: Member, raws: list[bytes]) -> int:
    kept = 0
    for raw in raws:
        one = decode_record(raw)
        kept += await member.service.records.get(one.blinded_key, one.day) == raw
    return kept


async def put_honest(member: Member, bits: int) -> list[bytes]:
    raws = [record(owner, TODAY + 1, bits) for owner in range(HONEST)]
    for raw in raws:
        await member.service.records.put(raw)
    return raws


async def test_k8_a_flood_does_not_push_out_records_with_more_work(
    autojump_clock: MockClock, holder: Member
) -> None:
    honest = await put_honest(holder, LEAST_WORK_BITS + 4)
    assert await flood(holder, LEAST_WORK_BITS) >= ROOM - HONEST, "the flood is real"
    assert await still_there(holder, honest) == HONEST
    late = record(500, TODAY + 1, LEAST_WORK_BITS + 4)
    await holder.service.records.put(late)
    assert await still_there(holder, [late]) == 1, "and who brings work finds room"


@pytest.mark.slow
async def test_k8_control_a_flood_that_works_more_pushes_out(
    autojump_clock: MockClock, holder: Member
) -> None:
    """Control: it is the work that holds, and nothing else."""
    honest = await put_honest(holder, LEAST_WORK_BITS)
    await flood(holder, LEAST_WORK_BITS + 4)
    assert await still_there(holder, honest) <= 1


async def test_k8_control_without_work_in_the_order_the_flood_pushes_out(
    autojump_clock: MockClock, holder: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: the rule before, in which only the day counted."""

    def by_day(one: OuterRecord, now: float, **rest: Any) -> Decision:
        rest["least"] = furthest(rest["least"])
        return decide(replace(one, work=LEAST_WORK_BITS), now, **rest)

    def furthest(_least: HeldRecord | None) -> HeldRecord | None:
        row = holder.store._one(
            "SELECT blinded_key, day FROM user_record ORDER BY day DESC LIMIT 1", ()
        )
        return HeldRecord(row[0], row[1], LEAST_WORK_BITS) if row else None

    honest = await put_honest(holder, LEAST_WORK_BITS + 4)
    monkeypatch.setattr(record_store, "decide", by_day)
    await flood(holder, LEAST_WORK_BITS)
    assert await still_there(holder, honest) == 0
