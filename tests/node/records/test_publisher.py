"""When an owner's records are offered, and what holders learn of its node from them (K55)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.directory.support import WALL
from tests.node.records.owners import HOUR, TODAY, Holders, Owner
from zentalk.directory.records import LEAST_WORK_BITS, best
from zentalk.ids import Day, MailboxId
from zentalk.node.messages.routes import current
from zentalk.node.records import holders as holder_client
from zentalk.node.records import publisher, schedule
from zentalk.node.records.own_records import OwnRecords
from zentalk.store.history import own_records, terms
from zentalk.store.history.models import OwnMailbox
from zentalk.store.history.own_records import OwnRecord, RecordState
from zentalk.store.sqlite import Transaction
from zentalk.wire.rpc import encode_refusal
from zentalk.wire.user_record import (
    OuterRecord,
    RecordContents,
    decode_record,
    open_record,
    seal_record,
)

Pair = tuple[Owner, Owner]

OFTEN = 12 * HOUR


@pytest.fixture
async def pair(
    autojump_clock: MockClock,
    tmp_path: Path,
    nursery: trio.Nursery,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Pair]:
    """Two owners at the same holders; days pass, so work and looking at the clock are cheap."""
    monkeypatch.setattr(holder_client, "PUBLISHED_WORK_BITS", LEAST_WORK_BITS)
    monkeypatch.setattr(publisher, "CHECK_SECONDS", 600.0)
    holders = Holders(tmp_path)
    owners = Owner(holders, tmp_path, 1), Owner(holders, tmp_path, 2)
    for owner in owners:
        nursery.start_soon(owner.write_in)
        await owner.settle_in()
    yield owners
    nursery.cancel_scope.cancel()
    with trio.CancelScope(shield=True):
        await trio.testing.wait_all_tasks_blocked()
    for owner in owners:
        owner.database.close()


async def days_of_two(pair: Pair, nursery: trio.Nursery) -> float:
    """Both are on for a day. Then one stays on and starts anew each day, one is off for three.

    Returns when that one went off. At the end both are on again.
    """
    busy, away = pair
    lives = {owner: await nursery.start(owner.run) for owner in pair}
    await busy.holders.pass_hours(24)
    lives[away].cancel()
    left_at = away.runtime.wall()
    for _ in range(3):
        lives[busy].cancel()
        lives[busy] = await nursery.start(busy.run)
        await busy.holders.pass_hours(24)
    return left_at


async def test_k55_a_day_on_and_three_days_off_read_alike_at_every_holder(
    autojump_clock: MockClock, pair: Pair, nursery: trio.Nursery
) -> None:
    busy, away = pair
    holders = busy.holders
    await days_of_two(pair, nursery)
    readable = range(TODAY - 1, TODAY + 5)
    for owner in pair:
        seen = holders.seen(owner.address)
        assert {day: seen[day] for day in readable} == {day: [0] for day in readable}
        assert {holders.offers(owner.address, day) for day in readable} == {1}
    await nursery.start(away.run)
    await holders.pass_hours(24)
    assert holders.seen(busy.address) == holders.seen(away.address)
    assert {tuple(sequences) for sequences in holders.seen(away.address).values()} == {(0,)}


async def test_k55_control_sealed_anew_by_the_clock_they_are_told_apart(
    autojump_clock: MockClock,
    pair: Pair,
    nursery: trio.Nursery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Control: at each start and twice a day, under the time of sealing."""
    plan = OwnRecords.plan

    def by_the_clock(
        records: OwnRecords, tx: Transaction, now: float, working: frozenset[MailboxId]
    ) -> list[OwnRecord]:
        for row in plan(records, tx, now, working):
            contents = records._contents(tx, row.day)
            if contents and schedule.is_urgent(row.day, now) and now - row.sequence >= OFTEN:
                sealed = records._seal(row.day, int(now), contents, now)
                own_records.put(tx, replace(sealed, state=RecordState.OFFERED))
        return own_records.every(tx)

    def forgetting(_records: OwnRecords, tx: Transaction, now: float) -> None:
        for row in own_records.every(tx):
            own_records.put(tx, replace(row, sequence=0))

    monkeypatch.setattr(OwnRecords, "plan", by_the_clock)
    monkeypatch.setattr(OwnRecords, "resume", forgetting)
    busy, away = pair
    left_at = await days_of_two(pair, nursery)
    last_seen = {owner: max(map(max, busy.holders.seen(owner.address).values())) for owner in pair}
    assert left_at - OFTEN <= last_seen[away] <= left_at
    assert last_seen[busy] >= busy.runtime.wall() - OFTEN


