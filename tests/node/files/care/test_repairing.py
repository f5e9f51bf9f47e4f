"""Repairs: to the same shards, from ciphertext, a segment at a time, and on after a crash."""

from __future__ import annotations

from typing import Self

import pytest
import trio
from trio.testing import MockClock

from tests.node.files.care.support import book_of, days, flip, holding, live, nth_put, piece
from tests.node.files.conftest import Opened, Owner
from tests.node.files.shelves import Shelf, Shelves
from tests.node.files.test_library import MIB, away, calls_of, data_of, given
from zentalk.ids import NodeId, ShardId
from zentalk.mesh.placement import HEAD, INDEX, NEAREST, ShardCandidate, nearest
from zentalk.mesh.secrets import FileSecrets
from zentalk.node.files.care import contents
from zentalk.node.files.holders.calls import HolderCalls
from zentalk.store.history import file_care, files

DATA = data_of(70_000)


class Held(bytes):
    """Shards that somebody has in memory, and how many there were at a time."""

    alive = 0
    most = 0

    def __new__(cls, content: bytes) -> Self:
        cls.alive += 1
        cls.most = max(cls.most, cls.alive)
        return super().__new__(cls, content)

    def __del__(self) -> None:
        Held.alive -= 1


def lose(shelf: Shelf) -> None:
    """Let a holder lose all that it keeps, and say so."""
    shelf.kept.clear()
    shelf.contents.clear()


