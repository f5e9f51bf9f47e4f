"""Files stay where they are for months, whatever holders do; and would not if nobody looked."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.node.files.care.support import book_of, days, flip, holding, live, piece
from tests.node.files.conftest import Opened
from tests.node.files.shelves import Shelves
from tests.node.files.test_library import MIB, away, calls_of, data_of
from zentalk.errors import UnavailableError
from zentalk.mesh.audit import SILENT_SECONDS, ShardVerdict
from zentalk.node.files.care import checking, visits

DATA = data_of(70_000)


async def test_c5_leases_are_renewed_for_ninety_days(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(16)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        await away(alice, cid)
        puts = calls_of(shelves, "shard.put")
        await days(90)
        assert await live(alice, cid) == 15
        assert await alice.get(cid) == DATA
        # At the first look after a week, and nothing was put again.
        assert 11 <= calls_of(shelves, "shard.change") / len(holding(shelves)) <= 14
        assert calls_of(shelves, "shard.put") == puts
        assert (await alice.library.view(cid)).reason == ""


async def test_control_without_renewals_a_file_is_lost_after_thirty_days(
    opened: Opened, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "renewal_hour", lambda _: 2**31)
    shelves = Shelves(16)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        await away(alice, cid)
        await days(29)
        assert await live(alice, cid) == 15
        await days(3)
        assert await live(alice, cid) == 0
        assert (await alice.library.view(cid)).reason == visits.LOST_FILE
        with pytest.raises(UnavailableError):
            await alice.get(cid)


async def test_c7_holders_are_lost_one_by_one_and_the_file_stays_readable(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves, data = Shelves(24), data_of(2 * MIB + 9)
    async with opened(shelves) as alice:
        cid = await alice.put(data)
        await away(alice, cid)
        for _ in range(8):
            holding_now = [one for one in holding(shelves) if not one.dead]
            holding_now[0].dead = True
            await days(5)
            assert await alice.get(cid) == data
            await away(alice, cid)
        assert await live(alice, cid) >= 3 * 13
        book = await book_of(alice, cid)
        assert not {one for one in book.shards() if shelves.all[one].dead} - set(
            book.known.silent_since
        )


async def test_control_without_repair_eight_losses_are_the_end(
    opened: Opened, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits.FileVisits, "_repair", never)
    shelves = Shelves(24)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        await away(alice, cid)
        for shelf in [one for one in holding(shelves) if any(map(piece, one.contents.values()))][
            :8
        ]:
            shelf.dead = True
        await days(5)
        with pytest.raises(UnavailableError):
            await alice.get(cid)
        assert (await alice.library.view(cid)).reason == visits.SILENT


async def never(*_: object) -> None:
    await trio.lowlevel.checkpoint()


async def test_c7_flipped_bits_are_found_and_repaired(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(20)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        await away(alice, cid)
        wrong = [one for one in holding(shelves) if flip(one, piece)][:3]
        for shelf in [one for one in holding(shelves) if one not in wrong]:
            flip(shelf, piece)  # back again
        await days(1)
        book = await book_of(alice, cid)
        assert not {one.node_id for one in wrong} & {
            holder
            for holder, shards in book.shards().items()
            if any(n.segment == 0 for n in shards)
        }
        assert {one.verdict for one in book.known.known} == {ShardVerdict.RIGHT}
        await days(1)
        # Other bytes are no use to anybody: they were deleted.
        assert not any(piece(content) for one in wrong for content in one.contents.values())
        for shelf in [one for one in holding(shelves) if one not in wrong][:5]:
            shelf.dead = True
        assert await alice.get(cid) == DATA


async def test_control_without_reading_other_bytes_are_never_found(
    opened: Opened, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "SAMPLES", 0)
    shelves = Shelves(20)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        await away(alice, cid)
        for shelf in holding(shelves)[:6]:
            flip(shelf)
        await days(40)
        assert await live(alice, cid) == 15
        assert {one.verdict for one in (await book_of(alice, cid)).known.known} == {"right"}


async def test_silent_holders_count_as_lost_only_after_three_days(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(20)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        await away(alice, cid)
        puts = calls_of(shelves, "shard.put")
        gone = [one for one in holding(shelves) if any(map(piece, one.contents.values()))][:4]
        for shelf in gone:
            shelf.dead = True
        await days(3)
        assert len((await book_of(alice, cid)).known.silent_since) == 4
        assert calls_of(shelves, "shard.put") == puts
        await days(SILENT_SECONDS / 86_400)
        assert calls_of(shelves, "shard.put") > puts
        assert await live(alice, cid) == 15
        # Who comes back has what it had until its lease ends, and is a holder like any other.
        for shelf in gone:
            shelf.dead = False
        await days(2)
        assert not (await book_of(alice, cid)).known.silent_since


async def test_a_holder_that_says_it_has_shards_and_gives_none_is_silent(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(20)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        await away(alice, cid)
        broken = [one for one in holding(shelves) if any(map(piece, one.contents.values()))][:3]
        for shelf in broken:
            shelf.unreadable = True
        await days(6)
        book = await book_of(alice, cid)
        held = {
            holder for holder, some in book.shards().items() if any(n.segment == 0 for n in some)
        }
        assert not held & {one.node_id for one in broken}


async def test_a_node_that_was_off_takes_nobodys_silence_for_longer_than_it_saw(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(20)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        await away(alice, cid)
        puts = calls_of(shelves, "shard.put")
        gone = [one for one in holding(shelves) if any(map(piece, one.contents.values()))][:4]
        for shelf in gone:
            shelf.dead = True
        await days(1)
    await days(5)
    async with opened(shelves) as alice:
        await days(0.1)
        assert calls_of(shelves, "shard.put") == puts
        await days(4)
        assert calls_of(shelves, "shard.put") > puts


async def test_while_nobody_answers_nobody_is_taken_for_lost(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(20)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        await away(alice, cid)
        puts = calls_of(shelves, "shard.put")
        for shelf in shelves.all.values():
            shelf.dead = True
        await days(5)
        assert (await alice.library.view(cid)).reason == visits.SILENT
        held = [one for one in holding(shelves) if any(map(piece, one.contents.values()))]
        for shelf in shelves.all.values():
            shelf.dead = shelf in held[:3]
        await days(1)
        assert calls_of(shelves, "shard.put") == puts
        assert (await alice.library.view(cid)).reason == ""


async def test_c5_a_node_that_was_away_for_longer_than_leases_puts_what_it_has_again(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves, data = Shelves(16), data_of(2 * MIB)
    async with opened(shelves) as alice:
        cid = await alice.put(data)
        lost = await alice.put(DATA)
        await away(alice, lost)
    await days(40)
    async with opened(shelves) as alice:
        await days(1)
        assert await live(alice, cid) == 2 * 15
        assert (await alice.library.view(cid)).reason == ""
        assert (await alice.library.view(lost)).reason == visits.LOST_FILE
        await away(alice, cid)
        assert await alice.get(cid) == data


async def test_a_deleted_file_is_deleted_also_where_it_lay_before(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(20)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        gone = [one for one in holding(shelves) if any(map(piece, one.contents.values()))][:4]
        for shelf in gone:
            shelf.dead = True
        await days(5)
        for shelf in gone:
            shelf.dead = False
        assert shelves.shards() > 15 + 6
        await alice.library.delete(cid)
        await trio.sleep(3600)
        assert shelves.shards() == 0


async def test_c7_what_was_found_last_is_told(opened: Opened, autojump_clock: MockClock) -> None:
    shelves = Shelves(20)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        await away(alice, cid)
        before = (await alice.library.health(cid)).checked_at
        part = (await book_of(alice, cid)).parts[0]
        names = (await book_of(alice, cid)).file.holders
        corrupt, missing, silent = (shelves.all[names[place]] for place in part.places[:3])
        flip(corrupt, piece)
        for one in [one for one, content in missing.contents.items() if piece(content)]:
            del missing.contents[one], missing.kept[one]
        silent.dead = True
        await days(1)
        health = await alice.library.health(cid)
        assert (health.found_missing, health.found_corrupt, health.found_silent) == (1, 1, 1)
        assert before is not None
        assert health.checked_at is not None
        assert health.checked_at > before
        assert health.shards_live == 13


async def test_a_file_of_which_nobody_answered_is_looked_after_again_within_hours(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(20)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        before = (await book_of(alice, cid)).file.checked_at
        for shelf in shelves.all.values():
            shelf.dead = True
        await days(1)
        assert (await book_of(alice, cid)).file.checked_at == before
        for shelf in shelves.all.values():
            shelf.dead = False
        await days(0)
        assert (await book_of(alice, cid)).file.checked_at != before
