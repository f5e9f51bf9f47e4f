"""What tests of care look at, and do to holders."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio

from tests.node.files.conftest import Owner
from tests.node.files.shelves import Shelf, Shelves
from zentalk.ids import DAY_SECONDS, NodeId
from zentalk.node.files.care import books
from zentalk.node.files.care.books import FileBook
from zentalk.node.files.holders.calls import HolderCalls

QUIET_SECONDS = 3 * 3600.0
"""In so long a file is looked after that is due, with all its pauses."""


async def days(count: float) -> None:
    """Let so many days pass, and what is due then be done."""
    seconds = count * DAY_SECONDS + QUIET_SECONDS
    await trio.sleep(seconds)


async def book_of(owner: Owner, cid: str) -> FileBook:
    """Return what is known of a file."""
    file_id = bytes.fromhex((await owner.library.view(cid)).id)
    found = await owner.database.read(lambda tx: books.load(tx, file_id))
    assert found is not None
    return found


async def live(owner: Owner, cid: str) -> int:
    """Return how many shards of segments holders say that they have."""
    return (await owner.library.health(cid)).shards_live


def flip(shelf: Shelf, which: Callable[[bytes], bool] = lambda _: True) -> int:
    """Change a bit of shards of a holder; return of how many."""
    flipped = 0
    for one, content in shelf.contents.items():
        if which(content):
            shelf.contents[one] = content[:-1] + bytes([content[-1] ^ 1])
            flipped += 1
    return flipped


def piece(content: bytes) -> bool:
    """Say whether a shard is a piece of a segment, and not a head."""
    return content[6] == 10


def holding(shelves: Shelves) -> list[Shelf]:
    """Return the holders that have something."""
    return [shelf for shelf in shelves.all.values() if shelf.contents]


def nth_put(patch: pytest.MonkeyPatch, count: int) -> trio.Event:
    """Return what is set once so many shards were put from now on."""
    reached, put = trio.Event(), HolderCalls.put
    left = count

    async def counting(
        self: HolderCalls, holder: NodeId, owner_secret: bytes, content: bytes
    ) -> None:
        nonlocal left
        await put(self, holder, owner_secret, content)
        left -= 1
        if not left:
            reached.set()

    patch.setattr(HolderCalls, "put", counting)
    return reached