async def test_what_holders_lost_is_offered_again_with_the_same_bytes(
    autojump_clock: MockClock, pair: Pair, nursery: trio.Nursery
) -> None:
    owner, _ = pair
    await nursery.start(owner.run)
    await owner.holders.pass_hours(1)
    [before] = {one.statement for one in owner.holders.held(owner.address, TODAY)}
    owner.holders.lose_all()
    await owner.holders.pass_hours(schedule.LOOK_SECONDS / HOUR)
    assert {one.statement for one in owner.holders.held(owner.address, TODAY)} == {before}
    assert len(owner.holders.held(owner.address, TODAY)) == len(owner.holders.members)


async def test_k55_a_change_shows_hours_later_while_a_mailbox_of_the_old_record_works(
    autojump_clock: MockClock, pair: Pair, nursery: trio.Nursery
) -> None:
    owner, other = pair
    for one in pair:
        await nursery.start(one.run)
    await owner.holders.pass_hours(8)
    for one in pair:
        kept = max(one.working)
        slot = next(row.slot for row in await current_mailboxes(one) if row.mailbox != kept)
        one.working = frozenset({kept, await one.move(slot)})
        one.publisher.changed(one.working)
    await trio.sleep(60)
    assert set(map(tuple, owner.holders.seen(other.address).values())) == {(0,)}
    await owner.holders.pass_hours(6)
    for one in pair:
        seen = owner.holders.seen(one.address)
        changes = [seen[day] for day in range(TODAY - 1, TODAY + 8)]
        assert {len(sequences) for sequences in changes} == {2}
        hours = {at % 24 for _, at in changes}
        assert len(hours) > 2, "the days do not change together"
    [shown] = {open_record(one, owner.address) for one in owner.holders.held(owner.address, TODAY)}
    relays = {row.relay for row in await current_mailboxes(owner)}
    assert {entry.relay for entry in shown.mailboxes} == relays


async def test_a_change_shows_at_once_if_no_mailbox_of_the_old_record_works(
    autojump_clock: MockClock, pair: Pair, nursery: trio.Nursery
) -> None:
    owner, _ = pair
    await nursery.start(owner.run)
    await owner.holders.pass_hours(8)
    owner.working = frozenset([await owner.move(0), await owner.move(1)])
    owner.publisher.changed(owner.working)
    await trio.sleep(60)
    relays = {row.relay for row in await current_mailboxes(owner)}
    for day in range(TODAY - 1, TODAY + 2):
        for record in owner.holders.held(owner.address, Day(day)):
            contents = open_record(record, owner.address)
            assert {entry.relay for entry in contents.mailboxes} == relays
            assert record.sequence == schedule.sequence_of_change(Day(day), WALL + 8 * HOUR, 0)


async def test_an_old_copy_of_a_folder_stands_above_what_was_published_since(
    autojump_clock: MockClock, tmp_path: Path, pair: Pair, nursery: trio.Nursery
) -> None:
    """So does a new folder, which does not know that there were records before."""
    old, _ = pair
    new = Owner(old.holders, tmp_path, 1, "new")
    nursery.start_soon(new.write_in)
    await new.settle_in()
    sequence = 0
    for owner in (old, new, old):
        life = await nursery.start(owner.run)
        await owner.holders.pass_hours(schedule.SPREAD_SECONDS / HOUR + 1)
        relays = {row.relay for row in await current_mailboxes(owner)}
        for record in owner.holders.held(owner.address, TODAY):
            entries = open_record(record, owner.address).mailboxes
            assert {entry.relay for entry in entries} == relays
            assert (record.sequence > sequence) == (sequence > 0 or owner is new)
        sequence = max(one.sequence for one in owner.holders.held(owner.address, TODAY))
        life.cancel()


async def replaced(
    tmp_path: Path,
    pair: Pair,
    nursery: trio.Nursery,
    before_the_last: Callable[[], None] = lambda: None,
) -> Owner:
    """Another node of the first owner is promoted; then that owner comes back for a while."""
    old, _ = pair
    promoted = Owner(old.holders, tmp_path, 1, "promoted")
    nursery.start_soon(promoted.write_in)
    await promoted.settle_in()
    await promoted.database.write(lambda tx: terms.put_own(tx, 1))
    for owner, hours in (
        (old, 1.0),
        (promoted, schedule.SPREAD_SECONDS / HOUR + 1),
        (old, schedule.LOOK_SECONDS / HOUR + 1),
    ):
        if hours > schedule.LOOK_SECONDS / HOUR:
            before_the_last()
        life = await nursery.start(owner.run)
        await old.holders.pass_hours(hours)
        life.cancel()
    return old


async def test_a_node_that_finds_a_higher_term_seals_nothing_above_it(
    autojump_clock: MockClock, tmp_path: Path, pair: Pair, nursery: trio.Nursery
) -> None:
    old = await replaced(tmp_path, pair, nursery)
    assert (await old.client().find_record(old.address, TODAY)).term == 1
    assert await old.database.read(terms.outdone_by) == 1


