from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.directory.support import WALL, descriptor, identity, node_id, seeded, worked
from tests.relay.directory_net import FakeLink, Member, Net
from zentalk.directory.distance import HolderMap
from zentalk.directory.identity_work import work_bits
from zentalk.directory.records import PUBLISHED_WORK_BITS
from zentalk.errors import ConnectFailedError, UnavailableError
from zentalk.ids import Day, NodeId, SendId, UserAddress, day_at
from zentalk.node.records import holders as directory_client
from zentalk.node.records.holders import SETTLE_SECONDS, WAVE, RecordHolders
from zentalk.node.snapshot import client
from zentalk.node.snapshot.client import SnapshotClient
from zentalk.wire.descriptor import Descriptor
from zentalk.wire.rpc import encode_response
from zentalk.wire.user_record import (
    MailboxEntry,
    RecordContents,
    decode_record,
    find_record_work,
    seal_record,
)

TODAY = day_at(WALL)
ALICE = identity(5_000)
ADDRESS = UserAddress(ALICE.public)


def contents(number: int = 1) -> RecordContents:
    entry = MailboxEntry(node_id(number), SendId(bytes([number]) * 16), bytes(32))
    return RecordContents((entry,), b"signed", b"pq")


def record(sequence: int = 1, number: int = 1, day: int = TODAY) -> bytes:
    return worked(seal_record(ALICE, Day(day), sequence, contents(number), seeded(f"{sequence}")))


class Tunnels:
    """Opens tunnels to members of a net; some relays may be out of reach or too slow."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self.opened: list[NodeId] = []
        self.closed = 0
        self.dead: set[NodeId] = set()
        self.slow: dict[NodeId, float] = {}

    @asynccontextmanager
    async def __call__(self, node_id: NodeId) -> AsyncIterator[FakeLink]:
        self.opened.append(node_id)
        await trio.sleep(self.slow.get(node_id, 0.01))
        if node_id in self.dead:
            raise ConnectFailedError("there", "no route")
        try:
            yield self.net.client(node_id)
        finally:
            self.closed += 1


class World:
    """Relays that know each other, and one API node's clients."""

    def __init__(self, folder: Path, count: int) -> None:
        self.net = Net(folder)
        self.members = [self.net.add(number) for number in range(count)]
        self.by_id = {member.node_id: member for member in self.members}
        self.tunnels = Tunnels(self.net)
        self.acquaint(self.members)
        runtime = self.net.runtime.for_part("node")
        self.snapshot = SnapshotClient(runtime, self.tunnels, "local")
        self.client = RecordHolders(runtime, self.tunnels, self.relays)

    def acquaint(self, members: Iterable[Member], *, absent: Iterable[int] = ()) -> None:
        missing = {node_id(number) for number in absent}
        for member in members:
            for other in self.members:
                if other.node_id not in missing:
                    member.observe(other.own)
                    member.service.descriptors.offer(other.own.raw, WALL)

    def relays(self) -> dict[NodeId, Descriptor]:
        return {member.node_id: member.own for member in self.members}

    def ids(self, *numbers: int) -> list[NodeId]:
        return [self.members[number].node_id for number in numbers]

    def holders(self) -> list[Member]:
        mapped = HolderMap([member.own for member in self.members], TODAY)
        ids = {
            one for point in mapped.holders(decode_record(record()).blinded_key) for one in point
        }
        return [self.by_id[one] for one in sorted(ids)]


Make = Callable[[int], World]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return lambda count: World(tmp_path, count)


# publishing and finding


async def test_a_published_record_is_found(autojump_clock: MockClock, make: Make) -> None:
    world = make(40)
    published = await world.client.publish_record(record())
    assert published.stored == len(world.holders())
    assert not published.refused
    assert await world.client.find_record(ADDRESS, TODAY) == contents()
    assert world.tunnels.closed == len(world.tunnels.opened), "every tunnel is short"


