"""Sets that are too large to come whole: read through the relays' own answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.directory.support import WALL, descriptor, descriptors, node_id
from tests.relay.directory_net import FakeLink, Member, Net
from zentalk.directory.digests import digest_of
from zentalk.directory.snapshot import SnapshotResult
from zentalk.errors import RefusedError
from zentalk.ids import NodeId
from zentalk.node.snapshot.client import SnapshotClient
from zentalk.relay.directory.snapshot_server import KEPT_SECONDS, SnapshotServer
from zentalk.wire import rpc_directory as rpc
from zentalk.wire.rpc import decode_response, encode_refusal, encode_response

MANY = descriptors(range(200))


class World:
    """Relays that know many others, and one API node that reads their sets."""

    def __init__(self, folder: Path) -> None:
        self.net = Net(folder)
        self.members = [self.net.add(number) for number in range(4)]
        for member in self.members:
            self.tell(member, *range(200))
        self.client = SnapshotClient(self.net.runtime, self.open, "local")
        self.sources = [member.node_id for member in self.members[:3]]
        self.delays: dict[NodeId, float] = {}

    @asynccontextmanager
    async def open(self, one: NodeId) -> AsyncIterator[FakeLink]:
        await trio.sleep(self.delays.get(one, 0.0))
        yield self.net.client(one)

    def tell(self, member: Member, *numbers: int, boot: int = 1) -> None:
        for number in numbers:
            told = descriptor(number, boot=boot)
            member.observe(told)
            member.service.descriptors.offer(told.raw, WALL)

    def known(self) -> dict[NodeId, int]:
        return {one: item.boot for one, item in self.client.descriptors().items()}

    async def refresh(self) -> SnapshotResult:
        self.net.calls.clear()
        return await self.client.fetch_snapshot(self.sources)


@pytest.fixture
async def world(autojump_clock: MockClock, tmp_path: Path) -> World:
    return World(tmp_path)


async def test_three_sources_bring_a_large_set_once(
    autojump_clock: MockClock, world: World
) -> None:
    result = await world.refresh()
    assert result.complete
    assert set(world.known()) == {item.node_id for item in MANY}
    assert world.net.calls == {
        rpc.SNAPSHOT: 3,
        rpc.BUCKETS: 1,
        rpc.ENTRIES: 1,
        rpc.DESCRIPTORS: 1,
    }


async def test_a_refresh_without_changes_asks_for_three_roots(
    autojump_clock: MockClock, world: World
) -> None:
    await world.refresh()
    await world.refresh()
    assert world.net.calls == {rpc.SNAPSHOT: 3}
    assert len(world.known()) == 200


async def test_k37_a_restarted_relay_costs_one_bucket_and_one_descriptor(
    autojump_clock: MockClock, world: World
) -> None:
    await world.refresh()
    for member in world.members:
        world.tell(member, 150, boot=2)
    await trio.sleep(1)
    await world.refresh()
    assert world.known()[node_id(150)] == 2
    assert world.net.calls == {
        rpc.SNAPSHOT: 3,
        rpc.BUCKETS: 1,
        rpc.ENTRIES: 1,
        rpc.DESCRIPTORS: 1,
    }


async def test_k31_a_version_at_one_source_only_is_found_in_a_large_set(
    autojump_clock: MockClock, world: World
) -> None:
    """A descriptor shown to one client only: not used, proved, and the relay is shut out."""
    await world.refresh()
    desk = world.members[0].service.descriptors
    special = descriptor(77, mix=b"for one victim")
    honest = desk.find(digest_of(MANY[77].raw), WALL)
    assert honest is not None
    desk._newest[special.node_id] = special
    desk._digests[special.node_id] = digest_of(special.raw)
    desk._handled.add(special.raw, special.node_id)
    desk.generation += 1
    await trio.sleep(1)
    result = await world.refresh()
    assert [proof.node_id for proof in result.proofs] == [special.node_id]
    assert special.node_id not in world.known()
    for member in world.members[1:3]:
        assert member.service.descriptors.is_excluded(special.node_id)


async def test_k31_a_newer_version_at_one_source_only_is_offered_and_not_used(
    autojump_clock: MockClock, world: World
) -> None:
    await world.refresh()
    world.tell(world.members[0], 77, boot=2)
    world.members[1].service.descriptors.offer = (  # type: ignore[method-assign]
        lambda raw, now: []  # they do not take it from a client
    )
    world.members[2].service.descriptors.offer = (  # type: ignore[method-assign]
        lambda raw, now: []
    )
    await trio.sleep(1)
    await world.refresh()
    assert world.net.calls[rpc.ANNOUNCE] == 2
    assert world.known()[node_id(77)] == 1


async def test_k31_control_what_two_sources_show_is_used(
    autojump_clock: MockClock, world: World
) -> None:
    await world.refresh()
    for member in world.members[:2]:
        world.tell(member, 77, boot=2)
    await trio.sleep(1)
    await world.refresh()
    assert world.known()[node_id(77)] == 2


async def test_a_source_that_hides_relays_of_a_large_set_is_dropped(
    autojump_clock: MockClock, world: World
) -> None:
    await world.refresh()
    hiding = world.members[0].service.descriptors
    for number in range(150, 180):
        gone = hiding._newest.pop(node_id(number))
        del hiding._digests[gone.node_id]
    hiding.generation += 1
    hiding.offer = lambda raw, now: []  # type: ignore[method-assign]
    await trio.sleep(1)
    result = await world.refresh()
    assert result.dropped == (world.members[0].node_id,)
    assert len(world.known()) == 200


@pytest.mark.parametrize("fault", ["root", "refuses", "garbage"])
async def test_a_hostile_source_costs_only_its_voice(
    autojump_clock: MockClock, world: World, fault: str
) -> None:
    def lie(method: str) -> bytes:
        if method == rpc.SNAPSHOT:
            return encode_response(bytes(32), [])
        if fault == "refuses":
            return encode_refusal("gone")
        if fault == "garbage":
            return b"\xc1"
        return encode_response([bytes(20)])

    world.members[0].answers = lie
    result = await world.refresh()
    assert result.failed[:1] == (world.members[0].node_id,)
    assert len(world.known()) == 200


@pytest.mark.parametrize("place", range(3))
async def test_a_source_that_drips_does_not_hold_up_the_others(
    autojump_clock: MockClock, world: World, place: int
) -> None:
    # Which of several tasks runs first, when all could, is drawn: so each has its own time, and
    # the two others wait for the slow one side by side.
    delays = ((0.0, 0.501, 1.0)[place], 0.5, 0.502)
    world.delays = dict(zip(world.sources, delays, strict=True))
    slow = world.members[0].service._answers.snapshots
    buckets = slow.buckets

    async def dripping(*request: object) -> bytes:
        await trio.sleep(50)
        return await buckets(*request)  # type: ignore[arg-type]

    slow.buckets = dripping  # type: ignore[method-assign, assignment]
    began = trio.current_time()
    await world.refresh()
    assert trio.current_time() - began < 70
    assert len(world.known()) == 200
    assert world.net.calls[rpc.DESCRIPTORS] == 1, "what is new was asked for more than once"


async def test_one_readers_questions_meet_one_set_although_gossip_goes_on(
    autojump_clock: MockClock, world: World
) -> None:
    member = world.members[0]
    link = world.net.client(member.node_id)
    root = rpc.decode_snapshot_response(await link.request(rpc.encode_snapshot_request())).root
    world.tell(member, *range(40), boot=2)
    await trio.sleep(1)
    later = rpc.decode_snapshot_response(await link.request(rpc.encode_snapshot_request())).root
    assert later != root
    hashes = rpc.decode_buckets_response(await link.request(rpc.encode_buckets_request(root)))
    call = rpc.encode_entries_request(root, range(len(hashes)))
    shown = rpc.decode_entries_response(await link.request(call), len(hashes))
    assert sorted(d for bucket in shown for d in bucket) == sorted(digest_of(i.raw) for i in MANY)


async def test_roots_that_were_never_shown_or_long_ago_are_gone(
    autojump_clock: MockClock, world: World
) -> None:
    member = world.members[0]
    link = world.net.client(member.node_id)
    root = rpc.decode_snapshot_response(await link.request(rpc.encode_snapshot_request())).root
    world.tell(member, 3, boot=2)
    await trio.sleep(KEPT_SECONDS + 1)
    await link.request(rpc.encode_snapshot_request())
    for asked in (root, bytes(32)):
        with pytest.raises(RefusedError):
            decode_response(await link.request(rpc.encode_buckets_request(asked)))
    later = rpc.decode_snapshot_response(await link.request(rpc.encode_snapshot_request())).root
    with pytest.raises(RefusedError):
        decode_response(await link.request(rpc.encode_entries_request(later, [999])))


async def test_what_roots_take_is_bounded(
    autojump_clock: MockClock, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zentalk.relay.directory.snapshot_server.KEPT_RELAYS", 1000)
    member = world.members[0]
    link = world.net.client(member.node_id)
    desk: SnapshotServer = member.service._answers.snapshots
    for boot in range(2, 12):
        world.tell(member, 5, boot=boot)
        await trio.sleep(0.1)
        await link.request(rpc.encode_snapshot_request())
    assert len(desk._trees) == 5
    assert desk._held == 1000


async def test_a_set_that_keeps_changing_is_not_cut_up_at_every_question(
    autojump_clock: MockClock, world: World
) -> None:
    member = world.members[0]
    link = world.net.client(member.node_id)
    roots = set()
    for boot in range(2, 22):
        world.tell(member, 5, boot=boot)
        answer = await link.request(rpc.encode_snapshot_request())
        roots.add(rpc.decode_snapshot_response(answer).root)
    assert len(roots) <= 12