async def test_c7_three_lost_shards_of_each_segment_take_one_segment_of_memory(
    opened: Opened, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelves, data = Shelves(20), data_of(9 * MIB)
    get = HolderCalls.get

    async def counting(self: HolderCalls, holder: NodeId, wanted: ShardId) -> bytes:
        return Held(await get(self, holder, wanted))

    async with opened(shelves) as alice:
        cid = await alice.put(data)
        await away(alice, cid)
        for shelf in holding(shelves)[:3]:
            lose(shelf)
        monkeypatch.setattr(HolderCalls, "get", counting)
        await days(1)
        assert await live(alice, cid) == 9 * 15
        assert 10 <= Held.most <= 11
        monkeypatch.undo()
        assert await alice.get(cid) == data


async def test_a_repair_needs_ciphertext_only(
    opened: Opened, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def secret(*_: object, **__: object) -> bytes:
        raise AssertionError("a segment was sealed or opened")

    shelves, data = Shelves(20), data_of(17 * MIB)
    async with opened(shelves) as alice:
        cid = await alice.put(data)
        await away(alice, cid)
        for shelf in holding(shelves)[:3]:
            lose(shelf)
        for name in ("made_segment", "made_index", "made_head"):
            monkeypatch.setattr(contents, name, secret)
        await days(1)
        health = await alice.library.health(cid)
        assert (health.shards_live, health.survives_node_losses) == (9 * 15, 5)
        assert (await book_of(alice, cid)).parts.keys() >= {HEAD}


async def test_the_index_and_the_head_of_a_large_file_are_repaired(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves, data = Shelves(22), data_of(33 * MIB)
    async with opened(shelves) as alice:
        cid = await alice.put(data)
        book = await book_of(alice, cid)
        for segment, count in ((INDEX, 9), (HEAD, 6)):
            part = book.parts[segment]
            for place in part.places[:count]:
                shelf = shelves.all[book.file.holders[place]]
                mine = {part.ids[at : at + 32] for at in range(0, len(part.ids), 32)}
                for one in mine & shelf.contents.keys():
                    del shelf.kept[ShardId(one)], shelf.contents[ShardId(one)]
        await away(alice, cid)
        await days(1)
        health = await alice.library.health(cid)
        assert health.survives_node_losses == 5
        card = await alice.library.card(cid)
    async with opened(shelves, "bob") as bob:
        await given(bob, card)
        assert await bob.get(cid) == data


async def test_a_node_that_is_killed_in_a_repair_goes_on_with_it(
    opened: Opened, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelves, data = Shelves(20), data_of(8 * MIB)
    async with opened(shelves) as alice:
        cid = await alice.put(data)
        await away(alice, cid)
        for shelf in holding(shelves)[:4]:
            lose(shelf)
        reached = nth_put(monkeypatch, 14)
        await reached.wait()
    put = calls_of(shelves, "shard.put")
    async with opened(shelves) as alice:
        await days(0.05)
        # Of the segment that was being repaired two shards were back, so that it can wait.
        assert await live(alice, cid) >= 8 * 15 - 2
        # What was noted is not put again: the rest of 32 shards, and some copies of the head.
        assert calls_of(shelves, "shard.put") - put <= 32 - 14 + 6
        assert await alice.get(cid) == data


async def test_shards_go_back_to_their_first_holder_if_that_is_still_there(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(20)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        await away(alice, cid)
        before = (await book_of(alice, cid)).parts[0].places
        for shelf in holding(shelves)[:5]:
            lose(shelf)
        await days(1)
        assert (await book_of(alice, cid)).parts[0].places == before
        assert await live(alice, cid) == 15


async def test_who_takes_nothing_is_passed_over(opened: Opened, autojump_clock: MockClock) -> None:
    shelves = Shelves(24)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        await away(alice, cid)
        for shelf in holding(shelves)[:5]:
            lose(shelf)
            shelf.full = True
        await days(1)
        health = await alice.library.health(cid)
        assert (health.shards_live, health.survives_node_losses) == (15, 5)


async def test_in_a_small_network_those_who_are_left_take_their_share(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(5)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        await away(alice, cid)
        shelves[2].dead = True
        await days(5)
        health = await alice.library.health(cid)
        assert (health.shards_live, health.survives_node_losses) == (15, 1)


async def test_other_bytes_that_are_met_while_reading_count_as_lost_at_once(
    opened: Opened, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zentalk.node.files.care.checking.SAMPLES", 0)
    shelves = Shelves(24)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        await away(alice, cid)
        part = (await book_of(alice, cid)).parts[0]
        holders = [shelves.all[(await file_of(alice, cid)).holders[place]] for place in part.places]
        assert flip(holders[0], piece) == 1
        for shelf in holders[12:]:
            lose(shelf)
        await days(1)
        book = await book_of(alice, cid)
        assert holders[0].node_id not in {
            one.holder for one in book.known.known if one.number.segment == 0
        }
        assert await live(alice, cid) == 15


async def test_a_file_that_is_deleted_while_it_is_repaired_leaves_nothing(
    opened: Opened, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelves = Shelves(20)
    async with opened(shelves) as alice:
        cid = await alice.put(data_of(4 * MIB))
        await away(alice, cid)
        for shelf in holding(shelves)[:4]:
            lose(shelf)
        put, puts = HolderCalls.put, 0

        async def deleting(
            self: HolderCalls, holder: NodeId, owner_secret: bytes, content: bytes
        ) -> None:
            nonlocal puts
            puts += 1
            if puts == 6:
                await alice.library.delete(cid)
                await trio.sleep(600)
                assert shelves.shards() == 0
            await put(self, holder, owner_secret, content)

        monkeypatch.setattr(HolderCalls, "put", deleting)
        await days(1)
        assert puts > 6
        assert shelves.shards() == 0
        assert await alice.library.listing() == []


async def test_places_are_given_again_once_a_list_is_long(
    opened: Opened, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_care, "MAX_HOLDERS", 17)
    shelves = Shelves(40)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        await away(alice, cid)
        book = await book_of(alice, cid)
        for at in range(6):
            book = await book_of(alice, cid)
            part = book.parts[0]
            for place in part.places[at : at + 3]:
                shelves.all[book.file.holders[place]].dead = True
            await days(5)
            assert await alice.get(cid) == DATA
            await away(alice, cid)
        assert len((await file_of(alice, cid)).holders) <= max(17, len(book.file.holders))


async def test_shards_lie_only_where_readers_look_for_them(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(60)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        await away(alice, cid)
        book = await book_of(alice, cid)
        first = {book.file.holders[place] for place in book.parts[0].places}
        assert book.file.content_secret is not None
        place = FileSecrets(book.file.content_secret).shard_place
        near = {one.node for one in nearest(place, map(ShardCandidate, shelves.all))[:NEAREST]}
        for holder in near - first:
            shelves.all[holder].full = True
        for holder in list(first)[:5]:
            shelves.all[holder].dead = True
        await days(5)
        book = await book_of(alice, cid)
        assert await live(alice, cid) == 15
        assert {book.file.holders[place] for place in book.parts[0].places} <= near | first


async def test_what_goes_back_where_it_was_is_not_left_over_there(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(20)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        await away(alice, cid)
        before = await book_of(alice, cid)
        first = [shelves.all[before.file.holders[place]] for place in before.parts[0].places]
        for shelf in first[:4]:
            shelf.dead = True
        await days(5)
        left = await alice.database.read(lambda tx: file_care.leftovers(tx, before.file.id))
        assert {one.holder for one in left} >= {shelf.node_id for shelf in first[:4]}
        for shelf in shelves.all.values():
            shelf.dead = False
            if shelf not in first:
                lose(shelf)
        await days(1)
        assert (await book_of(alice, cid)).parts[0].places == before.parts[0].places
        left = await alice.database.read(lambda tx: file_care.leftovers(tx, before.file.id))
        data = {before.parts[0].ids[at : at + 32] for at in range(0, 480, 32)}
        assert not [one for one in left if one.id in data and shelves.all[one.holder] in first]


async def test_a_copy_here_that_has_other_bytes_is_never_put_in_the_place_of_the_file(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves, data = Shelves(20), data_of(2 * MIB)
    async with opened(shelves) as alice:
        cid = await alice.put(data)
        file_id = (await file_of(alice, cid)).id
        draft = alice.folder.draft(file_id)
        draft.write(bytes(len(data)))
        draft.finish()
        for shelf in holding(shelves)[:4]:
            lose(shelf)
        await days(1)
        assert await live(alice, cid) == 30
        await away(alice, cid)
        assert await alice.get(cid) == data


async def file_of(owner: Owner, cid: str) -> files.StoredFile:
    return (await book_of(owner, cid)).file