async def test_control_one_that_does_not_look_at_terms_is_found_again(
    autojump_clock: MockClock,
    tmp_path: Path,
    pair: Pair,
    nursery: trio.Nursery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = OwnRecords._shown

    def without_term(records: OwnRecords, record: OuterRecord) -> RecordContents | None:
        found = shown(records, record)
        return None if found is None else replace(found, term=0)

    old = await replaced(
        tmp_path, pair, nursery, lambda: monkeypatch.setattr(OwnRecords, "_shown", without_term)
    )
    assert (await old.client().find_record(old.address, TODAY)).term == 0
    assert await old.database.read(terms.outdone_by) == 0


async def test_of_two_records_the_one_of_the_higher_term_is_read(
    autojump_clock: MockClock, pair: Pair, nursery: trio.Nursery
) -> None:
    """Whatever their sequences are: holders keep the highest, and may have different ones."""
    owner, _ = pair
    life = await nursery.start(owner.run)
    await owner.holders.pass_hours(1)
    life.cancel()
    contents = open_record(owner.holders.held(owner.address, TODAY)[0], owner.address)
    records = [
        decode_record(
            seal_record(
                owner.identity, TODAY, sequence, replace(contents, term=term), owner.runtime.entropy
            )
        )
        for term, sequence in ((1, 5), (0, 9), (0, 7))
    ]
    for order in (records, records[::-1]):
        found = holder_client._newest(order, owner.address)
        assert found is not None
        assert found.term == 1
    assert best(records) is records[1]


async def test_an_old_copy_that_would_say_the_same_takes_over_what_holders_have(
    autojump_clock: MockClock, pair: Pair, nursery: trio.Nursery
) -> None:
    owner, _ = pair
    life = await nursery.start(owner.run)
    await owner.holders.pass_hours(1)
    life.cancel()
    [held] = {one.statement for one in owner.holders.held(owner.address, TODAY)}
    contents = open_record(owner.holders.held(owner.address, TODAY)[0], owner.address)
    raw = seal_record(owner.identity, TODAY, 5, contents, owner.runtime.entropy)
    await owner.client().publish_record(raw)
    await nursery.start(owner.run)
    await owner.holders.pass_hours(schedule.LOOK_SECONDS / HOUR)
    [later] = {one.statement for one in owner.holders.held(owner.address, TODAY)}
    assert later == decode_record(raw).statement != held
    [today] = [row for row in await owner.rows() if row.day == TODAY]
    assert today.raw is not None
    assert decode_record(today.raw).statement == later


async def test_holders_that_only_claim_to_have_a_later_record_do_not_keep_a_node_busy(
    autojump_clock: MockClock, pair: Pair, nursery: trio.Nursery
) -> None:
    owner, _ = pair
    for member in owner.holders.members:
        member.answers = lambda method: encode_refusal("stale")
    await nursery.start(owner.run)
    await owner.holders.pass_hours(12)
    assert 10 < len(owner.holders.seen(owner.address)[TODAY]) < 40


async def test_a_clock_that_was_a_year_ahead_for_a_moment_leaves_nothing_behind(
    autojump_clock: MockClock, pair: Pair, nursery: trio.Nursery
) -> None:
    owner, _ = pair
    await nursery.start(owner.run)
    await owner.holders.pass_hours(1)
    records = OwnRecords(owner.identity, owner.runtime.entropy)
    for now in (WALL + 365 * 24 * HOUR, owner.runtime.wall()):
        await owner.database.write(
            lambda tx, now=now: records.plan(tx, now, owner.working)  # type: ignore[misc]  # default binds the loop variable
        )
    await owner.holders.pass_hours(2)
    assert {row.day for row in await owner.rows()} == set(range(TODAY - 1, TODAY + 9))
    [today] = [row for row in await owner.rows() if row.day == TODAY]
    assert {one.sequence for one in owner.holders.held(owner.address, TODAY)} == {today.sequence}


async def test_a_node_that_knows_no_relay_any_more_looks_again_later(
    autojump_clock: MockClock, pair: Pair, nursery: trio.Nursery
) -> None:
    owner, _ = pair
    members = owner.holders.members
    owner.holders.members = []
    await nursery.start(owner.run)
    await trio.sleep(120)
    assert not owner.publisher.published.is_set()
    owner.holders.members = members
    await owner.holders.pass_hours(1)
    assert owner.publisher.published.is_set()
    owner.holders.members = []
    await owner.holders.pass_hours(schedule.LOOK_SECONDS / HOUR)
    owner.holders.members = members
    await owner.holders.pass_hours(1)
    assert all(row.state is RecordState.HELD for row in await owner.rows() if row.day == TODAY)


async def current_mailboxes(owner: Owner) -> list[OwnMailbox]:
    """Return the mailboxes that an owner has now."""
    return await owner.database.read(current)
