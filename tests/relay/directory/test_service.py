import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.directory.support import EPOCH, HOUR, descriptor, node_id
from tests.relay.directory_net import (
    FakeLink,
    Far,
    Member,
    Net,
    boot_at,
    eventually,
    start,
    until,
)
from zentalk.directory.identity_work import work_bits
from zentalk.ids import NodeId
from zentalk.wire.descriptor import decode_descriptor
from zentalk.wire.rpc import encode_response
from zentalk.wire.rpc_directory import (
    decode_find_response,
    encode_announces,
    encode_find_request,
)


@pytest.fixture
def net(tmp_path: Path) -> Net:
    return Net(tmp_path)


@pytest.fixture
async def nursery() -> AsyncIterator[trio.Nursery]:
    async with trio.open_nursery() as nursery:
        yield nursery
        nursery.cancel_scope.cancel()


async def test_relays_find_each_other_through_one_bootstrap(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    members = [net.add(0), *(net.add(number, [0]) for number in range(1, 12))]
    start(nursery, *members)
    await until(net, 10)


async def test_relays_started_in_any_order_find_each_other(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    """The bootstraps come last, and name each other."""
    late = [net.add(0, [1]), net.add(1, [0])]
    for member in late:
        member.up = False
    early = [net.add(number, [0, 1]) for number in range(2, 8)]
    start(nursery, *early)
    await trio.sleep(5)
    assert not net.everyone_knows_everyone()
    for member in late:
        member.up = True
        start(nursery, member)
        await trio.sleep(3)
    await until(net, 90)


@pytest.mark.slow
async def test_a_hundred_relays_in_one_process_converge_with_bounded_work(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted work, as times belong to benchmarks: links, notifications, verifications."""
    verified = 0

    def counting(raw: bytes) -> object:
        nonlocal verified
        verified += 1
        return decode_descriptor(raw)

    monkeypatch.setattr("zentalk.directory.descriptor_set.decode_descriptor", counting)
    members = [net.add(0), net.add(1, [0])]
    members += [net.add(number, [0, 1]) for number in range(2, 100)]
    start(nursery, *members)
    await until(net, 15)
    assert verified <= 100 * 100, "each relay verifies each descriptor once"
    assert net.dials <= 100 * 12
    assert net.calls.get("dir.announce", 0) <= 100 * 60
    assert net.faults == 0


async def test_a_relay_without_bootstraps_is_joined_at_once(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    alone = net.add(0)
    start(nursery, alone)
    before = trio.current_time()
    assert await alone.service.joined()
    assert trio.current_time() == before


async def test_joined_as_soon_as_the_bootstraps_answered(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    first, second = net.add(0), net.add(1, [0])
    start(nursery, first, second)
    before = trio.current_time()
    assert await second.service.joined(10)
    assert trio.current_time() - before < 1
    assert second.knows() == {first.node_id, second.node_id}


async def test_with_every_bootstrap_down_ready_comes_after_the_limit(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    down, alone = net.add(0), net.add(1, [0])
    down.up = False
    start(nursery, alone)
    before = trio.current_time()
    assert not await alone.service.joined(10)
    assert trio.current_time() - before == 10


async def test_one_of_two_bootstraps_down_does_not_delay(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    first, down, new = net.add(0), net.add(1), net.add(2, [0, 1])
    down.up = False
    start(nursery, first, new)
    before = trio.current_time()
    assert await new.service.joined(10)
    assert trio.current_time() - before < 1


async def test_a_relays_own_uri_among_its_bootstraps_is_skipped(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    alone = net.add(0, [0])
    start(nursery, alone)
    assert await alone.service.joined(0)


async def test_k37_a_new_boot_reaches_everyone(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    members = [net.add(0), *(net.add(number, [0]) for number in range(1, 20))]
    start(nursery, *members)
    await until(net, 10)
    again = members[7]
    again.own = descriptor(7, boot=again.store.next_boot())
    again.service.publish_own()
    await eventually(lambda: all(boot_at(one, again.node_id) == 2 for one in members))


@pytest.mark.slow
async def test_the_next_epochs_descriptors_replace_the_last_before_they_expire(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    members = [net.add(0), *(net.add(number, [0]) for number in range(1, 8))]
    start(nursery, *members)
    await until(net, 10)
    for _ in range(3):
        await trio.sleep(HOUR)
        for member in members:
            member.turn_epoch()

    def all_are_new() -> bool:
        shown = [one.service.descriptors.live(net.runtime.wall()) for one in members]
        return {item.epoch for items in shown for item in items} == {EPOCH + 3}

    await eventually(all_are_new)
    assert net.everyone_knows_everyone()


async def test_a_silent_relay_expires_and_stays_as_a_hint(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    first, gone = net.add(0), net.add(1, [0])
    start(nursery, first, gone)
    await until(net, 10)
    gone.up = False
    await trio.sleep(2 * HOUR)
    first.turn_epoch()
    await trio.sleep(120)
    assert first.knows() == {first.node_id}
    assert gone.node_id not in first.service.state.table
    assert first.service.state.known.hints_of(gone.node_id) == [gone.own.uri]


async def test_a_full_restart_forgets_nothing(
    autojump_clock: MockClock, net: Net, tmp_path: Path
) -> None:
    """Every relay goes down; they come back with empty links and no bootstraps."""
    first, second = net.add(0), net.add(1, [0])
    async with trio.open_nursery() as before:
        start(before, first, second)
        await until(net, 10)
        before.cancel_scope.cancel()
    for member in (first, second):
        member.store.close()
    restarted = Net(tmp_path)
    back = [restarted.add(0), restarted.add(1)]
    async with trio.open_nursery() as after:
        start(after, *back)
        await trio.sleep(0.1)
        assert all(len(member.knows()) == 2 for member in back)
        await trio.sleep(10)
        boots = [
            member.service.descriptors.get(other.node_id, restarted.runtime.wall())
            for member in back
            for other in back
        ]
        assert {item.boot for item in boots if item} == {2}
        after.cancel_scope.cancel()


@pytest.mark.slow
async def test_two_halves_find_each_other_after_hours_apart(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    """Each half forgets the other's descriptors; bootstraps and hints bring them back."""
    members = [net.add(0), *(net.add(number, [0]) for number in range(1, 10))]
    start(nursery, *members)
    await until(net, 10)
    net.far_side = {5, 6, 7, 8, 9}
    for _ in range(3):
        await trio.sleep(HOUR)
        for member in members:
            member.turn_epoch()
    await trio.sleep(120)
    assert len(members[0].knows()) == 5
    assert len(members[7].knows()) == 5
    net.far_side = set()
    await until(net, 300)


async def test_dead_neighbours_do_not_hold_up_the_news(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    members = [net.add(0), *(net.add(number, [0]) for number in range(1, 12))]
    start(nursery, *members)
    await until(net, 10)
    await trio.sleep(20)
    net.far_side = set(range(3, 12))  # dials to these hang for ten seconds
    for member in members:
        member.links.open.clear()
    news = descriptor(1, boot=9)
    (call,) = encode_announces([news.raw])
    net.client(members[0].node_id).notify(call)
    members[0].links.open[members[2].node_id] = net_link(net, members[0], members[2])
    before = trio.current_time()
    await eventually(lambda: boot_at(members[2], news.node_id) == 9)
    assert trio.current_time() - before < 2


def net_link(net: Net, near: Member, there: Member) -> FakeLink:
    return FakeLink(net, Far(there.node_id, None), near)


# the table


async def test_k7_only_relays_that_completed_a_handshake_enter_the_table(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    first, liar = net.add(0), net.add(1)
    first_service = first.service
    start(nursery, first)
    await trio.sleep(1)
    rumours = [descriptor(number) for number in range(50, 80)]
    liar.answers = lambda method: encode_response([item.raw for item in rumours[:20]])
    first.observe(liar.own)
    first.service.relay_connected(FakeLink(net, Far(liar.node_id, liar.own), None))
    await first.service.find(rumours[0].node_id)
    assert not any(first_service.state.is_new(item.raw) for item in rumours[:20]), "heard of"
    assert first.knows() == {first.node_id, liar.node_id}, "and not observed"
    assert list(first_service.state.table.nearest(bytes(32))) in ([], [liar.node_id])


async def test_k7_control_if_rumours_entered_the_table_a_liar_would_fill_it(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: enter whatever is learnt, as stock Kademlia does."""
    first, liar = net.add(0), net.add(1)
    learn = first.service.state.learn

    def trusting(raws: Sequence[bytes], source: NodeId | None) -> None:
        learn(raws, source)
        for raw in raws:
            first.service.state._enter(decode_descriptor(raw))

    monkeypatch.setattr(first.service.state, "learn", trusting)
    start(nursery, first)
    await trio.sleep(1)
    rumours = [descriptor(number) for number in range(50, 70)]
    liar.answers = lambda method: encode_response([item.raw for item in rumours])
    first.observe(liar.own)
    first.service.relay_connected(FakeLink(net, Far(liar.node_id, liar.own), None))
    await first.service.find(rumours[0].node_id)
    assert len(first.service.state.table) > 10, "most of them do not exist"


@pytest.mark.slow
async def test_find_answers_never_more_than_twenty(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    members = [net.add(0), *(net.add(number, [0]) for number in range(1, 40))]
    start(nursery, *members)
    await until(net, 10)
    await trio.sleep(10)
    assert len(members[0].service.state.table) > 25
    body = await net.client(members[0].node_id).request(encode_find_request(node_id(5)))
    raws = decode_find_response(body)
    assert len(raws) == 20
    assert members[0].own.raw in raws


@pytest.mark.slow
async def test_a_lookup_over_the_network_finds_the_nearest(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    members = [net.add(0), *(net.add(number, [0]) for number in range(1, 40))]
    start(nursery, *members)
    await until(net, 10)
    await trio.sleep(10)
    target = int.from_bytes(bytes(32), "big")
    found = await members[30].service.find(bytes(32))
    others = sorted(
        (int.from_bytes(member.node_id, "big") ^ target, member.node_id)
        for member in members
        if member is not members[30]
    )
    assert found[:3] == tuple(one for _, one in others[:3])


async def test_a_source_with_invalid_descriptors_is_not_believed(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    first, liar = net.add(0, [1]), net.add(1)
    bad = descriptor(9).raw[:-1] + b"\x00"
    liar.answers = lambda method: encode_response(b"", [bad, descriptor(8).raw])
    start(nursery, first)
    assert not await first.service.joined(10)
    assert first.knows() == {first.node_id}


async def test_the_same_seed_gives_the_same_network(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # trio runs tasks that are ready at the same time in an order of its own drawing.
    monkeypatch.setattr("trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING", True)
    counts = []
    for attempt in range(2):
        monkeypatch.setattr("trio._core._run._r", random.Random(0))
        net = Net(tmp_path / str(attempt), seed=5)
        members = [net.add(0), *(net.add(number, [0]) for number in range(1, 10))]
        async with trio.open_nursery() as nursery:
            start(nursery, *members)
            began = trio.current_time()
            await until(net, 10)
            await trio.sleep(began + 100 - trio.current_time())
            nursery.cancel_scope.cancel()
        counts.append((net.calls, net.dials))
    assert counts[0] == counts[1]


async def test_k7_a_relay_with_too_little_work_counts_for_nothing(
    autojump_clock: MockClock, net: Net, nursery: trio.Nursery
) -> None:
    strong = max(range(1, 20), key=lambda number: work_bits(node_id(number)))
    weak = min(range(1, 20), key=lambda number: work_bits(node_id(number)))
    demanding = net.add(0, id_difficulty=work_bits(node_id(strong)))
    free = net.add(30)
    start(nursery, demanding, free)
    await trio.sleep(0.1)
    for asked, counts in ((demanding, {strong}), (free, {strong, weak})):
        for number in (weak, strong):
            asked.observe(descriptor(number))
            link = FakeLink(net, Far(node_id(number), descriptor(number)), None)
            assert asked.service.relay_connected(link) == (number in counts)
            assert (node_id(number) in asked.service.state.table) == (number in counts)
            assert (node_id(number) in asked.knows()) == (number in counts)
