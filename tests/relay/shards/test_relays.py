"""Whole relays that keep shards: over links and tunnels, in descriptors, in their status."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.relay.harness import Running, World, world
from tests.relay.shards.owners import Owner, content
from tests.store.shards.shelves import all_bytes
from zentalk.errors import RefusedError
from zentalk.link.hello import ClientCredentials
from zentalk.net.connection import Connection
from zentalk.relay.access.files import write_tokens
from zentalk.relay.access.tokens import GivenToken
from zentalk.relay.check import check
from zentalk.relay.shown import lines
from zentalk.relay.status import read_status
from zentalk.store.shards.sentinel import MARKER_FILE
from zentalk.wire.descriptor import ROLE_SHARDS
from zentalk.wire.rpc_shards import Changed
from zentalk.wire.shard import shard_id

ONE = content(1)
ID = shard_id(ONE)
FRIEND = GivenToken("friend", 0, b"f" * 32)


class Over:
    """A connection, as owners use it."""

    def __init__(self, net: World, link: Connection) -> None:
        self.runtime = net.runtime
        self._link = link

    async def ask(self, body: bytes) -> bytes:
        return await self._link.request(body)


def owner(net: World, link: Connection, relay: Running, name: str = "alice") -> Owner:
    return Owner(Over(net, link), name, relay.node_id)


def reload(running: Running, **changes: Any) -> None:
    running.relay.reload(running.relay._settings.model_copy(update=changes))


async def refused(call: Awaitable[object]) -> str:
    with pytest.raises(RefusedError) as caught:
        await call
    return caught.value.reason


async def test_shards_come_over_links_and_tunnels_and_outlive_a_restart(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        _, r2 = await net.start_all("r1", "r2")
        direct = owner(net, await net.client("alice", "r2"), r2)
        link = await net.client("bob", "r1")
        through = owner(net, await net.tunnel(link, ["r2"]), r2, "bob")
        assert not (net.folder("r2") / "shards").exists()
        await direct.put(ONE)
        two = content(2, 500)
        await through.put(two)
        assert await through.get(ID) == ONE
        assert await direct.get(shard_id(two)) == two
        assert b"canary" in all_bytes(net.folder("r2"))
        assert b"canary" not in all_bytes(net.folder("r1"))
        await net.crash("r2")
        r2 = await net.start("r2")
        again = owner(net, await net.client("alice2", "r2"), r2)
        assert await again.get(ID) == ONE
        assert await again.delete(ID) == (Changed.DONE,)
        assert b"canary 1" not in all_bytes(net.folder("r2"))


async def test_relays_do_not_store_at_each_other(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with world(tmp_path) as net:
        r1, r2 = await net.start_all("r1", "r2")
        (link,) = r1.relay.wiring.links.connected()
        assert await refused(owner(net, link, r2).put(ONE)) == "unknown"


async def test_the_role_is_there_while_shards_can_be_stored(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1 = await net.start("r1")
        assert r1.descriptor.roles & ROLE_SHARDS
        none = await net.start("r2", storage_bytes=0)
        assert not none.descriptor.roles & ROLE_SHARDS
        reload(none, storage_bytes=2**30)
        reload(r1, storage_bytes=0)
        await trio.sleep(2 * 3600)
        assert none.descriptor.roles & ROLE_SHARDS, "with its next descriptor"
        assert not r1.descriptor.roles & ROLE_SHARDS
        assert await refused(owner(net, await net.client("a", "r1"), r1).put(ONE)) == "full"
        assert await owner(net, await net.client("b", "r2"), none).put(ONE)
        assert none.relay._waiting_keys == []


async def test_a_relay_whose_shards_are_gone_goes_on_without_the_role(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1 = await net.start("r1")
        await owner(net, await net.client("a", "r1"), r1).put(ONE)
        settings = r1.relay._settings
        await net.stop("r1")
        folder = net.folder("r1") / "shards"
        folder.rename(tmp_path / "away")
        _, warnings = await check(settings, net.network.host("r1"))
        assert any("are not in" in warning for warning in warnings)
        r1 = await net.start("r1")
        assert not r1.descriptor.roles & ROLE_SHARDS
        (warning,) = r1.relay.status().warnings
        assert warning.startswith("shards are neither stored nor given out: the shards of this")
        assert MARKER_FILE in warning
        alice = owner(net, await net.client("b", "r1"), r1)
        assert await refused(alice.get(ID)) == "unavailable"
        assert await refused(alice.put(content(2))) == "unavailable"
        await net.stop("r1")
        (tmp_path / "away").rename(folder)
        r1 = await net.start("r1")
        assert await owner(net, await net.client("c", "r1"), r1).get(ID) == ONE
        assert r1.relay.status().warnings == []


async def test_shards_may_lie_in_a_folder_of_the_operators_choice_and_of_one_relay(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    place = tmp_path / "disk" / "zentalk"
    async with world(tmp_path) as net:
        r1 = await net.start("r1", storage_directory=str(place))
        alice = owner(net, await net.client("a", "r1"), r1)
        await alice.put(ONE)
        assert b"canary" in all_bytes(place)
        r2 = await net.start("r2", storage_directory=str(place))
        assert not r2.descriptor.roles & ROLE_SHARDS
        assert "another relay" in r2.relay.status().warnings[0]
        assert await refused(owner(net, await net.client("b", "r2"), r2).put(ONE)) == "unavailable"
        assert await alice.get(ID) == ONE


async def test_status_says_what_is_stored_and_refused_and_nobody_is_named(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1 = await net.start("r1", storage_bytes=2**20)
        alice = owner(net, await net.client("a", "r1"), r1)
        await alice.put(ONE)
        assert await refused(alice.get(shard_id(b"?"))) == "unknown"
        stats = r1.relay.stats()
        assert stats.storage["stored_bytes"] == len(ONE) + 512
        assert (stats.storage["shards"], stats.storage["puts"]) == (1, 1)
        assert stats.refused["storage-unknown"] == 1
        await net.stop("r1")
        status = read_status(net.folder("r1"))
        assert status.storage["stored_bytes"] == 20_000
        text = "\n".join(lines(status))
        for part in ("storage\n", "19.5 KiB", "1.0 MiB", "storage-unknown", "1 request"):
            assert part in text, text
        assert ID.hex() not in (net.folder("r1") / "status.json").read_text()


async def test_a_private_relay_keeps_a_share_for_those_who_hold_a_token(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with world(tmp_path) as net:
        r1 = await net.start("r1")
        await net.start("r2")
        await net.settle(2)
        write_tokens(net.folder("r1"), r1.node_id, [FRIEND])
        reload(r1, private=("storage",))
        link = await net.client("a", "r2")
        guest = await net.ground.tunnel(link, ["r1"], hello=ClientCredentials(FRIEND.secret))
        stranger = await net.tunnel(await net.client("b", "r2"), ["r1"])
        assert await refused(owner(net, stranger, r1).put(ONE)) == "access"
        assert await owner(net, guest, r1).put(ONE)
        assert await owner(net, stranger, r1).get(ID) == ONE
