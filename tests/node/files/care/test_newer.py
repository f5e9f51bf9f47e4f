"""Files are moved to a second version, which only these tests know."""

from __future__ import annotations

import json

import pytest
from trio.testing import MockClock

from tests.node.files.care.support import days, nth_put
from tests.node.files.conftest import Opened, Owner
from tests.node.files.shelves import Shelves
from tests.node.files.test_library import MIB, away, data_of, given
from tests.wire.make_vectors import PATH
from tests.wire.mesh import HEADS
from zentalk.crypto.hashing import sha256
from zentalk.errors import NewerVersionError, UnavailableError
from zentalk.node.files.care.newer import VersionSweep
from zentalk.store.history import files
from zentalk.store.history.files import FileState, StoredFile
from zentalk.store.sqlite import Transaction
from zentalk.wire import head as head_wire
from zentalk.wire.head import Head, decode_head, encode_head, newest_version

DATA = data_of(2 * MIB + 5)
SECOND = 2


def write_second(head: Head) -> bytes:
    first = encode_head(head, 1)
    return first[:1] + bytes([SECOND]) + first[2:]


def read_second(data: bytes) -> Head:
    return decode_head(data[:1] + b"\1" + data[2:])


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let this program know a second version, from now on."""
    monkeypatch.setitem(head_wire._READERS, SECOND, read_second)
    monkeypatch.setitem(head_wire._WRITERS, SECOND, write_second)
    return monkeypatch


async def rows(owner: Owner) -> list[StoredFile]:
    """Return all own files, also those that their owner is not shown."""
    states = (FileState.UPLOADING, FileState.KEPT, FileState.DELETING)

    def read(tx: Transaction) -> list[StoredFile]:
        return [file for state in states for file in files.in_state(tx, state)]

    return await owner.database.read(read)


async def put_first(opened: Opened, shelves: Shelves) -> str:
    """Put a file of the first version, and let it be at holders alone."""
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        await away(alice, cid)
        return cid


def test_c8_golden_heads_of_the_first_version_stay_readable(second: pytest.MonkeyPatch) -> None:
    assert newest_version() == SECOND
    golden = json.loads(PATH.read_text("utf-8"))["heads"]
    assert len(golden) == len(HEADS)
    for one, known in zip(HEADS, golden, strict=True):
        data = encode_head(one, 1)
        assert sha256(data).hex() == known["sha256"]
        assert decode_head(data) == one
        assert decode_head(encode_head(one, SECOND)) == one


def test_control_a_version_that_nobody_registered_is_refused() -> None:
    assert newest_version() == 1
    with pytest.raises(NewerVersionError):
        decode_head(write_second(HEADS[0]))


async def test_c8_a_file_is_moved_beside_the_old_one_and_then_takes_its_place(
    opened: Opened, autojump_clock: MockClock, request: pytest.FixtureRequest
) -> None:
    shelves = Shelves(20)
    cid = await put_first(opened, shelves)
    request.getfixturevalue("second")
    async with opened(shelves) as alice:
        old = await alice.library.card(cid)
        await days(0.2)
        [view] = await alice.library.listing()
        [file] = await rows(alice)
        assert (file.version, view.cid != cid, view.state) == (SECOND, True, FileState.KEPT)
        assert shelves.shards() == 3 * 15 + 6
        assert (await alice.library.view(cid)).id == view.id
        await away(alice, view.cid)
        assert await alice.get(cid) == DATA
        new = await alice.library.card(view.cid)
    async with opened(shelves, "bob") as bob:
        await given(bob, new)
        assert await bob.get(view.cid) == DATA
    async with opened(shelves, "carol") as carol:
        await given(carol, old)
        with pytest.raises(UnavailableError):
            await carol.get(cid)


async def test_without_a_newer_version_nothing_is_moved(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(20)
    cid = await put_first(opened, shelves)
    async with opened(shelves) as alice:
        await days(3)
        [file] = await rows(alice)
        assert (file.version, (await alice.library.view(cid)).cid) == (1, cid)


@pytest.mark.parametrize("after", [1, 20, 51])
async def test_a_move_goes_on_after_a_crash(
    opened: Opened, autojump_clock: MockClock, second: pytest.MonkeyPatch, after: int
) -> None:
    shelves = Shelves(20)
    second.delitem(head_wire._WRITERS, SECOND)
    cid = await put_first(opened, shelves)
    second.setitem(head_wire._WRITERS, SECOND, write_second)
    reached = nth_put(second, after)
    async with opened(shelves) as alice:
        await reached.wait()
    async with opened(shelves) as alice:
        await days(0.2)
        [file] = await rows(alice)
        assert (file.version, file.replaces) == (SECOND, None)
        assert shelves.shards() == 3 * 15 + 6
        await away(alice, cid)
        assert await alice.get(cid) == DATA


async def test_c8_until_then_going_back_is_forgetting_the_new_one(
    opened: Opened, autojump_clock: MockClock, second: pytest.MonkeyPatch
) -> None:
    shelves = Shelves(20)
    second.delitem(head_wire._WRITERS, SECOND)
    cid = await put_first(opened, shelves)
    before = {one for shelf in shelves.all.values() for one in shelf.contents}
    second.setitem(head_wire._WRITERS, SECOND, write_second)

    async def stop(self: VersionSweep, new: StoredFile, old_id: bytes) -> None:
        second.delitem(head_wire._WRITERS, SECOND)
        await self.roll_back()

    second.setattr(VersionSweep, "_finish", stop)
    async with opened(shelves) as alice:
        [view] = await alice.library.listing()
        await days(0.2)
        assert {one for shelf in shelves.all.values() for one in shelf.contents} == before
        assert await alice.library.listing() == [view]
        assert await alice.get(cid) == DATA
        card = await alice.library.card(cid)
    async with opened(shelves, "bob") as bob:
        await given(bob, card)
        assert await bob.get(cid) == DATA


async def test_a_version_that_cannot_be_read_back_never_takes_the_place_of_the_old_one(
    opened: Opened, autojump_clock: MockClock, second: pytest.MonkeyPatch
) -> None:
    shelves = Shelves(20)
    second.delitem(head_wire._WRITERS, SECOND)
    cid = await put_first(opened, shelves)

    def write_wrong(head: Head) -> bytes:
        return write_second(head)[:40].ljust(1024, b"\xff")

    second.setitem(head_wire._WRITERS, SECOND, write_wrong)
    async with opened(shelves) as alice:
        await days(2)
        [file] = await rows(alice)
        assert file.version == 1
        assert shelves.shards() == 3 * 15 + 6
        assert await alice.get(cid) == DATA


async def test_a_file_that_its_owner_deletes_meanwhile_goes_in_both_versions(
    opened: Opened, autojump_clock: MockClock, second: pytest.MonkeyPatch
) -> None:
    shelves = Shelves(20)
    second.delitem(head_wire._WRITERS, SECOND)
    cid = await put_first(opened, shelves)
    second.setitem(head_wire._WRITERS, SECOND, write_second)
    reached = nth_put(second, 20)
    async with opened(shelves) as alice:
        await reached.wait()
        await alice.library.delete(cid)
        await days(0.2)
        assert shelves.shards() == 0
        assert await rows(alice) == []