async def test_every_question_has_a_tunnel_of_its_own_and_few_are_asked(
    autojump_clock: MockClock, make: Make
) -> None:
    world = make(60)
    await world.client.publish_record(record())
    world.tunnels.opened.clear()
    await world.client.find_record(ADDRESS, TODAY)
    assert len(world.tunnels.opened) <= WAVE
    assert len(set(world.tunnels.opened)) == len(world.tunnels.opened)


async def test_the_highest_sequence_wins(autojump_clock: MockClock, make: Make) -> None:
    world = make(4)
    await world.client.publish_record(record(sequence=1, number=1))
    newest = world.members[2]
    await newest.service.records.put(record(sequence=7, number=7))
    assert await world.client.find_record(ADDRESS, TODAY) == contents(7)


async def test_k8_holders_that_roll_back_lose_against_one_that_does_not(
    autojump_clock: MockClock, make: Make
) -> None:
    world = make(4)
    await world.client.publish_record(record(sequence=9, number=9))
    old = record(sequence=2, number=2)
    for member in world.members[1:]:
        member.answers = lambda method: encode_response(old)
    assert await world.client.find_record(ADDRESS, TODAY) == contents(9)


async def test_k8_with_the_newest_not_chosen_the_rollback_wins(
    autojump_clock: MockClock, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: taking the lowest instead of the highest."""
    monkeypatch.setattr(
        directory_client,
        "best",
        lambda found: min(found, key=lambda one: one.sequence, default=None),
    )
    world = make(4)
    await world.client.publish_record(record(sequence=9, number=9))
    old = record(sequence=2, number=2)
    for member in world.members[1:]:
        member.answers = lambda method: encode_response(old)
    assert await world.client.find_record(ADDRESS, TODAY) == contents(2)


async def test_k7_honest_records_are_found_among_lying_and_silent_holders(
    autojump_clock: MockClock, make: Make
) -> None:
    world = make(60)
    await world.client.publish_record(record())
    other = seal_record(identity(6_000), TODAY, 99, contents(9), seeded("x"))
    forged = record()[:-10] + b"!!" + record()[-8:]
    answers = [b"", other, forged, bytes(len(record()))]
    holders = world.holders()
    for number, member in enumerate(holders[:-1]):
        if number % 5 == 4:
            world.tunnels.dead.add(member.node_id)
        else:
            shown = answers[number % 5]
            member.answers = lambda method, shown=shown: encode_response(shown)
    assert await world.client.find_record(ADDRESS, TODAY) == contents()


async def test_an_answer_that_makes_no_sense_counts_as_none(
    autojump_clock: MockClock, make: Make
) -> None:
    world = make(5)
    await world.client.publish_record(record())
    for member in world.members[:4]:
        member.answers = lambda method: b"\xc1nonsense"
    assert await world.client.find_record(ADDRESS, TODAY) == contents()


async def test_nobody_has_it(autojump_clock: MockClock, make: Make) -> None:
    world = make(30)
    with pytest.raises(UnavailableError, match="no relay has a record"):
        await world.client.find_record(ADDRESS, TODAY)
    assert set(world.tunnels.opened) == {member.node_id for member in world.holders()}


async def test_days_that_are_not_valid_now_are_not_asked_for(
    autojump_clock: MockClock, make: Make
) -> None:
    world = make(3)
    with pytest.raises(UnavailableError, match="not valid now"):
        await world.client.find_record(ADDRESS, Day(TODAY + 2))
    assert world.tunnels.opened == []


async def test_slow_holders_do_not_delay_a_record_that_is_there(
    autojump_clock: MockClock, make: Make
) -> None:
    world = make(6)
    await world.client.publish_record(record())
    fast = world.members[0]
    world.tunnels.slow = {one: 30.0 for one in world.by_id if one != fast.node_id}
    world.client._request_order = lambda points: [fast.node_id, *world.tunnels.slow]  # type: ignore[method-assign]
    before = trio.current_time()
    await world.client.find_record(ADDRESS, TODAY)
    assert trio.current_time() - before <= SETTLE_SECONDS + 0.1


async def test_publishing_needs_one_holder_and_counts_the_others(
    autojump_clock: MockClock, make: Make
) -> None:
    world = make(3)
    world.tunnels.dead.update(world.ids(0))
    await world.members[1].service.records.put(record(sequence=9))
    published = await world.client.publish_record(record())
    assert (published.stored, published.failed) == (1, 1)
    assert published.refused == {"stale": 1}
    world.tunnels.dead.update(world.ids(1, 2))
    with pytest.raises(UnavailableError, match="no relay took"):
        await world.client.publish_record(record())


async def test_without_relays_nothing_can_be_done(autojump_clock: MockClock, make: Make) -> None:
    world = make(1)
    lost = RecordHolders(world.net.runtime, world.tunnels, dict)
    with pytest.raises(UnavailableError, match="no relay is known"):
        await lost.find_record(ADDRESS, TODAY)


# the snapshot


async def test_a_snapshot_over_three_sources(autojump_clock: MockClock, make: Make) -> None:
    world = make(10)
    assert world.snapshot.unverified
    result = await world.snapshot.fetch_snapshot(world.ids(0, 1, 2))
    assert set(world.snapshot.descriptors()) == set(world.by_id)
    assert not world.snapshot.unverified
    assert result.complete
    assert world.net.calls == {"dir.snapshot": 3}
    assert len(world.tunnels.opened) == world.tunnels.closed == 3


async def test_a_second_refresh_verifies_nothing_again(
    autojump_clock: MockClock, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make(10)
    await world.snapshot.fetch_snapshot(world.ids(0, 1, 2))
    monkeypatch.setattr(
        "zentalk.node.snapshot.client.decode_descriptor", lambda raw: pytest.fail("again")
    )
    await world.snapshot.fetch_snapshot(world.ids(3, 4, 5))
    assert set(world.snapshot.descriptors()) == set(world.by_id)


async def test_a_newcomer_known_to_one_source_is_offered_and_accepted(
    autojump_clock: MockClock, make: Make
) -> None:
    world = make(10)
    newcomer = descriptor(77)
    for member in world.members:
        member.observe(newcomer)
    world.members[0].service.descriptors.offer(newcomer.raw, WALL)
    await world.snapshot.fetch_snapshot(world.ids(0, 1, 2))
    assert newcomer.node_id in world.snapshot.descriptors()
    assert world.members[1].service.state.known.descriptor_of(newcomer.node_id) == newcomer
    assert len(world.tunnels.opened) == 3, "asked again over the same tunnels"


async def test_k31_a_guard_with_its_own_version_is_found_out(
    autojump_clock: MockClock, make: Make
) -> None:
    world = make(10)
    special = descriptor(5, mix=b"for one victim")
    shown = [special if one.number == 5 else one.own for one in world.members]
    world.members[0].answers = lambda method: encode_response(b"", [one.raw for one in shown])
    result = await world.snapshot.fetch_snapshot(world.ids(0, 1, 2))
    assert special.node_id not in world.snapshot.descriptors()
    assert [proof.node_id for proof in result.proofs] == [special.node_id]
    assert [proof.node_id for proof in world.snapshot.proofs()] == [special.node_id]
    for number in (1, 2):
        assert world.members[number].service.descriptors.is_excluded(special.node_id)
    # It stays out, whatever is shown later.
    await world.snapshot.fetch_snapshot(world.ids(3, 4, 6))
    assert special.node_id not in world.snapshot.descriptors()


async def test_k31_with_a_single_source_the_version_is_used(
    autojump_clock: MockClock, make: Make
) -> None:
    """Control: without a second source there is nothing to compare; it says `unverified`."""
    world = make(10)
    special = descriptor(5, mix=b"for one victim")
    shown = [special if one.number == 5 else one.own for one in world.members]
    world.members[0].answers = lambda method: encode_response(b"", [one.raw for one in shown])
    result = await world.snapshot.fetch_snapshot(world.ids(0))
    assert world.snapshot.descriptors()[special.node_id] == special
    assert result.unverified
    assert world.snapshot.unverified


async def test_an_unverified_start_is_forgotten_at_the_first_verified_refresh(
    autojump_clock: MockClock, make: Make
) -> None:
    world = make(10)
    planted = descriptor(66)
    shown = [*(one.own for one in world.members), planted]
    world.members[0].answers = lambda method: encode_response(b"", [one.raw for one in shown])
    await world.snapshot.fetch_snapshot(world.ids(0))
    assert planted.node_id in world.snapshot.descriptors()
    await world.snapshot.fetch_snapshot(world.ids(1, 2, 3))
    assert planted.node_id not in world.snapshot.descriptors()
    assert not world.snapshot.unverified


async def test_a_source_that_hides_relays_is_dropped(autojump_clock: MockClock, make: Make) -> None:
    world = make(10)
    world.members[0].answers = lambda method: encode_response(
        b"", [one.own.raw for one in world.members[:4]]
    )
    result = await world.snapshot.fetch_snapshot(world.ids(0, 1, 2))
    assert result.dropped == tuple(world.ids(0))
    assert set(world.snapshot.descriptors()) == set(world.by_id)


@pytest.mark.parametrize("fault", ["dead", "garbage", "forged"])
async def test_a_faulty_source_costs_only_its_voice(
    autojump_clock: MockClock, make: Make, fault: str
) -> None:
    world = make(10)
    raw = world.members[4].own.raw
    if fault == "dead":
        world.tunnels.dead.update(world.ids(0))
    elif fault == "garbage":
        world.members[0].answers = lambda method: b"\xc1"
    else:
        world.members[0].answers = lambda method: encode_response(b"", [raw[:-1] + b"\x00"])
    result = await world.snapshot.fetch_snapshot(world.ids(0, 1, 2))
    assert result.failed == tuple(world.ids(0))
    assert set(world.snapshot.descriptors()) == set(world.by_id)


async def test_when_nobody_answers_what_is_held_stays(
    autojump_clock: MockClock, make: Make
) -> None:
    world = make(10)
    await world.snapshot.fetch_snapshot(world.ids(0, 1, 2))
    world.tunnels.dead.update(world.by_id)
    result = await world.snapshot.fetch_snapshot(world.ids(0, 1, 2))
    assert not result.complete
    assert set(world.snapshot.descriptors()) == set(world.by_id)
    assert not world.snapshot.unverified


async def test_a_saved_snapshot_is_taken_up_again(autojump_clock: MockClock, make: Make) -> None:
    world = make(10)
    guilty = descriptor(3, mix=b"other")
    fresh = SnapshotClient(world.net.runtime, world.tunnels, "local")
    fresh.restore(
        [*(one.own.raw for one in world.members), b"damaged", descriptor(9, network="main").raw],
        [(world.members[3].own.raw, guilty.raw), (b"", b"")],
    )
    assert set(fresh.descriptors()) == set(world.by_id) - {guilty.node_id}
    assert not fresh.unverified


async def test_one_source_cannot_fill_memory_with_relays_it_made_up(
    autojump_clock: MockClock, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_PROOFS", 3)
    world = make(10)
    cheat = world.members[5].own
    for start in range(100, 400, 100):
        invented = [
            descriptor(number, mix=mix)
            for number in range(start, start + 20)
            for mix in (b"", b"x")
        ]
        shown = [*(one.own for one in world.members), *invented]
        world.members[0].answers = lambda method, s=shown: encode_response(
            b"", [one.raw for one in s]
        )
        await world.snapshot.fetch_snapshot(world.ids(0, 1, 2))
        assert len(world.snapshot.proofs()) == 3
        assert len(world.snapshot._verified) == 10
    # Proofs against relays that were in use still count.
    both = [*(one.own for one in world.members), descriptor(5, mix=b"other")]
    world.members[0].answers = lambda method: encode_response(b"", [one.raw for one in both])
    await world.snapshot.fetch_snapshot(world.ids(0, 1, 2))
    assert cheat.node_id in {proof.node_id for proof in world.snapshot.proofs()}
    assert cheat.node_id not in world.snapshot.descriptors()


async def test_refreshes_that_never_complete_leave_nothing_behind(
    autojump_clock: MockClock, make: Make
) -> None:
    world = make(3)
    world.tunnels.dead.update(world.ids(1, 2))
    await world.snapshot.fetch_snapshot(world.ids(0))
    world.snapshot.unverified = False  # it had a snapshot that two agreed on
    invented = [descriptor(number) for number in range(100, 150)]
    world.members[0].answers = lambda method: encode_response(b"", [one.raw for one in invented])
    result = await world.snapshot.fetch_snapshot(world.ids(0, 1, 2))
    assert not result.complete
    assert len(world.snapshot._verified) == 3


async def test_boots_are_counted_over_refreshes(autojump_clock: MockClock, make: Make) -> None:
    world = make(3)
    await world.snapshot.fetch_snapshot(world.ids(0, 1, 2))
    restarted = descriptor(1, boot=6)
    for member in world.members:
        member.service.descriptors.offer(restarted.raw, WALL)
    await world.snapshot.fetch_snapshot(world.ids(0, 1, 2))
    assert world.snapshot.boots_last_hour()[restarted.node_id] == 5
    assert world.snapshot.boots_last_hour()[node_id(0)] == 0


async def test_k7_relays_with_too_little_work_are_not_used_whoever_shows_them(
    autojump_clock: MockClock, make: Make
) -> None:
    world = make(10)
    ids = [one.node_id for one in world.members]
    wanted = 1
    strong = {one for one in ids if work_bits(one) >= wanted}
    runtime = world.net.runtime
    strict = SnapshotClient(runtime, world.tunnels, "local", wanted)
    await strict.fetch_snapshot(world.ids(0, 1, 2))
    assert set(strict.descriptors()) == strong < set(ids)
    again = SnapshotClient(runtime, world.tunnels, "local", wanted)
    again.restore(one.own.raw for one in world.members)
    assert set(again.descriptors()) == strong, "an old file is no way round it"
    free = SnapshotClient(runtime, world.tunnels, "local")
    await free.fetch_snapshot(world.ids(0, 1, 2))
    assert set(free.descriptors()) == set(ids), "control: nothing is asked for"


async def fill_holders(world: World, bits: int, count: int = 5) -> None:
    """Give relays one record of somebody else; they have room for no second one."""
    other = worked(seal_record(identity(6_000), TODAY, 1, contents(9), seeded("x")), bits)
    for member in world.members[:count]:
        member.service.records._max_records = 1
        await member.service.records.put(other)


async def test_who_finds_holders_full_brings_more_work(
    autojump_clock: MockClock, make: Make
) -> None:
    world = make(5)
    await fill_holders(world, PUBLISHED_WORK_BITS + 2)
    published = await world.client.publish_record(record())
    assert published.stored == 5
    assert await world.client.find_record(ADDRESS, TODAY) == contents()


async def test_one_holder_that_says_it_is_full_does_not_make_an_owner_work(
    autojump_clock: MockClock, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make(5)
    await fill_holders(world, PUBLISHED_WORK_BITS + 2, count=1)
    asked: list[int] = []

    def noting(raw: bytes, bits: int, start: int, tries: int) -> bytes | None:
        asked.append(bits)
        return find_record_work(raw, bits, start, tries)

    monkeypatch.setattr(directory_client, "find_record_work", noting)
    published = await world.client.publish_record(record())
    assert published.stored == 4
    assert published.refused == {"full": 1}
    assert set(asked) == {PUBLISHED_WORK_BITS}


async def test_without_more_work_full_holders_stay_full(
    autojump_clock: MockClock, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control."""
    monkeypatch.setattr(directory_client, "MOST_WORK_BITS", PUBLISHED_WORK_BITS)
    world = make(5)
    await fill_holders(world, PUBLISHED_WORK_BITS + 2)
    with pytest.raises(UnavailableError):
        await world.client.publish_record(record())
