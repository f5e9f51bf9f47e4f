"""Real relays and real API nodes on file systems without a free byte (K25).

Each has a tmpfs of its own, which somebody else fills up. What was promised stays true, what
cannot be kept is refused in words, and everything goes on when there is room again.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from tests.faults.disk.promises import Promise, Promises, found_in
from tests.faults.disk.volume import MIB, small_disk, why_no_small_disk
from zentalk.api.app import create_app
from zentalk.errors import StorageError
from zentalk.store.disk_space import DiskSpace
from zentalk.store.mailbox import sqlite
from zentalk.store.sqlite import transaction
from zentalk.web.problems import PROBLEM_TYPE

pytestmark = [pytest.mark.faults, pytest.mark.e2e, pytest.mark.privileged, pytest.mark.slow]

DISK_BYTES = 24 * MIB
TOKEN = "t" * 43
FILLER = "somebody-elses-file"
TEXTS = 4


@pytest.fixture(autouse=True)
def needs_small_disks(tmp_path_factory: pytest.TempPathFactory) -> None:
    if reason := why_no_small_disk(tmp_path_factory.getbasetemp()):
        pytest.skip(reason)


@pytest.fixture
def disks() -> Iterator[ExitStack]:
    """What is mounted for a test, and unmounted after its network has ended."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
async def world(disks: ExitStack, tmp_path: Path) -> AsyncIterator[World]:
    async with trio.open_nursery() as nursery:
        yield World(tmp_path, nursery)
        nursery.cancel_scope.cancel()


def own_disks(world: World, disks: ExitStack, *names: str) -> None:
    """Give everybody named a small disk, before they start."""
    for name in names:
        disks.enter_context(small_disk(world.folder / name, DISK_BYTES))


@contextmanager
def full(*folders: Path) -> Iterator[None]:
    """Take every byte that is left on these disks."""
    for folder in folders:
        _fill(folder / FILLER)
    yield
    for folder in folders:
        (folder / FILLER).unlink()


def _fill(path: Path) -> None:
    with path.open("ab", buffering=0) as file:
        for size in (MIB, 4096, 1):
            while True:
                try:
                    file.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    break
    assert os.statvfs(path.parent).f_bavail == 0


async def friends(world: World, disks: ExitStack, *on_small_disks: str) -> None:
    own_disks(world, disks, *on_small_disks)
    await world.relay_net(3)
    await world.person("alice")
    await world.person("bob")
    await world.friends("alice", "bob")
    hello = await world.send("alice", "bob", "hello")
    await world.until_state("alice", hello, "delivered")


# --- relays ------------------------------------------------------------------------------------


async def test_k25_relays_without_a_free_byte_refuse_mail_and_let_it_be_collected(
    world: World, disks: ExitStack, autojump_clock: Clock
) -> None:
    relays = ["r1", "r2", "r3"]
    await friends(world, disks, *relays)
    await world.crash("bob")
    kept = [await world.send("alice", "bob", f"{n} before") for n in range(TEXTS)]
    await world.until_state("alice", kept[-1], "sent")
    await trio.sleep(30)
    before = {relay: world.envelopes(relay) for relay in relays}
    with full(*(world.folder / relay for relay in relays)):
        refused = [await world.send("alice", "bob", f"{n} while full") for n in range(TEXTS)]
        await trio.sleep(120)
        assert {relay: world.envelopes(relay) for relay in relays} == before
        for message in refused:
            assert (await world.nodes["alice"].message(message.id)).state == "queued"
        await world.person("bob")
        for message in [*kept, *refused]:  # pushed from memory, now that he is there
            await world.until_state("alice", message, "delivered")
        await world.until(lambda: not any(map(world.envelopes, relays)))
    await world.crash("bob")
    again = await world.send("alice", "bob", "with room again")
    await world.until_state("alice", again, "sent")
    await world.person("bob")
    await world.until_state("alice", again, "delivered")
    assert len(await world.inbox("bob", "alice")) == 2 * TEXTS + 2


async def broken_promises(
    world: World, disks: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, int]:
    """Fill relays' disks under mail that arrives; return promises made, and lost after a crash."""
    relays = ["r1", "r2", "r3"]
    promises: list[Promise] = []
    Promises(promises.append).listen(monkeypatch)
    await friends(world, disks, *relays)
    await world.crash("bob")
    with full(*(world.folder / relay for relay in relays)):
        for number in range(TEXTS):
            await world.send("alice", "bob", f"{number}")
        await trio.sleep(120)
        for relay in relays:
            await world.crash(relay)
    held, saved = found_in(world.folder)
    kept = [promise for promise in promises if promise.kind != "outbox"]
    return len(kept), sum(not promise.kept(held, saved) for promise in kept)


async def test_k25_nothing_acknowledged_is_lost_on_a_full_disk(
    world: World, disks: ExitStack, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, lost = await broken_promises(world, disks, monkeypatch)
    assert made > 0
    assert lost == 0


async def test_k25_control_a_store_that_hides_what_failed_loses_acknowledged_mail(
    world: World, disks: ExitStack, autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def hopeful(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
        with suppress(StorageError), transaction(connection):
            yield connection

    monkeypatch.setattr(sqlite, "transaction", hopeful)
    monkeypatch.setattr(DiskSpace, "room", lambda *_: 2**40)
    _, lost = await broken_promises(world, disks, monkeypatch)
    assert lost > 0


# --- API nodes ---------------------------------------------------------------------------------


@asynccontextmanager
async def rest(world: World, name: str) -> AsyncIterator[httpx.AsyncClient]:
    """REST of a node, straight into the application."""
    app = create_app(world.nodes[name], TOKEN, trio.Event())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://127.0.0.1:3001",
        headers={"Authorization": f"Bearer {TOKEN}"},
    ) as client:
        yield client


async def test_k25_an_api_node_without_a_free_byte_refuses_in_words_and_recovers(
    world: World, disks: ExitStack, autojump_clock: Clock
) -> None:
    await friends(world, disks, "alice")
    bob = world.nodes["bob"].address_text
    path = f"/v1/conversations/{bob}/messages"
    async with rest(world, "alice") as client:
        with full(world.folder / "alice"):
            refused = await client.post(path, json={"text": "x" * 60_000})
            assert refused.status_code in {503, 507}
            assert refused.headers["content-type"] == PROBLEM_TYPE
            assert "full" in refused.json()["detail"]
            page = await client.get(path)  # reading goes on
            assert [message["text"] for message in page.json()["messages"]] == ["hello"]
            incoming = await world.send("bob", "alice", "y" * 60_000)
            await trio.sleep(120)
            assert (await world.nodes["bob"].message(incoming.id)).state != "delivered"
        await world.until_state("bob", incoming, "delivered")
        accepted = await client.post(path, json={"text": "x" * 60_000})
        assert accepted.status_code == 202
        page = await client.get(path)
        lengths = [len(message["text"]) for message in page.json()["messages"]]
        assert lengths == [5, 60_000, 60_000]
    await world.until_inbox("bob", "alice", ["hello", "x" * 60_000])
