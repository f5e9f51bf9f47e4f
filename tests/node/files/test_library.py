"""Files go to holders and come back, whatever fails on the way."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from tests.node.files.conftest import Opened, Owner
from tests.node.files.shelves import Shelf, Shelves
from zentalk.crypto.hashing import sha256
from zentalk.errors import ConflictError, DecodeError, NotFoundError, UnavailableError
from zentalk.ids import MessageId, UserAddress
from zentalk.node.files import deletes
from zentalk.node.files.upload import uploads
from zentalk.node.files.upload.sending import SEGMENTS_AT_ONCE
from zentalk.node.files.upload.slots import TOO_FEW
from zentalk.store.history import files, messages
from zentalk.store.history.files import FileState
from zentalk.store.history.models import Direction, MessageState
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import FILE, FileCard
from zentalk.wire.content import Content, encode_content

MIB = 2**20


def data_of(size: int) -> bytes:
    """Return bytes that repeat nowhere."""
    blocks = (sha256(at.to_bytes(4, "big")) for at in range(-(-size // 32)))
    return b"".join(blocks)[:size]


@pytest.mark.parametrize("size", [0, 1, 70_000, MIB, MIB + 1, 5 * MIB + 3, 17 * MIB])
async def test_c2_a_file_lies_in_fifteen_shards_a_segment_and_comes_back(
    opened: Opened, autojump_clock: MockClock, size: int
) -> None:
    shelves, data = Shelves(15), data_of(size)
    async with opened(shelves) as alice:
        cid = await alice.put(data, "holiday.jpg")
        view = await alice.library.view(cid)
        assert (view.state, view.sent, view.name) == (FileState.KEPT, size, "holiday.jpg")
        health = await alice.library.health(cid)
        segments = -(-size // MIB) or 1 if size < 16 * MIB else -(-size // (2 * MIB))
        assert (health.shards_live, health.shards_total) == (15 * segments, 15 * segments)
        assert (health.survives_node_losses, health.silent) == (5, 0)
        alice.folder.remove(bytes.fromhex(view.id))
        assert await alice.get(cid) == data


async def test_c6_what_holders_have_says_nothing_of_the_file(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(15)
    async with opened(shelves) as alice:
        await alice.put(b"a canary that nobody may read" * 1000, "canary.txt")
    for shelf in shelves.all.values():
        kept = b"".join(shelf.contents.values())
        assert b"canary" not in kept
        assert kept


async def test_a_range_reads_no_more_than_its_segments(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves, data = Shelves(15), data_of(9 * MIB)
    async with opened(shelves) as alice:
        cid = await alice.put(data)
        await away(alice, cid)
        before = reads(shelves)
        assert await alice.get(cid, 5 * MIB - 10, 20) == data[5 * MIB - 10 : 5 * MIB + 10]
        assert reads(shelves) - before == 20
        assert await alice.get(cid, 9 * MIB - 1, 1) == data[-1:]


async def test_c3_with_five_holders_gone_it_comes_back_and_with_six_the_error_says_so(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves, data = Shelves(15), data_of(3 * MIB)
    async with opened(shelves) as alice:
        cid = await alice.put(data)
        await away(alice, cid)
        for number in range(0, 10, 2):
            shelves[number].dead = True
        assert await alice.get(cid) == data
        await away(alice, cid)
        shelves[1].dead = True
        with pytest.raises(UnavailableError, match="only 9 of the 10 shards"):
            await alice.get(cid)
        assert (await alice.library.health(cid)).survives_node_losses == 0


@pytest.mark.parametrize(("count", "survives"), [(1, 0), (3, 1), (5, 1), (15, 5), (30, 5)])
async def test_networks_of_any_size_say_how_many_losses_they_survive(
    opened: Opened, autojump_clock: MockClock, count: int, survives: int
) -> None:
    shelves, data = Shelves(count), data_of(MIB)
    async with opened(shelves) as alice:
        cid = await alice.put(data)
        health = await alice.library.health(cid)
        assert health.survives_node_losses == survives
        await away(alice, cid)
        for shelf in [one for one in shelves.all.values() if one.contents][:survives]:
            shelf.dead = True
        assert await alice.get(cid) == data


async def test_a_holder_that_takes_nothing_is_replaced(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves, data = Shelves(20), data_of(6 * MIB)
    for number in (0, 3, 5):
        shelves[number].full = True
    shelves[4].dead = True
    async with opened(shelves) as alice:
        cid = await alice.put(data)
        await away(alice, cid)
        assert await alice.get(cid) == data
        assert (await alice.library.health(cid)).survives_node_losses == 5
    assert not any(shelves[number].contents for number in (0, 3, 4, 5))


async def test_a_holder_that_fails_in_the_middle_keeps_what_it_has_and_readers_find_the_rest(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves, data = Shelves(17), data_of(12 * MIB)
    async with opened(shelves) as alice:
        fails_after(shelves[2], 5)
        cid = await alice.put(data)
        shelves[2].dead = False
        await away(alice, cid)
        assert await alice.get(cid) == data
        card = await alice.library.card(cid)
    async with opened(shelves, "bob") as bob:
        await given(bob, card)
        assert await bob.get(cid) == data


async def test_where_nobody_keeps_files_it_waits_and_says_why(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(0)
    async with opened(shelves) as alice:
        await alice.put(b"x" * 10, wait=False)
        await trio.sleep(1)
        [view] = await alice.library.listing()
        assert (view.state, view.cid, view.reason) == (FileState.UPLOADING, "", uploads.NO_RELAYS)
        shelves.all.update(Shelves(3).all)
        await trio.sleep(uploads.LONGEST_WAIT_SECONDS)
        [view] = await alice.library.listing()
        assert (view.state, view.reason) == (FileState.KEPT, "")


async def test_where_all_who_keep_files_are_full_it_waits_and_goes_on_later(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(3)
    for shelf in shelves.all.values():
        shelf.full = True
    async with opened(shelves) as alice:
        await alice.put(data_of(9 * MIB), wait=False)
        await trio.sleep(1)
        [view] = await alice.library.listing()
        assert (view.state, view.reason) == (FileState.UPLOADING, TOO_FEW)
        for shelf in shelves.all.values():
            shelf.full = False
        await trio.sleep(uploads.LONGEST_WAIT_SECONDS)
        [view] = await alice.library.listing()
        assert (view.state, view.reason) == (FileState.KEPT, "")


async def test_a_node_that_is_killed_goes_on_where_it_was(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves, data = Shelves(15), data_of(4 * SEGMENTS_AT_ONCE * MIB - 5)
    puts = 0
    async with opened(shelves) as alice:
        await alice.put(data, wait=False)
        while shelves.shards() < 15 * SEGMENTS_AT_ONCE + 7:
            await trio.lowlevel.checkpoint()
    puts = calls_of(shelves, "shard.put")
    async with opened(shelves) as alice:
        [view] = await alice.library.listing()
        while view.state is not FileState.KEPT:
            moved = alice.transfers.next_move(bytes.fromhex(view.id))
            [view] = await alice.library.listing()
            if view.state is not FileState.KEPT:
                await moved.wait()
        [view] = await alice.library.listing()
        segments = 4 * SEGMENTS_AT_ONCE
        again = calls_of(shelves, "shard.put") - puts
        assert again <= 15 * (segments - SEGMENTS_AT_ONCE) + 6
        await away(alice, view.cid)
        assert await alice.get(view.cid) == data


async def test_who_was_given_a_file_reads_it_and_who_was_not_knows_nothing_of_it(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves, data = Shelves(16), data_of(17 * MIB + 5)
    async with opened(shelves) as alice:
        cid = await alice.put(data)
        card = await alice.library.card(cid)
    async with opened(shelves, "bob") as bob:
        with pytest.raises(NotFoundError):
            await bob.library.view(cid)
        await given(bob, card)
        assert await bob.get(cid) == data
        view = await bob.library.view(cid)
        assert (view.state, view.here) == (FileState.RECEIVED, True)


async def test_a_message_that_lies_about_the_size_of_a_file_is_found_out(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(15)
    async with opened(shelves) as alice:
        card = await alice.library.card(await alice.put(data_of(70_000)))
    async with opened(shelves, "bob") as bob:
        await given(bob, replace(card, size=80_000))
        with pytest.raises(DecodeError, match="another size"):
            await bob.get(card.cid.hex())


async def test_c6_a_deleted_file_is_gone_at_every_holder_and_whoever_is_away_is_asked_later(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(15)
    async with opened(shelves) as alice:
        cid = await alice.put(data_of(3 * MIB))
        shelves[7].dead = True
        view = await alice.library.delete(cid)
        assert view.state is FileState.DELETING
        await trio.sleep(60)
        assert [bool(shelf.contents) for shelf in shelves.all.values()].count(True) == 1
        [view] = await alice.library.listing()
        assert view.reason.startswith("1 of 15 relays")
        shelves[7].dead = False
        await trio.sleep(deletes.RETRY_SECONDS + 60)
        assert shelves.shards() == 0
        assert await alice.library.listing() == []
        with pytest.raises(NotFoundError):
            await alice.library.view(cid)


async def test_an_upload_that_is_deleted_on_its_way_says_so(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(0)
    async with opened(shelves) as alice:
        async with trio.open_nursery() as nursery:

            async def wait() -> None:
                with pytest.raises(ConflictError):
                    await alice.put(b"x")

            nursery.start_soon(wait)
            await trio.sleep(1)
            [view] = await alice.library.listing()
            await alice.library.delete(view.id)
        await trio.sleep(1)
        assert await alice.library.listing() == []


async def test_bytes_that_were_changed_are_found_and_others_read(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves, data = Shelves(15), data_of(2 * MIB)
    async with opened(shelves) as alice:
        cid = await alice.put(data)
        await away(alice, cid)
        for number in range(3):
            for one, content in shelves[number].contents.items():
                shelves[number].contents[one] = content[:-1] + bytes([content[-1] ^ 1])
        assert await alice.get(cid) == data


async def test_c12_what_was_read_whole_is_here_and_gives_way_when_there_is_too_much(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(15)
    async with opened(shelves, cache_bytes=5 * MIB) as alice:
        cids = [await alice.put(data_of(2 * MIB + number)) for number in range(3)]
        for cid in cids:
            await away(alice, cid)
        for cid in cids:
            await alice.get(cid)
            await trio.sleep(1)
        here = [(await alice.library.view(cid)).here for cid in cids]
        assert here == [False, True, True]
        before = reads(shelves)
        assert await alice.get(cids[2]) == data_of(2 * MIB + 2)
        assert reads(shelves) == before


def reads(shelves: Shelves) -> int:
    return calls_of(shelves, "shard.get")


def calls_of(shelves: Shelves, method: str) -> int:
    return sum(shelf.calls.count(method) for shelf in shelves.all.values())


def fails_after(shelf: Shelf, calls: int) -> None:
    """Let a holder die after so many calls."""
    answer = shelf.request

    async def request(body: bytes, timeout_seconds: float = 10) -> bytes:
        shelf.dead = shelf.dead or len(shelf.calls) >= calls
        return await answer(body, timeout_seconds)

    shelf.request = request  # type: ignore[method-assign, assignment]


async def away(owner: Owner, cid: str) -> None:
    """Let a file be at its holders alone."""
    file_id = bytes.fromhex((await owner.library.view(cid)).id)
    await owner.database.write(lambda tx: files.is_here(tx, file_id, 0.0, here=False))
    owner.folder.remove(file_id)


async def given(owner: Owner, card: FileCard) -> None:
    """Let a message name a file."""
    content = Content(FILE, MessageId(bytes(16)), body=card)

    def job(tx: Transaction) -> None:
        messages.insert(
            tx,
            message_id=content.message_id,
            contact=UserAddress(bytes(32)),
            direction=Direction.IN,
            kind=FILE,
            text="",
            state=MessageState.RECEIVED,
            sender_sequence=1,
            sent_at=0.0,
            now=0.0,
            content=encode_content(content),
        )

    await owner.database.write(job)
