"""Another share secret: the file stays, and who had the old capability is out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
from trio.testing import MockClock

from tests.node.files.care.support import book_of, days, holding
from tests.node.files.conftest import Opened
from tests.node.files.shelves import Shelves
from tests.node.files.test_library import MIB, away, calls_of, data_of, given
from zentalk.errors import ConflictError, UnavailableError
from zentalk.ids import NodeId, ShardId
from zentalk.mesh.audit import ShardVerdict
from zentalk.mesh.placement import HEAD
from zentalk.mesh.secrets import ShareSecrets
from zentalk.node.files.care import pace
from zentalk.node.files.holders.calls import HolderCalls
from zentalk.store.history import files
from zentalk.wire.chat import FileCard

DATA = data_of(70_000)


def heads(shelves: Shelves, card: FileCard) -> int:
    """Return how many copies there are of the head that a capability names."""
    return sum(ShardId(card.cid) in shelf.contents for shelf in shelves.all.values())


@pytest.mark.parametrize("size", [70_000, 33 * MIB])
async def test_c8_who_had_the_old_capability_cannot_open_the_file_and_who_gets_the_new_one_can(
    opened: Opened, autojump_clock: MockClock, size: int
) -> None:
    shelves, data = Shelves(20), data_of(size)
    async with opened(shelves) as alice:
        cid = await alice.put(data)
        old, puts = await alice.library.card(cid), calls_of(shelves, "shard.put")
        view = await alice.library.rotate(cid)
        assert view.cid not in {cid, ""}
        assert calls_of(shelves, "shard.put") - puts == 6
        new = await alice.library.card(view.cid)
        assert ShareSecrets(new.share_secret).head_key != ShareSecrets(old.share_secret).head_key
        await trio.sleep(pace.FILE_PAUSE_SECONDS)
        assert (heads(shelves, old), heads(shelves, new)) == (0, 6)
        # Its owner finds it by what messages say of it still.
        assert (await alice.library.view(cid)).cid == view.cid
        await away(alice, cid)
        assert await alice.get(cid) == data
    async with opened(shelves, "bob") as bob:
        await given(bob, old)
        with pytest.raises(UnavailableError, match="has the head of this file"):
            await bob.get(cid)
    async with opened(shelves, "carol") as carol:
        await given(carol, new)
        assert await carol.get(view.cid) == data


async def test_an_old_head_is_deleted_as_soon_as_its_holder_is_back(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(20)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        old = await alice.library.card(cid)
        away_one = next(one for one in holding(shelves) if ShardId(old.cid) in one.contents)
        away_one.dead = True
        await alice.library.rotate(cid)
        await days(1)
        assert heads(shelves, old) == 1
    async with opened(shelves) as alice:
        away_one.dead = False
        await days(0.1)
        assert heads(shelves, old) == 0


async def test_a_head_that_is_rotated_is_cared_for_as_the_first_one(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(20)
    async with opened(shelves) as alice:
        cid = (await alice.library.rotate(await alice.put(DATA))).cid
        new = await alice.library.card(cid)
        for shelf in [one for one in holding(shelves) if ShardId(new.cid) in one.contents][:4]:
            del shelf.contents[ShardId(new.cid)], shelf.kept[ShardId(new.cid)]
        await days(1)
        assert heads(shelves, new) == 6


async def test_it_names_the_holders_of_now(opened: Opened, autojump_clock: MockClock) -> None:
    shelves = Shelves(40)
    async with opened(shelves) as alice:
        cid = await alice.put(data_of(3 * MIB))
        before = await book_of(alice, cid)
        for place in before.file.slots[:4]:
            shelves.all[before.file.holders[place]].dead = True
        await days(5)
        await alice.library.rotate(cid)
        file = (await book_of(alice, cid)).file
        named = {file.holders[place] for place in file.slots}
        assert not any(shelves.all[one].dead for one in named)


async def test_only_an_own_file_that_is_kept_is_rotated(
    opened: Opened, autojump_clock: MockClock
) -> None:
    shelves = Shelves(20)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        card = await alice.library.card(cid)
        for shelf in shelves.all.values():
            shelf.dead = True
        with pytest.raises(UnavailableError):
            await alice.library.rotate(cid)
        assert await alice.library.card(cid) == card
        for shelf in shelves.all.values():
            shelf.dead = False
        await alice.library.delete(cid)
        with pytest.raises(ConflictError):
            await alice.library.rotate(cid)
    async with opened(shelves, "bob") as bob:
        await given(bob, card)
        with pytest.raises(ConflictError):
            await bob.library.rotate(cid)


async def test_copies_of_a_head_that_was_rotated_meanwhile_do_not_stay(
    opened: Opened, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelves = Shelves(20)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        old = await alice.library.card(cid)
        for shelf in [one for one in holding(shelves) if ShardId(old.cid) in one.contents][:4]:
            del shelf.contents[ShardId(old.cid)], shelf.kept[ShardId(old.cid)]
            shelf.full = True
        put = HolderCalls.put
        rotated: list[str] = []

        async def rotating(
            self: HolderCalls, holder: NodeId, owner_secret: bytes, content: bytes
        ) -> None:
            if not rotated:
                rotated.append("")
                rotated[0] = (await alice.library.rotate(cid)).cid
            await put(self, holder, owner_secret, content)

        monkeypatch.setattr(HolderCalls, "put", rotating)
        await days(1)
        assert heads(shelves, old) == 0
        new = await alice.library.card(rotated[0])
        assert heads(shelves, new) == 6
        assert len((await book_of(alice, cid)).parts[HEAD].places) == 6


async def test_what_was_found_of_an_old_head_is_not_said_of_the_new_one(
    opened: Opened, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelves = Shelves(20)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        old = await alice.library.card(cid)
        lost = next(one for one in holding(shelves) if ShardId(old.cid) in one.contents)
        del lost.contents[ShardId(old.cid)], lost.kept[ShardId(old.cid)]
        look = HolderCalls.look
        looked = trio.Event()

        async def rotating(
            self: HolderCalls, holder: NodeId, ids: Sequence[ShardId]
        ) -> dict[ShardId, int]:
            if not looked.is_set():
                looked.set()
                await alice.library.rotate(cid)
            return await look(self, holder, ids)

        before = (await book_of(alice, cid)).file.checked_at
        monkeypatch.setattr(HolderCalls, "look", rotating)
        await looked.wait()
        await trio.sleep(10)
        book = await book_of(alice, cid)
        assert {one.verdict for one in book.known.known} == {ShardVerdict.RIGHT}
        assert book.file.checked_at == before


async def test_a_head_that_would_name_others_than_it_means_is_not_used(
    opened: Opened, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelves = Shelves(20)
    async with opened(shelves) as alice:
        cid = await alice.put(DATA)
        card = await alice.library.card(cid)
        file = (await book_of(alice, cid)).file
        put = HolderCalls.put

        async def moving(
            self: HolderCalls, holder: NodeId, owner_secret: bytes, content: bytes
        ) -> None:
            others = tuple(reversed(file.holders))
            await alice.database.write(lambda tx: files.add_holders(tx, file.id, others))
            await put(self, holder, owner_secret, content)

        monkeypatch.setattr(HolderCalls, "put", moving)
        with pytest.raises(ConflictError, match="changed or deleted meanwhile"):
            await alice.library.rotate(cid)
        assert await alice.library.card(cid) == card
